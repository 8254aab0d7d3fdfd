// Pictures to texts: which part of a picture to look at, at which size, and the worker that reads.
"use strict";

globalThis.ScanReader = (() => {
  const FRAME = 1280; // longest side of what is read from a video frame, in pixels
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  /** The pixels of `part` {x, y, width, height} of `source`, scaled and turned by `degrees`, on `ground`. */
  function pixels(source, part, scale, degrees = 0, ground = "white") {
    const width = Math.max(1, Math.round(part.width * scale));
    const height = Math.max(1, Math.round(part.height * scale));
    const angle = (degrees * Math.PI) / 180;
    const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
    canvas.width = Math.ceil(width * cos + height * sin);
    canvas.height = Math.ceil(width * sin + height * cos);
    pen.translate(canvas.width / 2, canvas.height / 2);
    pen.rotate(angle);
    pen.fillStyle = ground; // a picture may be transparent
    pen.fillRect(-width / 2, -height / 2, width, height);
    pen.drawImage(
      source, part.x, part.y, part.width, part.height, -width / 2, -height / 2, width, height);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  }

  const fit = (part, longest) => Math.min(1, longest / Math.max(part.width, part.height));

  /** The `share` of `part` around its middle, or around the height `at`, 0 (top) to 1, within it. */
  function middle(part, share, at = 0.5) {
    const [width, height] = [part.width * share, part.height * share];
    const top = Math.min(1 - share, Math.max(0, at - share / 2));
    return { x: part.x + (part.width - width) / 2, y: part.y + top * part.height, width, height };
  }

  /** The looks at video frames, in turn: {share of the picture, scale, how to read it}. */
  const LOOKS = [
    { share: 1, scale: 1 },
    { share: 0.5, scale: 2 },
    { share: 0.3, scale: 4 },
    { share: 1, scale: 1, how: { settings: { binarizer: "GlobalHistogram" } } },
    { share: 0.5, scale: 1, how: { soften: 3 } },
    { share: 0.5, scale: 2, how: { settings: { tryDenoise: true } } },
    { share: 1, scale: 0.5, how: { settings: { binarizer: "GlobalHistogram" } } },
  ];

  /** `{image, how}` for `Reader.read`: what to look at in `part` of `source` at this turn. */
  function look(source, part, turn, at = 0.5) {
    const { share, scale, how } = LOOKS[turn % LOOKS.length];
    return { image: pixels(source, middle(part, share, at), scale * fit(part, FRAME)), how };
  }

  /** The part of a picture that `object-fit: cover` shows in `box`. */
  function cover(pictureWidth, pictureHeight, box) {
    const shape = box.clientWidth / box.clientHeight || pictureWidth / pictureHeight;
    const width = Math.min(pictureWidth, pictureHeight * shape);
    const height = Math.min(pictureHeight, pictureWidth / shape);
    return { x: (pictureWidth - width) / 2, y: (pictureHeight - height) / 2, width, height };
  }

  /** Why no code can be read in this browser: "assembly", "hidden", or null. */
  function hindrance() {
    if (typeof WebAssembly !== "object" || typeof Worker !== "function") return "assembly";
    return hides() ? "hidden" : null;
  }

  // Against fingerprints some browsers give white or noise instead of what was drawn; a few steps of one colour off are harmless.
  function hides() {
    [canvas.width, canvas.height] = [8, 8];
    pen.fillStyle = "black";
    pen.fillRect(0, 0, 4, 8);
    pen.fillStyle = "white";
    pen.fillRect(4, 0, 4, 8);
    const { data } = pen.getImageData(0, 0, 8, 8);
    const wrong = (at) => Math.abs(data[4 * at] - (at % 8 < 4 ? 0 : 255)) > 32;
    return [...Array(64).keys()].some(wrong);
  }

  class Reader {
    #addresses;
    #worker = null;
    #waiting = new Map();
    #count = 0;
    #further;

    /** `further` has the decoder's names of symbologies that are labels too; the rest are addresses. */
    constructor({ worker, decoder, wasm, further }) {
      this.#further = (further ?? "").split(" ").filter(Boolean);
      // The worker's own base differs from the page's, so its addresses must be whole.
      const whole = (address) => new URL(address, document.baseURI).href;
      this.#addresses = { worker: whole(worker), decoder: whole(decoder), wasm: whole(wasm) };
    }

    /** Start loading the decoder, so that the first picture does not wait for it. */
    prepare() {
      if (this.#worker) return;
      this.#worker = new Worker(this.#addresses.worker);
      this.#worker.onmessage = ({ data }) => this.#settle(data);
      this.#worker.onerror = (event) => this.#fail(event.message || "The reader did not load.");
      const { decoder, wasm } = this.#addresses;
      this.#worker.postMessage({ decoder, wasm, further: this.#further });
    }

    /**
     * The different texts in `image`, softened first by `soften` pixels if given, with further
     * `settings` of the decoder. Rejects when the decoder could not be loaded.
     */
    read(image, how) {
      return this.#ask(image, { soften: 0, settings: {}, ...how });
    }

    /** The decoder's names of the other codes than QR that are in `image`. */
    otherFormats(image) {
      return this.#ask(image, { others: true });
    }

    #ask(image, how) {
      this.prepare();
      const id = ++this.#count;
      const { data, width, height } = image;
      return new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#worker.postMessage({ id, pixels: data, width, height, ...how }, [data.buffer]);
      });
    }

    #settle({ id, texts, error }) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(texts);
      else {
        waiting?.reject(new Error(error));
        this.#fail(error);
      }
    }

    #fail(reason) {
      this.#worker?.terminate();
      this.#worker = null; // the next read loads it again
      for (const { reject } of this.#waiting.values()) reject(new Error(reason));
      this.#waiting.clear();
    }
  }

  return { Reader, LOOKS, look, pixels, middle, cover, hindrance };
})();
