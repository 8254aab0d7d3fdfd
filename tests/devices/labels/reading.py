"""Labels read as a scanner reads them, by a decoder that is not the encoder's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import pypdfium2
import zxingcpp

from devices.labels import pdf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from devices.labels.layout import Label, Options

MM = 25.4


class Place(NamedTuple):
    """In mm from the page's upper left corner, without the quiet zone."""

    x: float
    y: float
    side: float


def sheets(labels: Sequence[Label], options: Options) -> bytes:
    out = BytesIO()
    assert pdf.write(out, labels, options) == len(labels)
    return out.getvalue()


def pictures(drawn: bytes, dpi: int, *, unseen: float = 0.0) -> list[Image.Image]:
    """The PDF's pages as the printer has them: dots, black or white; without the lowest `unseen` mm."""
    with pypdfium2.PdfDocument(drawn) as document:
        crop = (0, unseen / MM * 72, 0, 0)
        pages = [page.render(scale=dpi / 72, crop=crop).to_pil().convert("L") for page in document]
    return [page.point(lambda grey: 255 * (grey > 127)) for page in pages]


def codes(picture: Image.Image) -> list[str]:
    """Of the kind that the register page looks for. Micro QR has codes without error correction, which a decoder finds
    by chance among the dots of a page of eighty."""
    read = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2))
    return [each.text for each in read]


def places(drawn: bytes) -> list[Place]:
    """Of the symbols on the first page, which are its only paths: where the PDF itself has them."""
    with pypdfium2.PdfDocument(drawn) as document:
        page = document[0]
        paths = [each for each in page.get_objects() if each.type == pypdfium2.raw.FPDF_PAGEOBJ_PATH]
        bounds = [[side / 72 * MM for side in path.get_bounds()] for path in paths]
        height = page.get_height() / 72 * MM
    return [Place(left, height - top, right - left) for left, _, right, top in bounds]
