"""A label in the printer's dots: what is drawn, each part as a picture of black dots on white, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from devices.labels import fonts, shaping
from devices.labels.shaping import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devices.labels.layout import Box, Drawing, Options, Text
    from devices.labels.symbol import Symbol

INCH = 72  # points


def draw_parts(drawing: Drawing, options: Options, logo: Image.Image | None = None) -> Iterator[Part]:
    """Draw the symbol, the texts and the logo, shifted as the options say, cut at the label's edges."""
    width, height = options.dots
    for picture, x, y in _draw_whole(drawing, options, logo):
        box = (max(0, -x), max(0, -y), min(picture.width, width - x), min(picture.height, height - y))
        if box[0] < box[2] and box[1] < box[3]:
            yield Part(picture.crop(box), x + box[0], y + box[1])


def _draw_whole(drawing: Drawing, options: Options, logo: Image.Image | None) -> Iterator[Part]:
    right, down = options.shift
    dots = round(drawing.module / options.dot)
    quiet = drawing.symbol.quiet * dots
    x, y = round((drawing.x + right) / options.dot), round((drawing.y + down) / options.dot)
    yield Part(_draw_symbol(drawing.symbol, dots), x + quiet, y + quiet)
    for text in drawing.texts:
        yield from draw_text(text, options)
    if drawing.logo and logo:
        box = drawing.logo
        yield Part(
            _draw_logo(logo, box, options.dot),
            round((box.x + right) / options.dot),
            round((box.y + down) / options.dot),
        )


def _draw_symbol(symbol: Symbol, dots: int) -> Image.Image:
    """Draw the modules without the quiet zone, each of so many dots."""
    side = symbol.inner
    picture = Image.new("1", (side, side))
    picture.putdata([bool(module) for row in symbol.code.matrix for module in row])
    return picture.resize((side * dots, side * dots), Image.Resampling.NEAREST)


def draw_text(text: Text, options: Options) -> Iterator[Part]:
    """Draw the words of one line, each typeface's in a part of its own."""
    size = text.size * options.dpi / INCH
    x, baseline = (text.x + options.shift[0]) / options.dot, round((text.baseline + options.shift[1]) / options.dot)
    if shaper := fonts.find_shaper(text.words, text.font):
        picture, left, top = shaping.draw_words(text.words, fonts.find_file(shaper), size)
        yield Part(picture, round(x) + left, baseline + top)
        return
    for font, words in fonts.split_runs(text.words, text.font):
        if words.strip():
            picture, left, top = shaping.draw_words(words, fonts.find_file(font), size, shaped=False)
            yield Part(picture, round(x) + left, baseline + top)
        x += fonts.measure_width(words, font, size)


def _draw_logo(logo: Image.Image, box: Box, dot: float) -> Image.Image:
    """Draw the picture on white, its greys as patterns of dots."""
    size = (max(1, round(box.width / dot)), max(1, round(box.height / dot)))
    shown = logo.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    on_white = Image.alpha_composite(Image.new("RGBA", size, "white"), shown).convert("L")
    return ImageOps.invert(on_white).convert("1")
