// Decodes one image at a time, off the page's thread. The first message brings two addresses.
"use strict";

// `formats`: and what the organisation adds.
const SETTINGS = { formats: ["QRCodeModel2"], textMode: "Plain", maxNumberOfSymbols: 4 };

// The codes that are not read as labels, but named.
const OTHERS = [
  "DataMatrix", "Aztec", "MaxiCode", "PDF417", "MicroPDF417", "MicroQRCode", "RMQRCode",
  "Code128", "Code39", "Code93", "ITF", "EANUPC", "DataBar",
];

self.onmessage = ({ data }) => (data.decoder ? load(data) : read(data));

// Not async: what importScripts throws must reach the page as the worker's error event.
function load({ decoder, wasm, further }) {
  SETTINGS.formats.push(...further);
  importScripts(decoder);
  const ready = ZXingWASM.prepareZXingModule({
    overrides: { locateFile: () => wasm },
    fireImmediately: true,
  });
  ready.catch(() => {}); // the first read reports it
}

async function read({ id, pixels, width, height, soften, settings, others }) {
  try {
    if (others) settings = { formats: OTHERS.filter((each) => !SETTINGS.formats.includes(each)) };
    if (soften) blur(pixels, width, height, soften);
    const image = new ImageData(pixels, width, height);
    const results = await ZXingWASM.readBarcodes(image, { ...SETTINGS, ...settings });
    const valid = results.filter((found) => found.isValid && found.text);
    self.postMessage({ id, texts: [...new Set(valid.map(others ? (found) => found.format : meant))] });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
}

// One symbol of a text that is spread over several (structured append) counts as valid, but half a
// serial may be another device's: scan-text.js knows what "part:" is.
const meant = (found) => (found.sequenceSize > 1 ? "part:" : found.text);

// Two box blurs of the brightness each way, close to a Gaussian: it takes the grain out of a dark
// picture. (A canvas filter would do, but not in Safari.)
function blur(pixels, width, height, radius) {
  let from = new Uint8ClampedArray(width * height);
  let to = new Uint8ClampedArray(width * height);
  for (let at = 0; at < from.length; at += 1) {
    from[at] = (pixels[4 * at] * 77 + pixels[4 * at + 1] * 150 + pixels[4 * at + 2] * 29) >> 8;
  }
  for (let pass = 0; pass < 2; pass += 1) {
    box(from, to, height, width, width, 1, radius);
    box(to, from, width, height, 1, width, radius);
  }
  for (let at = 0; at < from.length; at += 1) pixels.fill(from[at], 4 * at, 4 * at + 3);
}

// The mean of each value and its `radius` neighbours before and after it, by a running sum.
function box(from, to, lines, length, line, step, radius) {
  const share = 1 / (2 * radius + 1);
  for (let each = 0; each < lines; each += 1) {
    const start = each * line;
    const value = (index) => from[start + step * Math.min(length - 1, Math.max(0, index))];
    let sum = 0;
    for (let index = -radius; index <= radius; index += 1) sum += value(index);
    for (let index = 0; index < length; index += 1) {
      to[start + step * index] = sum * share;
      sum += value(index + radius + 1) - value(index - radius);
    }
  }
}
