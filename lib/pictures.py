"""Pictures that people upload: bounded before they are decoded, decoded once, and kept small.

What a picture says of its size is read as the decoder reads it: a PNG can say it twice.
"""

from __future__ import annotations

import warnings
from io import BytesIO

from django.core.exceptions import ValidationError
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

LARGEST = 1 << 20  # bytes
PIXELS = 4_000_000
SIDES = (600, 300, 150)  # pixels a side of what is kept: the first that makes it no larger than KEPT
KEPT = 256 << 10  # bytes
BROKEN = (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError)

PRIVATE_JPEG = {"Content-Type": "image/jpeg", "Cache-Control": "no-store"}
"""Headers of one that only some may see."""

PHOTO_SIDE = 900  # pixels a side
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What puts a photo upright, by Exif's orientation: how the camera was held."""

NO_PHOTO = "The picture has to be a PNG or JPEG image. Save it as one and upload that."
PHOTO_TOO_LARGE = (
    "The picture may have 1 MB and 4 megapixels (2,000 × 2,000) at most. Make it smaller and upload it again."
)
NO_PNG = "The logo has to be a PNG image. Save it as one and upload that."
TOO_LARGE = "The logo may have 1 MB and 4 megapixels (2,000 × 2,000) at most. Make it smaller and upload it again."


def open_picture(content: bytes | memoryview | None) -> Image.Image:
    """Return the picture, not decoded yet. Raises ValidationError if it is no PNG, or too large."""
    data = bytes(content or b"")
    if len(data) > LARGEST:
        raise ValidationError(TOO_LARGE)
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            picture = Image.open(BytesIO(data), formats=["PNG"])
    except Image.DecompressionBombError:
        raise ValidationError(TOO_LARGE) from None
    except BROKEN:
        raise ValidationError(NO_PNG) from None
    if picture.width * picture.height > PIXELS:
        raise ValidationError(TOO_LARGE)
    return picture


def reduce_photo(content: bytes) -> bytes:
    """Return a JPEG of a PNG or JPEG, upright, small, and with nothing in it but its pixels. Raises ValidationError."""
    if len(content) > LARGEST:
        raise ValidationError(PHOTO_TOO_LARGE)
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            picture = Image.open(BytesIO(content), formats=["PNG", "JPEG"])
        if picture.width * picture.height > PIXELS:
            raise ValidationError(PHOTO_TOO_LARGE)
        upright = _put_upright(picture).convert("RGBA")
    except Image.DecompressionBombError:
        raise ValidationError(PHOTO_TOO_LARGE) from None
    except BROKEN:
        raise ValidationError(NO_PHOTO) from None
    upright.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    white = Image.new("RGBA", upright.size, "white")
    out = BytesIO()
    Image.alpha_composite(white, upright).convert("RGB").save(out, format="JPEG", quality=80, optimize=True)
    return out.getvalue()


def _put_upright(picture: Image.Image) -> Image.Image:
    """Turn it as `ImageOps.exif_transpose` does, which writes the rest of Exif anew, too, and fails at odd ones."""
    picture.load()
    turn = TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    return picture if turn is None else picture.transpose(turn)


def decode_picture(content: bytes | memoryview | None) -> Image.Image:
    """Return its pixels, as RGBA and no larger than print and pages need. Raises ValidationError."""
    try:
        picture = open_picture(content).convert("RGBA")
    except BROKEN:
        raise ValidationError(NO_PNG) from None
    picture.thumbnail((SIDES[0], SIDES[0]))
    return picture


def reduce_picture(content: bytes) -> bytes:
    """Return a PNG of the same picture, small and with nothing in it but its pixels. Raises ValidationError."""
    picture, written = decode_picture(content), b""
    for side in SIDES:
        picture.thumbnail((side, side))
        out = BytesIO()
        picture.save(out, format="PNG", optimize=True)
        if len(written := out.getvalue()) <= KEPT:
            break
    return written
