// A photo is large and still: look at it in several sizes, parts and turns until a code is found.
"use strict";

globalThis.ScanPhoto = (() => {
  function* tiles(whole) {
    for (const row of [0, 0.25, 0.5]) {
      for (const column of [0, 0.25, 0.5]) {
        const [width, height] = [whole.width / 2, whole.height / 2];
        yield { x: whole.width * column, y: whole.height * row, width, height };
      }
    }
  }

  const FULL = 4096; // longest side of the one look at full size, in pixels: a canvas of iOS holds no more

  /** The looks, cheapest and likeliest first: {part, longest side in pixels, most (scale), degrees, how, ground}. */
  function* looks(whole) {
    const centre = ScanReader.middle(whole, 0.5);
    const denoise = { settings: { tryDenoise: true } };
    yield { part: whole, longest: 1280 };
    yield { part: centre, longest: 1280 };
    yield { part: whole, longest: 2400 };
    yield { part: whole, longest: 640 };
    yield { part: whole, longest: 1280, how: { soften: 3 } };
    yield { part: centre, longest: 1280, how: { soften: 3 } };
    yield { part: whole, longest: 1280, how: denoise };
    yield { part: centre, longest: 1280, how: denoise };
    yield { part: whole, longest: 1280, how: { settings: { binarizer: "GlobalHistogram" } } };
    yield { part: whole, longest: 1280, degrees: 30 };
    const large = Math.max(whole.width, whole.height) > 2400;
    if (large) yield { part: whole, longest: FULL, most: 1 };
    for (const part of tiles(whole)) yield { part, longest: 1280, how: denoise };
    for (const part of tiles(whole)) yield { part, longest: 640, how: { soften: 3 } };
    yield { part: whole, longest: 1280, ground: "gray" }; // a white code without a ground
    if (large) yield { part: whole, longest: FULL, most: 1, how: { settings: { binarizer: "FixedThreshold" } } };
  }

  const MORE = 6; // looks for a label beside another code

  /** The different texts up to the first look after which they are `enough`; soon after the first one if never. */
  async function read(picture, reader, enough = () => true) {
    const found = new Set();
    let left = MORE;
    const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
    for (const { part, longest, most = 2, degrees, how, ground } of looks(whole)) {
      const scale = Math.min(most, longest / Math.max(part.width, part.height));
      const texts = await reader.read(ScanReader.pixels(picture, part, scale, degrees, ground), how);
      for (const text of texts) found.add(text);
      if (found.size > 0 && (enough([...found]) || (left -= 1) === 0)) break;
    }
    return [...found];
  }

  return { read };
})();
