// A form marked data-once is not sent twice by an impatient thumb.
document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (!target.matches("[data-once]") || !submitter?.matches(".buy")) return;
  if (submitter.hasAttribute("aria-disabled")) event.preventDefault();
  submitter.setAttribute("aria-disabled", "true");
});
// coming back by the Back button, the page is as it was left
addEventListener("pageshow", () => {
  document.querySelector(".buy[aria-disabled]")?.removeAttribute("aria-disabled");
});
