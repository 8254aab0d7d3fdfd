#!/usr/bin/env bash
# segno 1.6.6: a serial on its own becomes a Micro QR code, which decoders of plain QR codes don't see.
#
# One would guess: segno.make(serial) gives a QR code, larger or smaller as the text is long; whoever wants the rare
# Micro QR asks for it.
# What happens: whatever fits into one becomes one. A claim code, a serial of two fours, even an IMEI of 15 digits is
# M1 to M3; only an address (https://…/d/serial) is long enough to be a QR code again. So a trial label with an address
# reads everywhere, and the same factory's label with the bare serial may not: OpenCV's detector finds nothing at all, and
# zxing-cpp 3 nothing where it looks for QR codes of Model 2.
#
# Why it matters here: labels are printed by whoever made the device. Print with micro=False (or segno.make_qr). A
# scanner that can't read the symbol should at least name it, or the technician cleans the lens.
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check segno==1.6.6 zxing-cpp==3.1.1 \
  opencv-python-headless==4.12.0.88 pillow==12.0.0 2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import importlib.metadata
import io

import cv2
import numpy
import segno
import zxingcpp
from PIL import Image

for name in ("segno", "zxing-cpp", "opencv-python-headless"):
    print(name, importlib.metadata.version(name))


def look(text, **asked):
    code, drawn = segno.make(text, **asked), io.BytesIO()
    code.save(drawn, kind="png", scale=8, border=4)
    picture = Image.open(drawn).convert("L")
    found = {
        "opencv": cv2.QRCodeDetector().detectAndDecode(numpy.asarray(picture))[0],
        "zxing Model 2": [each.text for each in zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCodeModel2)],
        "zxing any": [(each.format.name, each.text) for each in zxingcpp.read_barcodes(picture)],
    }
    print(f"{text} {asked or ''}: {code.designator}\n   {found}")
    return code.is_micro, bool(found["opencv"]), bool(found["zxing Model 2"]), bool(found["zxing any"])


bare = ("12345", "K7X2-9QMP", "860000000000001")
assert all(look(text) == (True, False, False, True) for text in bare)
assert all(look(text, micro=False) == (False, True, True, True) for text in bare)
assert look("https://devices.example/d/K7X2-9QMP") == (False, True, True, True)
PY
"$here/env/bin/python" "$here/run.py"
