// A form marked data-once is sent once, however often its button is tapped by an impatient thumb.
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("[data-once]")) return;
  if (form.ariaBusy === "true") event.preventDefault();
  form.ariaBusy = "true";
  submitter?.setAttribute("aria-disabled", "true");
  if (submitter?.dataset.busy) {
    submitter.dataset.label ??= submitter.textContent;
    submitter.textContent = submitter.dataset.busy;
  }
});
// coming back by the Back button, the page is as it was left
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-once]")) form.ariaBusy = null;
  for (const button of document.querySelectorAll("[aria-disabled]")) {
    button.removeAttribute("aria-disabled");
    if (button.dataset.label) button.textContent = button.dataset.label;
  }
});
