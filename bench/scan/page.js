// Evaluated in the scanner's page. `plain` is the decoder with its recommended settings and nothing
// else, in two looks at a picture; `camera` and `photo` are what the scanner itself does.
() => {
  const data = document.querySelector("[data-scanner]").dataset;
  const reader = new ScanReader.Reader(data);
  const settings = { formats: ["QRCodeModel2"], textMode: "Plain", maxNumberOfSymbols: 4 };

  const load = async (name) => createImageBitmap(await (await fetch(`/pictures/${name}`)).blob());
  const all = (picture) => ({ x: 0, y: 0, width: picture.width, height: picture.height });

  async function timed(work) {
    const start = performance.now();
    const texts = await work();
    return { texts, ms: performance.now() - start };
  }

  function drawn(picture, x, y, width, height, scale) {
    const canvas = new OffscreenCanvas(width * scale, height * scale);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
    return pen.getImageData(0, 0, canvas.width, canvas.height);
  }

  async function plain(name) {
    const picture = await load(name);
    const { width, height } = picture;
    const scale = Math.min(1, 1280 / Math.max(width, height));
    const read = async (image) => (await ZXingWASM.readBarcodes(image, settings)).map((it) => it.text);
    return [
      await timed(() => read(drawn(picture, 0, 0, width, height, scale))),
      await timed(() => read(drawn(picture, width / 4, height / 4, width / 2, height / 2, 2 * scale))),
    ];
  }

  async function camera(name) {
    const picture = await load(name);
    const looks = [];
    for (let turn = 0; turn < ScanReader.LOOKS.length; turn += 1) {
      looks.push(await timed(() => {
        const { image, how } = ScanReader.look(picture, all(picture), turn);
        return reader.read(image, how);
      }));
    }
    return looks;
  }

  async function photo(name) {
    const picture = await load(name);
    return [await timed(() => ScanPhoto.read(picture, reader))];
  }

  const ways = { plain, camera, photo };
  globalThis.bench = async (way, names) => {
    const results = [];
    for (const name of names) results.push(await ways[way](name));
    return results;
  };

  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = data.decoder;
    script.onerror = reject;
    script.onload = () => {
      ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => data.wasm } });
      resolve(null);
    };
    document.head.append(script);
  });
}
