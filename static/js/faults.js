// What is wrong with a field is said when it is left, at the field and in our own words, and is
// gone as soon as it is mended. The server says the same of what it gets.
const asked = "[data-wrong]";

function fault({ validity, value, form, dataset: { missing, wrong, swedish } }) {
  if (validity.valueMissing) return missing ?? wrong;
  const home = swedish && value && (form.elements.country?.value ?? "SE") === "SE";
  return validity.valid && !(home && !new RegExp(`^\\s*${swedish}\\s*$`).test(value)) ? "" : wrong;
}

function tell(field) {
  const words = fault(field), id = `${field.id}-error`;
  const note = document.getElementById(id) ?? document.createElement("span");
  note.id = id;
  note.className = "error";
  note.textContent = words;
  const told = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one !== id);
  if (words) field.after(note);
  else note.remove();
  field.setAttribute("aria-describedby", (words ? [id, ...told] : told).join(" ").trim());
  field.toggleAttribute("aria-invalid", Boolean(words));
  if (words) field.setAttribute("aria-invalid", "true");
  field.closest(".field").classList.toggle("wrong", Boolean(words));
}

document.addEventListener("focusout", ({ target }) => {
  if (target.matches(asked) && (target.value || target.ariaInvalid)) tell(target);
});
document.addEventListener("input", ({ target }) => {
  if (target.matches(asked) && target.ariaInvalid && !fault(target)) tell(target);
});
document.addEventListener("invalid", (event) => {
  const field = event.target;
  if (!field.matches(asked)) return;
  event.preventDefault(); // the browser's own bubble says less
  tell(field);
  field.form.querySelector("input:invalid").focus();
}, true);
