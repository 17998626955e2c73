// A password can be looked at while it is typed.
for (const field of document.querySelectorAll("input[data-reveal]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain reveal";
  button.textContent = field.dataset.reveal;
  button.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-controls", field.id);
  button.addEventListener("click", () => {
    const shown = field.type === "password";
    field.type = shown ? "text" : "password";
    button.textContent = shown ? field.dataset.conceal : field.dataset.reveal;
    button.setAttribute("aria-pressed", String(shown));
  });
  const frame = document.createElement("span");
  frame.className = "with-button";
  const focused = document.activeElement === field;
  field.replaceWith(frame);
  frame.append(field, button);
  if (focused) field.focus();
  field.form.addEventListener("submit", () => { field.type = "password"; });
}
