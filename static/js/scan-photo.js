// A photo is large and still: look at it in several sizes, parts and turns until a code is found.
"use strict";

globalThis.ScanPhoto = (() => {
  const { pixels, fit, middle } = ScanReader;

  function* tiles(whole) {
    for (const row of [0, 0.25, 0.5]) {
      for (const column of [0, 0.25, 0.5]) {
        const [width, height] = [whole.width / 2, whole.height / 2];
        yield { x: whole.width * column, y: whole.height * row, width, height };
      }
    }
  }

  /** The looks, cheapest and likeliest first: {part, longest side in pixels, degrees, settings}. */
  function* looks(whole) {
    const centre = middle(whole, 0.5);
    yield { part: whole, longest: 1280 };
    yield { part: centre, longest: 1280 };
    yield { part: whole, longest: 2400 };
    yield { part: whole, longest: 640 };
    yield { part: whole, longest: 1280, settings: { tryDenoise: true } };
    yield { part: whole, longest: 1280, settings: { binarizer: "GlobalHistogram" } };
    yield { part: whole, longest: 1280, degrees: 30 };
    yield { part: whole, longest: 1280, degrees: 60 };
    for (const part of tiles(whole)) yield { part, longest: 1280 };
  }

  /** The different texts of the first look that finds any. */
  async function read(picture, reader) {
    const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
    for (const { part, longest, degrees, settings } of looks(whole)) {
      const scale = Math.min(2, longest / Math.max(part.width, part.height));
      const texts = await reader.read(pixels(picture, part, scale, degrees), settings);
      if (texts.length > 0) return texts;
    }
    return [];
  }

  return { read };
})();
