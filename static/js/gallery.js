// A thumbnail slides its photo into view in place, without a step in the history or a jump of the
// page, and the thumbnail of the photo that is seen is marked.
const gallery = document.querySelector("[data-gallery]");
const strip = gallery.querySelector(".strip");
const thumbs = [...gallery.querySelectorAll(".thumbs a")];

for (const [index, thumb] of thumbs.entries()) {
  thumb.addEventListener("click", (event) => {
    event.preventDefault();
    strip.scrollTo({ left: strip.children[index].offsetLeft - strip.offsetLeft });
  });
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const thumb of thumbs) {
        if (thumb.hash === `#${target.id}`) thumb.setAttribute("aria-current", "true");
        else thumb.removeAttribute("aria-current");
      }
    }
  },
  { root: strip, threshold: 0.6 },
);
for (const photo of strip.children) seen.observe(photo);
