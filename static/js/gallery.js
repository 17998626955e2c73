// A thumbnail slides its photo into view in place, without a step in the history or a jump of the
// page, and the thumbnail of the photo that is seen is marked. A photo opens in full view above the
// page, with the others below it, instead of on a page of its own.
const gallery = document.querySelector("[data-gallery]");
const strip = gallery.querySelector(".strip");
const thumbs = [...gallery.querySelectorAll(".thumbs a")];
const full = gallery.querySelector("dialog");

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

function large({ href, firstElementChild }) {
  const picture = firstElementChild.cloneNode(true);
  for (const source of picture.querySelectorAll("source")) source.srcset = href.replace(/jpeg$/, "avif");
  const photo = picture.lastElementChild;
  photo.removeAttribute("srcset");
  photo.src = href;
  return picture;
}

const links = [...strip.querySelectorAll("a")];
for (const [index, link] of links.entries()) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own was asked for
    event.preventDefault();
    if (!full.querySelector("picture")) full.append(...links.map(large));
    full.showModal();
    full.querySelectorAll("picture")[index].scrollIntoView();
  });
}
full.addEventListener("click", ({ target }) => {
  if (!target.closest("button")) full.close();
});
