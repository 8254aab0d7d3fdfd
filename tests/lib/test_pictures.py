"""Pictures that people upload are bounded before they are decoded, and kept without what else is in them."""

from __future__ import annotations

import random
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
