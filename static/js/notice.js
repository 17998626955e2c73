// What was just done is said once: take the code out of the address, so that a reload is silent.
if (document.querySelector("[data-notice]")) {
  const here = new URL(location.href);
  here.searchParams.delete("note");
  history.replaceState(history.state, "", here);
}
