// Decodes one image at a time, off the page's thread. The first message brings two addresses.
"use strict";

const SETTINGS = { formats: ["QRCodeModel2"], textMode: "Plain", maxNumberOfSymbols: 4 };

self.onmessage = ({ data }) => (data.decoder ? load(data) : read(data));

// Not async: what importScripts throws must reach the page as the worker's error event.
function load({ decoder, wasm }) {
  importScripts(decoder);
  const ready = ZXingWASM.prepareZXingModule({
    overrides: { locateFile: () => wasm },
    fireImmediately: true,
  });
  ready.catch(() => {}); // the first read reports it
}

async function read({ id, pixels, width, height, settings }) {
  try {
    const image = new ImageData(pixels, width, height);
    const results = await ZXingWASM.readBarcodes(image, { ...SETTINGS, ...settings });
    const texts = results.filter((found) => found.isValid && found.text).map((found) => found.text);
    self.postMessage({ id, texts: [...new Set(texts)] });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
}
