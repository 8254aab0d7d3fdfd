#!/usr/bin/env bash
# matter.js (@matter/types 0.17.9): a Matter label's two codes guard differently against slips, and say different things.
#
# One would guess: the QR's text "MT:…" and the digits printed below it are two spellings of one identity, and the
# longer one has the better check. So scanned and typed entries can be compared, and either may be typed.
# What happens: the digits carry a check digit, and every single wrong digit is refused. The text has none: of
# all texts with one character wrong, most decode without complaint, to another passcode, vendor or discriminator.
# And the digits hold 4 of the discriminator's 12 bits: up to 256 labels with different QR codes print the same digits,
# and decode(digits) gives `shortDiscriminator`, where the QR gives `discriminator`.
#
# Why it matters here: whoever registers devices by a Matter label must not offer the "MT:" text for typing, nor take
# the digits as a key in the registry: a serial with a check of its own has to stand beside them.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
cd "$here"
npm install --silent --no-audit --no-fund --no-package-lock --prefix "$here" @matter/types@0.17.9 >npm 2>&1 || { cat npm; exit 1; }
cat >run.mjs <<'JS'
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { ManualPairingCodeCodec, QrPairingCodeCodec } from "@matter/types";

console.log("@matter/types", JSON.parse(readFileSync("node_modules/@matter/types/package.json")).version);
const passcode = 20202021;
const label = (discriminator) => ({
  version: 0, vendorId: 0xfff1, productId: 0x8000, flowType: 0, discriminator, passcode, discoveryCapabilities: 4,
});
const decodes = (codec, text) => {
  try {
    return Boolean(codec.decode(text));
  } catch {
    return false;
  }
};
function slips(codec, text, from, alphabet) {
  const wrong = [];
  for (let at = from; at < text.length; at += 1) {
    for (const other of alphabet) {
      if (other !== text[at]) wrong.push(text.slice(0, at) + other + text.slice(at + 1));
    }
  }
  return [wrong.filter((each) => decodes(codec, each)).length, wrong.length];
}
const qr = QrPairingCodeCodec.encode([label(3840)]);
const manual = ManualPairingCodeCodec.encode({ discriminator: 3840, passcode });
const [qrTaken, qrTried] = slips(QrPairingCodeCodec, qr, 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-.");
const [manualTaken, manualTried] = slips(ManualPairingCodeCodec, manual, 0, "0123456789");
console.log(`${qr}: ${qrTaken} of ${qrTried} texts with one wrong character decode`);
console.log(`${manual}: ${manualTaken} of ${manualTried} with one wrong digit decode`);
const labels = Array.from({ length: 256 }, (_, low) => label(0xf00 + low));
const texts = new Set(labels.map((each) => QrPairingCodeCodec.encode([each])));
const digits = new Set(labels.map(({ discriminator }) => ManualPairingCodeCodec.encode({ discriminator, passcode })));
console.log(`256 devices: ${texts.size} QR texts, ${digits.size} string of digits`);
const fields = [QrPairingCodeCodec.decode(qr)[0].discriminator, ManualPairingCodeCodec.decode(manual).shortDiscriminator];
console.log("discriminator from the QR, shortDiscriminator from the digits:", ...fields);
assert.ok(qrTaken / qrTried > 0.7);
assert.equal(manualTaken, 0);
assert.deepEqual([texts.size, digits.size], [256, 1]);
assert.deepEqual(fields, [3840, 15]);
console.log("As described.");
JS
timeout 60 node run.mjs
