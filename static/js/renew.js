// When a control marked data-renews="#part, #part" changes, its form is sent in the background as
// its own small button [data-quiet] would send it, and those parts of the page are taken from the
// answer. Without script the button is there, and does the same with a new page. What has just been
// put in the basket is said to those who listen.
const renewing = "[data-renews]";

async function renew(control) {
  const { form, id } = control;
  const button = form.querySelector("[data-quiet]");
  try {
    const body = new URLSearchParams(new FormData(form));
    if (button?.name) body.set(button.name, button.value);
    const asks = form.method === "get";
    const answer = await (asks ? fetch(`${form.action}?${body}`) : fetch(form.action, { method: "POST", body }));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const parts = control.dataset.renews.split(",");
    const fresh = parts.map((part) => page.querySelector(part));
    if (fresh.includes(null)) throw new Error("another page came back");
    parts.forEach((part, index) => document.querySelector(part).replaceWith(fresh[index]));
    if (asks) history.replaceState(null, "", answer.url);
  } catch {
    form.requestSubmit(button);
    return;
  }
  document.getElementById(id)?.focus();
  const news = [...document.querySelectorAll("[data-told]")].find((part) => part.offsetParent);
  const told = document.getElementById("told");
  if (told && news) told.textContent = news.dataset.told;
}

const said = document.querySelector("[data-said]");
if (said) document.getElementById("told").textContent = said.firstChild.textContent;

let timer;
let pending;
document.addEventListener("change", ({ target }) => {
  if (!target.matches(renewing) || !target.checkValidity()) return;
  clearTimeout(timer); // several taps on the stepper are one change
  const delay = target.type === "number" ? 400 : 0;
  const change = new Promise((done) => {
    timer = setTimeout(() => done(renew(target)), delay);
  });
  pending = change;
  change.then(() => {
    if (pending === change) pending = undefined;
  });
});

// Whoever goes on at once goes on with the change.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[href]");
  if (!link || !pending) return;
  event.preventDefault();
  await pending;
  location.href = link.href;
});
