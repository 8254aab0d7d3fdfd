"""Pictures that people upload are bounded before they are decoded, and kept without what else is in them."""

from __future__ import annotations

import random
import struct
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from PIL import Image

from lib import pictures, theme

RED, WHITE = (255, 0, 0), (255, 255, 255)


def write(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, format=kind, **options)
    return out.getvalue()


def read(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def is_near(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_is_kept_as_a_small_jpeg(kind: str) -> None:
    kept = pictures.reduce_photo(write(Image.new("RGB", (1800, 600), RED), kind))
    assert (read(kept).format, read(kept).size, read(kept).mode) == ("JPEG", (900, 300), "RGB")
    assert is_near(read(kept).getpixel((450, 150)), RED)


def test_a_small_photo_grows_no_larger() -> None:
    assert read(pictures.reduce_photo(write(Image.new("L", (20, 10))))).size == (20, 10)


def test_a_photo_stands_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned
    exif[0x010E] = "At the client's"
    exif.get_ifd(0x8825)[1] = "N"  # a position
    sent = write(Image.new("RGB", (40, 20), RED), "JPEG", exif=exif, comment=b"secret words")
    kept = pictures.reduce_photo(sent)
    assert read(kept).size == (20, 40)
    assert dict(read(kept).getexif()) == {}
    assert b"client" in sent
    assert not any(words in kept for words in (b"client", b"secret", b"Exif"))


def write_exif(*entries: tuple[int, int, int, bytes]) -> bytes:
    """Return Exif of these entries: tag, type, count, and the value in four bytes."""
    rows = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4)


def turn(orientation: int) -> tuple[int, int, int, bytes]:
    return 0x0112, 3, 1, struct.pack("<HH", orientation, 0)


CORNERS = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}


@pytest.mark.parametrize("orientation", [0, *CORNERS, 9, 65_535])
def test_whichever_way_the_camera_was_held(orientation: int) -> None:
    picture = Image.new("RGB", (64, 32), WHITE)
    picture.paste(RED, (0, 0, 16, 16))  # the first corner that the camera saw
    kept = read(pictures.reduce_photo(write(picture, "JPEG", quality=95, exif=write_exif(turn(orientation)))))
    assert kept.size == ((32, 64) if orientation in {5, 6, 7, 8} else (64, 32))
    right, below = CORNERS.get(orientation, (0, 0))
    assert is_near(kept.getpixel((4 + right * (kept.width - 9), 4 + below * (kept.height - 9))), RED)


@pytest.mark.parametrize(
    "odd",
    [
        (0x011A, 2, 4, b"abc\0"),  # a resolution in words
        (0x0131, 3, 1, b"\x07\0\0\0"),  # a program that is a number
        (0x0100, 2, 2, b"x\0\0\0"),  # a width in words
        (0x8769, 4, 1, b"\xff\xff\xff\x7f"),  # what would go on beyond its end
        (0x011A, 5, 1, b"\xff\xff\xff\x7f"),
    ],
    ids=["resolution", "program", "width", "beyond", "rational beyond"],
)
@pytest.mark.filterwarnings("ignore")  # by which Pillow tells of them
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_odd_words_beside_a_photo_are_no_matter(kind: str, odd: tuple[int, int, int, bytes]) -> None:
    entries = sorted([turn(6), odd])
    kept = pictures.reduce_photo(write(Image.new("RGB", (40, 20), RED), kind, exif=write_exif(*entries)))
    assert read(kept).size == (20, 40)


def test_a_photo_without_ground_has_white() -> None:
    picture = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    picture.paste((*RED, 255), (0, 0, 20, 20))
    kept = read(pictures.reduce_photo(write(picture)))
    assert is_near(kept.getpixel((5, 10)), RED)
    assert is_near(kept.getpixel((35, 10)), WHITE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", pictures.NO_PHOTO),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", pictures.NO_PHOTO),
        (write(Image.new("RGB", (8, 8)), "GIF"), pictures.NO_PHOTO),
        (write(Image.new("RGB", (8, 8)), "BMP"), pictures.NO_PHOTO),
        (write(Image.new("RGB", (400, 400)), "JPEG")[:-700], pictures.NO_PHOTO),
        (write(Image.new("1", (2001, 2000))), pictures.PHOTO_TOO_LARGE),
        (write(Image.new("1", (20_000, 20_000))), pictures.PHOTO_TOO_LARGE),
        (write(Image.new("1", (8, 8))) + b"\0" * pictures.LARGEST, pictures.PHOTO_TOO_LARGE),
    ],
    ids=["empty", "svg", "gif", "bmp", "cut", "large", "bomb", "long"],
)
def test_no_other_photo_is_taken(content: bytes, why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        pictures.reduce_photo(content)
    assert refused.value.messages == [why]


def test_four_megapixels_are_not_too_large() -> None:
    content = write(Image.new("1", (2000, 2000)))
    assert pictures.open_picture(content).size == (2000, 2000)
    assert read(pictures.reduce_photo(content)).size == (900, 900)


@pytest.mark.parametrize("content", [None, b"", write(Image.new("RGB", (8, 8)), "JPEG")], ids=["none", "empty", "jpeg"])
def test_a_logo_is_a_png(content: bytes | None) -> None:
    for check in (pictures.open_picture, pictures.decode_picture, theme.validate_logo):
        with pytest.raises(ValidationError) as refused:
            check(content or b"")
        assert refused.value.messages == [pictures.NO_PNG]


def test_a_logo_keeps_its_holes_and_its_shape() -> None:
    picture = pictures.decode_picture(memoryview(write(Image.new("RGBA", (1200, 600), (255, 0, 0, 7)))))
    assert (picture.mode, picture.size, picture.getpixel((1, 1))) == ("RGBA", (600, 300), (255, 0, 0, 7))


def test_a_logo_that_does_not_compress_is_kept_smaller() -> None:
    noise = Image.frombytes("RGB", (500, 500), random.Random(1).randbytes(500 * 500 * 3))
    kept = pictures.reduce_picture(write(noise))
    assert (read(kept).format, read(kept).size) == ("PNG", (150, 150))
    assert len(kept) <= pictures.KEPT
    plain = pictures.reduce_picture(write(Image.new("RGB", (500, 500), RED)))
    assert read(plain).size == (500, 500)


def test_a_picture_for_some_is_kept_by_no_cache() -> None:
    assert pictures.PRIVATE_JPEG == {"Content-Type": "image/jpeg", "Cache-Control": "no-store"}
