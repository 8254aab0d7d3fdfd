"""What other decoders read in the same pictures, whole and at full size.

zxing-cpp is in the tests' requirements. WeChat's comes with opencv-contrib-python, which nothing else here
needs: install it beside (`pip install opencv-contrib-python-headless`) to have it in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import zxingcpp
from PIL import Image

Decoder = Callable[[Image.Image], list[str]]
BINARIZERS = (
    zxingcpp.Binarizer.LocalAverage,
    zxingcpp.Binarizer.GlobalHistogram,
    zxingcpp.Binarizer.FixedThreshold,
)


def zxing(grey: Image.Image) -> list[str]:
    """The texts that any of the three binarizers gives."""
    found = []
    for binarizer in BINARIZERS:
        results = zxingcpp.read_barcodes(
            grey, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode), binarizer=binarizer
        )
        found += [each.text for each in results]
    return found


def wechat() -> Decoder | None:
    """WeChat's decoder without its models, or None where OpenCV is not installed."""
    try:
        cv2, numpy = import_module("cv2"), import_module("numpy")  # which OpenCV brings
    except ImportError:
        return None
    decoder = cv2.wechat_qrcode.WeChatQRCode()

    def read(grey: Image.Image) -> list[str]:
        try:
            return list(decoder.detectAndDecode(numpy.asarray(grey))[0])
        except UnicodeDecodeError:  # it takes every text for UTF-8
            return []

    return read


def decoders() -> dict[str, Decoder]:
    found: dict[str, Decoder] = {"zxing-cpp, three binarizers": zxing}
    if decoder := wechat():
        found["WeChat"] = decoder
    return found
