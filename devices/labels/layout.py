"""What goes where on one label. Lengths in mm from its upper left corner, sizes of type in points."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from devices.identity import serials
from devices.labels import fonts
from devices.labels.letters import Words, fit_words
from devices.labels.stocks import STOCKS, Stock
from devices.labels.symbol import MM, QUIET, Level, Symbol, build_content, make_symbol
from devices.refusals import LABEL_TOO_SMALL
from lib.refusals import Refusal
from tenants.models import Organisation

POINT = MM / 72
EDGE = 0.5  # between the quiet zone and the label's edge
LEAST_MODULE = 0.3  # mm; below it phones have to come very near
FINEST = 600  # dpi
LARGEST, COMFORTABLE, READABLE, SMALLEST = 14.0, 9.0, 7.0, 4.5  # the serial's type
WORDS_LARGEST, WORDS_SMALLEST = 9.0, 5.0
LEADING = 1.2
ABOVE = 0.95  # of it above the baseline
LOGO = (0.22, 3.0, 9.0)  # its share of the label's height, at least and at most so many mm


class Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


class Insets(NamedTuple):
    """Say how much of a label's edges is not printed, in mm."""

    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    left: float = 0.0


NO_INSETS = Insets()


class Label(NamedTuple):
    serial: str
    name: str = ""
    model: str = ""


@dataclass(frozen=True)
class Options:
    stock: Stock = STOCKS["l7160"]
    insets: Insets = NO_INSETS
    dpi: int = 300
    level: str = Level.Q
    quiet: int = QUIET
    side: float | None = None  # mm of the symbol without its quiet zone; none: as large as fits
    content: str = Organisation.LabelContent.SERIAL
    origin: str = ""
    with_name: bool = True
    with_model: bool = False
    logo_shape: float | None = None  # width by height; none: no logo
    start: int = 1
    shift: tuple[float, float] = (0.0, 0.0)  # mm to the right and down
    marks: str = ""

    @property
    def printable(self) -> Box:
        """Return the part of a label that can be printed."""
        top, right, bottom, left = self.insets
        return Box(left, top, self.stock.label[0] - left - right, self.stock.label[1] - top - bottom)

    @property
    def has_insets(self) -> bool:
        return any(self.insets)

    @property
    def dot(self) -> float:
        return MM / self.dpi

    @property
    def dots(self) -> tuple[int, int]:
        """Return a label's width and height in the printer's dots."""
        return round(self.stock.label[0] / self.dot), round(self.stock.label[1] / self.dot)

    def symbol(self, serial: str) -> Symbol:
        return make_symbol(build_content(serial, self.content, self.origin), self.level, self.quiet)


class Text(NamedTuple):
    words: str
    x: float
    baseline: float
    font: str
    size: float

    @property
    def width(self) -> float:
        return fonts.measure_width(self.words, self.font, self.size) * POINT

    @property
    def height(self) -> float:
        return self.size * POINT


@dataclass
class Drawing:
    symbol: Symbol
    words: list[Words] = field(default_factory=list)  # as they can be printed: serial, name, model
    x: float = 0.0  # of the quiet zone's corner
    y: float = 0.0
    module: float = 0.0
    texts: list[Text] = field(default_factory=list)
    logo: Box | None = None
    warnings: list[str] = field(default_factory=list)

    def move(self, right: float, down: float) -> None:
        self.x, self.y = self.x + right, self.y + down
        self.texts = [each._replace(x=each.x + right, baseline=each.baseline + down) for each in self.texts]
        self.logo = self.logo and self.logo._replace(x=self.logo.x + right, y=self.logo.y + down)


def fit_label(label: Label, options: Options) -> list[Words]:
    """Return what is written, as far as it can be: serial, name and model."""
    wanted = (label.name if options.with_name else "", label.model if options.with_model else "")
    return [fit_words(label.serial, fonts.SERIAL), *(fit_words(text, fonts.WORDS) for text in wanted)]


def draw(label: Label, options: Options) -> Drawing:
    return _Pen(label, options).draw()


class _Pen:
    """Lay out what can be printed on: symbol and text beside each other where it is wide, else one below the other."""

    def __init__(self, label: Label, options: Options) -> None:
        self.options = options
        self.left, self.top, self.width, self.height = options.printable
        self.pad = min(2.0, max(0.8, 0.06 * min(self.width, self.height)))
        serial, *words = fit_label(label, options)
        self.drawing = Drawing(options.symbol(label.serial), [serial, *words])
        self.groups = serials.format_in_fours(serial.shown).split(" ")
        self.words = [each.shown for each in words if each.shown and each.shown.upper() != label.serial]

    @cached_property
    def wide(self) -> bool:
        return self.width >= 1.35 * self.height

    @property
    def enough(self) -> float:
        """Return the size of type (points) that is enough: less of it where the text takes room from the symbol."""
        return COMFORTABLE if self.wide else READABLE

    def draw(self) -> Drawing:
        if self.wide:
            self._place_symbol(min(self.height - 2 * EDGE, 0.6 * self.width))
            right = self.drawing.x + self.drawing.module * self.drawing.symbol.side
            room = Box(right, self.pad, self.width - right - self.pad, self.height - 2 * self.pad)
            self._write(room, centred=False)
        else:
            below = self._text_height()
            self._place_symbol(min(self.width, self.height - below) - 2 * EDGE)
            bottom = self.drawing.y + self.drawing.module * self.drawing.symbol.side
            self._write(Box(self.pad, bottom, self.width - 2 * self.pad, self.height - EDGE - bottom), centred=True)
        self._warn()
        self.drawing.move(self.left, self.top)
        return self.drawing

    def _text_height(self) -> float:
        """Return the height (mm) of text below its symbol: the serial's at most a third of the label, and all of it two
        fifths."""
        lines = _split_serial(self.groups, (self.width - 2 * self.pad) / POINT, self.height / 3 / POINT, self.enough)
        size = min(lines.size, 0.14 * self.height / POINT)
        words = len(self.words) * LEADING * max(WORDS_SMALLEST, min(WORDS_LARGEST, 0.7 * size))
        logo = _logo_height(self.height) / POINT if self.options.logo_shape and self.height >= 40 else 0
        return min((len(lines.words) * LEADING * size + words + logo) * POINT + 0.3, self.height * 0.4)

    def _place_symbol(self, most: float) -> None:
        """Place the symbol in whole dots a module, in the middle of its part of the label. Raises Refusal."""
        drawing, dot = self.drawing, self.options.dot
        dots = int(most / dot / drawing.symbol.side + 1e-6)
        if self.options.side:
            wanted = round(self.options.side / dot / drawing.symbol.inner)
            if wanted > dots:
                drawing.warnings.append(f"The symbol is as large as fits: {dots * dot * drawing.symbol.inner:.1f} mm.")
            dots = min(dots, max(1, wanted))
        if dots < 1:
            raise Refusal(LABEL_TOO_SMALL, field="options/stock")
        drawing.module = dots * dot
        side = drawing.module * drawing.symbol.side
        if self.wide:
            drawing.x, drawing.y = EDGE, (self.height - side) / 2
        else:
            drawing.x, drawing.y = (self.width - side) / 2, EDGE

    def _write(self, room: Box, *, centred: bool) -> None:
        """Write the serial, then name and model as far as there is room for them, then the logo above it all."""
        words, budget = list(self.words), room.height / POINT
        small = WORDS_SMALLEST * LEADING
        lines = _split_serial(self.groups, room.width / POINT, budget - len(words) * small, self.enough)
        while words and lines.size < READABLE and budget - len(lines.words) * READABLE * LEADING < len(words) * small:
            self.drawing.warnings.append(f"No room for the {'model' if len(words) > 1 else 'name'} on this label.")
            words.pop()
            lines = _split_serial(self.groups, room.width / POINT, budget - len(words) * small, self.enough)
        rows = [(line, fonts.SERIAL, lines.size) for line in lines.words]
        rest = (budget - len(lines.words) * lines.size * LEADING) / max(1, len(words)) / LEADING
        rows += [
            _fit_words(text, min(0.75 * lines.size + 1, rest, WORDS_LARGEST), room.width / POINT) for text in words
        ]
        self._set(rows, room, centred=centred)

    def _set(self, rows: list[tuple[str, str, float]], room: Box, *, centred: bool) -> None:
        tall = sum(size * LEADING for _, _, size in rows) * POINT
        top = room.y if centred else room.y + (room.height - tall - self._place_logo(room, tall, centred=centred)) / 2
        if self.drawing.logo and not centred:
            self.drawing.logo = self.drawing.logo._replace(y=top)
            top += self.drawing.logo.height + 1
        for words, font, size in rows:
            if words.endswith(fonts.ELLIPSIS) and font == fonts.SERIAL:
                self.drawing.warnings.append("The serial is too long to be printed whole: choose a larger label.")
            shown = fonts.cut_to_fit(words, font, size, room.width / POINT)
            type_size = size / fonts.measure_excess(shown, font, ABOVE, LEADING - ABOVE)
            x = room.x + (room.width - fonts.measure_width(shown, font, type_size) * POINT) / 2 if centred else room.x
            self.drawing.texts.append(Text(shown, x, top + size * POINT * ABOVE, font, type_size))
            top += size * LEADING * POINT

    def _place_logo(self, room: Box, tall: float, *, centred: bool) -> float:
        """Place the logo above the text; return the height (mm) that it takes, gap included."""
        if not (shape := self.options.logo_shape):
            return 0.0
        height = _logo_height(self.height)
        height = min(height, room.width / shape)
        if centred or room.height - tall < height + 1 or height < LOGO[1] / 2:
            self.drawing.warnings.append("No room for the logo on this label.")
            return 0.0
        self.drawing.logo = Box(room.x, room.y, height * shape, height)
        return height + 1

    def _warn(self) -> None:
        drawing, dpi = self.drawing, self.options.dpi
        if drawing.module < LEAST_MODULE:
            finer = "print at 600 dpi, " if dpi < FINEST else ""
            how = f"{finer}choose a larger label or a shorter content"
            drawing.warnings.insert(0, f"Modules of {drawing.module:.2f} mm are hard to scan: {how}.")
        if self.options.quiet < QUIET:
            drawing.warnings.append(f"A white border of less than {QUIET} modules scans worse on a dark ground.")


class _Lines(NamedTuple):
    words: list[str]
    size: float


def _split_serial(groups: list[str], width: float, height: float, enough: float) -> _Lines:
    """Split the serial into as few lines as make its type large `enough`, else into as many as make it largest."""
    best = _Lines([], 0.0)
    for count in range(1, len(groups) + 1):
        per_line = -(-len(groups) // count)
        lines = [" ".join(groups[start : start + per_line]) for start in range(0, len(groups), per_line)]
        size = min(
            LARGEST, height / len(lines) / LEADING, width / fonts.measure_width(max(lines, key=len), fonts.SERIAL, 1)
        )
        if size > best.size + 0.01:
            best = _Lines(lines, size)
        if best.size >= enough:
            break
    if best.size >= SMALLEST:
        return best
    fitting = max(1, int(height / SMALLEST / LEADING))
    characters = max(1, int(width / fonts.measure_width("0", fonts.SERIAL, SMALLEST)))
    whole = " ".join(groups)
    kept = [whole[start : start + characters].strip() for start in range(0, len(whole), characters)]
    shown = kept[:fitting]
    if len(kept) > fitting:
        shown[-1] = shown[-1][: characters - 1] + fonts.ELLIPSIS
    return _Lines(shown, SMALLEST)


def _fit_words(words: str, size: float, room: float) -> tuple[str, str, float]:
    """Make the type smaller until the words fit, then cut them. Return them, the font, and the size in points."""
    size = max(WORDS_SMALLEST, min(size, room / max(1e-6, fonts.measure_width(words, fonts.WORDS, 1))))
    return fonts.cut_to_fit(words, fonts.WORDS, size, room), fonts.WORDS, size


def _logo_height(height: float) -> float:
    share, least, most = LOGO
    return min(most, max(least, share * height))
