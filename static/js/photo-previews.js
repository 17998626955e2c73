// Chosen photos are shown before they are sent, and a choice too large to arrive is told at once.
for (const input of document.querySelectorAll("input[data-previews]")) {
  const list = document.getElementById(input.dataset.previews);
  const tooMuch = document.getElementById(`${input.dataset.previews}-too-much`);
  input.addEventListener("change", () => {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...[...input.files].map(preview));
    list.hidden = input.files.length === 0;
    const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
    tooMuch.hidden = bytes <= Number(input.dataset.mostBytes);
  });
}

function preview(file) {
  const image = new Image();
  image.alt = file.name;
  image.src = URL.createObjectURL(file);
  // a photo that this browser cannot draw (HEIC) is named instead; the shop can
  image.addEventListener("error", () => image.replaceWith(file.name), { once: true });
  const item = document.createElement("li");
  item.append(image);
  return item;
}
