// What a card tells the page around it where that is WordPress: how high it is, and which link was
// pressed, for a frame like this may lead nowhere by itself. Elsewhere it has nothing to tell.
(() => {
  const [, secret] = /secret=([A-Za-z0-9]{10})/.exec(location.hash) || [];
  if (!secret || window === top) return;
  const tell = (message, value) => parent.postMessage({ message, value, secret }, "*");
  // A frame that the page around has not laid out yet has no width, and all its words stand in one
  // column: that height would push the post about. Silent it cannot be, for what is hidden may not
  // be told of its width before it is shown.
  const LEAST = 200;
  const tellHeight = () => {
    const height = innerWidth ? Math.ceil(document.body.getBoundingClientRect().height) : LEAST;
    tell("height", Math.max(LEAST, height));
  };
  tellHeight();
  addEventListener("load", tellHeight);
  addEventListener("resize", tellHeight);
  addEventListener("message", ({ source, data }) => {
    if (source === parent && data && data.secret === secret && data.message === "ready") tellHeight();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    tell("link", link.href);
  });
})();
