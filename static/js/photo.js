"use strict";
// A photo is made small before it travels: a phone takes one of several megabytes, and far fewer pixels are kept.
(() => {
  const QUALITY = 0.85;

  async function reduce(file, side) {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const made = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    const files = new DataTransfer();
    files.items.add(new File([made], "photo.jpg", { type: "image/jpeg" }));
    return files.files;
  }

  document.addEventListener("submit", async (event) => {
    const field = event.target.querySelector("input[data-photo-side]");
    if (!field?.files.length) return;
    event.preventDefault();
    try {
      field.files = await reduce(field.files[0], Number(field.dataset.photoSide));
    } catch {
      // No picture that this browser knows: the site says what it takes.
    }
    event.target.submit();
  });
})();
