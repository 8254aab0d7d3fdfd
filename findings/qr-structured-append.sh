#!/usr/bin/env bash
# zxing-cpp 3.1.1 (PyPI) and jsQR 1.4.0: what they make of one symbol of a QR code that is printed as two.
#
# One would guess: a reader that meets one symbol of a structured append (a text spread over several symbols, as
# segno's make_sequence and label printers make it) says that more is to come, or hands out nothing.
# What happens: zxing-cpp's Python package returns the half as a valid text, and none of its attributes says that it is
# one, nor in which order halves belong together (its symbology identifier is ]Q1, as of any code). jsQR finds the
# first and returns an empty text as its content; the second it does not find at all.
#
# Why it matters here: a program that checks printed label sheets with them can't tell a half from a serial. This site's
# own scanner can, and refuses halves: half a serial may be another device's.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check segno==1.6.6 zxing-cpp==3.1.1 pillow==13.0.0 2>pip || { cat pip; exit 1; }
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$here" jsqr@1.4.0 >npm 2>&1 || { cat npm; exit 1; }
cat >run.py <<'PY'
import importlib.metadata
import json

import segno
import zxingcpp
from PIL import Image

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("segno", "zxing-cpp")))
whole = "HTTPS://SITE.EXAMPLE/D/GENSET-0001-7735-4416-0092"
halves = []
for number, symbol in enumerate(segno.make_sequence(whole, symbol_count=2)):
    symbol.save(f"{number}.png", scale=6)
    picture = Image.open(f"{number}.png").convert("RGBA")
    with open(f"{number}.json", "w") as file:
        json.dump({"width": picture.width, "height": picture.height, "pixels": list(picture.tobytes())}, file)
    (found,) = zxingcpp.read_barcodes(picture.convert("RGB"))
    told = {name: getattr(found, name) for name in dir(found) if "sequence" in name.lower()}
    print("zxing-cpp: ", repr(found.text), "valid:", found.valid, found.symbology_identifier, "| of a sequence:", told)
    assert found.valid and not told and "equence" not in str(found.extra)
    assert found.symbology_identifier == "]Q1"
    halves.append(found.text)
assert "".join(halves) == whole and all(halves)
PY
cat >run.mjs <<'JS'
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const jsQR = require("jsqr");
const json = (name) => JSON.parse(readFileSync(name));
const version = (name) => json(`node_modules/${name}/package.json`).version;
console.log(`jsqr ${version("jsqr")}`);
const seen = [];
for (const number of [0, 1]) {
  const { width, height, pixels } = json(`${number}.json`);
  const other = jsQR(Uint8ClampedArray.from(pixels), width, height);
  console.log("jsQR:      ", other && JSON.stringify(other.data));
  seen.push(other && other.data);
}
assert.deepEqual(seen, ["", null]);
console.log("As described.");
JS
timeout 60 env/bin/python run.py && timeout 60 node run.mjs
