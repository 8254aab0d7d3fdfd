// Pictures to texts: which part of a picture to look at, at which size, and the worker that reads.
"use strict";

globalThis.ScanReader = (() => {
  const FRAME = 1280; // longest side of what is read from a video frame, in pixels
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  /** The pixels of `part` {x, y, width, height} of `source`, scaled and turned by `degrees`. */
  function pixels(source, part, scale, degrees = 0) {
    const width = Math.max(1, Math.round(part.width * scale));
    const height = Math.max(1, Math.round(part.height * scale));
    const angle = (degrees * Math.PI) / 180;
    const [cos, sin] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
    canvas.width = Math.ceil(width * cos + height * sin);
    canvas.height = Math.ceil(width * sin + height * cos);
    pen.translate(canvas.width / 2, canvas.height / 2);
    pen.rotate(angle);
    pen.drawImage(
      source, part.x, part.y, part.width, part.height, -width / 2, -height / 2, width, height);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  }

  const fit = (part, longest) => Math.min(1, longest / Math.max(part.width, part.height));

  function middle(part, share) {
    const [width, height] = [part.width * share, part.height * share];
    return {
      x: part.x + (part.width - width) / 2, y: part.y + (part.height - height) / 2, width, height,
    };
  }

  /** The turn-th look at a video frame: the whole, then the middle half at twice the size. */
  function look(source, part, turn) {
    const scale = fit(part, FRAME);
    if (turn % 2 === 0) return { image: pixels(source, part, scale) };
    return { image: pixels(source, middle(part, 0.5), 2 * scale) };
  }

  class Reader {
    #addresses;
    #worker = null;
    #waiting = new Map();
    #count = 0;

    constructor({ worker, decoder, wasm }) {
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
      this.#worker.postMessage({ decoder, wasm });
    }

    /** The different texts in `image`. Rejects when the decoder could not be loaded. */
    read(image, settings = {}) {
      this.prepare();
      const id = ++this.#count;
      const { data, width, height } = image;
      return new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#worker.postMessage({ id, pixels: data, width, height, settings }, [data.buffer]);
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

  return { Reader, look, pixels, fit, middle };
})();
