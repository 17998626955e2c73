// A form that takes a while is sent once, however often its button is tapped.
for (const form of document.querySelectorAll("form[data-send-once]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    form.setAttribute("aria-busy", "true");
    const button = event.submitter;
    if (button?.dataset.busy) {
      button.dataset.label = button.textContent;
      button.textContent = button.dataset.busy;
    }
  });
  // coming back to the page by the browser's own button, it can be sent again
  addEventListener("pageshow", () => {
    sent = false;
    form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll("[data-label]")) {
      button.textContent = button.dataset.label;
      delete button.dataset.label;
    }
  });
}
