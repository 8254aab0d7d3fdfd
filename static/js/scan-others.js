// Codes of other symbologies than QR: not read as labels, but named, so that nobody aims at them in vain.
"use strict";

globalThis.ScanOthers = (() => {
  const [UNREAD, LOOK] = [3000, 1000]; // ms without a code until they are looked for, and from one such look to the next

  const NAMES = [
    [/^DataMatrix.*/, "a Data Matrix"],
    [/^Aztec.*/, "an Aztec code"],
    [/^MaxiCode.*/, "a MaxiCode"],
    [/.*PDF417.*/, "a PDF417 code"],
    [/^MicroQR.*/, "a Micro QR code"],
    [/^RMQR.*/i, "a rectangular QR code (rMQR)"],
    [/^Code(\d+).*/, "a barcode (Code $1)"],
    [/.*/, "a barcode"],
  ];

  function named(format) {
    const [form, name] = NAMES.find(([each]) => each.test(format));
    return format.replace(form, name);
  }

  /** What is in `image`, in words; undefined where nothing is. */
  async function look(image, reader) {
    const [format] = await reader.otherFormats(image);
    return format && named(format);
  }

  /** What is in a photo, in words; undefined where nothing is. */
  async function find(picture, reader) {
    const { pixels, middle } = ScanReader;
    const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
    for (const [part, longest] of [[whole, 1280], [middle(whole, 0.5), 1280], [whole, 2400]]) {
      const scale = Math.min(2, longest / Math.max(part.width, part.height));
      const name = await look(pixels(picture, part, scale), reader);
      if (name) return name;
    }
    return undefined;
  }

  /** Looks for them in a camera's picture, now and then. */
  class Lookout {
    #reader;
    #looked = -Infinity;
    #name = undefined;

    constructor(reader) {
      this.#reader = reader;
    }

    /** Whether one was there at the last look. */
    get found() {
      return this.#name !== undefined;
    }

    /** What is in `frame()` as at the look before, lest noise is named; `lastSeen` is when a code was last read. */
    async look(frame, lastSeen) {
      const now = performance.now();
      if (now - Math.max(lastSeen + UNREAD - LOOK, this.#looked) < LOOK) return undefined;
      const before = this.#looked > lastSeen ? this.#name : undefined;
      this.#looked = now;
      this.#name = await look(frame(), this.#reader);
      return this.#name === before ? this.#name : undefined;
    }
  }

  const advice = (name) =>
    `This is ${name}, which is not read here. Find the QR code on the label, or type the serial.`;

  return { Lookout, find, advice };
})();
