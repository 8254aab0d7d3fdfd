"""What a sheet shows of a number: the zeros, letters and decimals of its format; of a date what ISO 8601 writes.

A number whose format is not written out here is marked as such: it never becomes something that the sheet doesn't show.
"""

from __future__ import annotations

import itertools
import math
import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache

from devices.imports.spreadsheets import DIGITS, REMEDY

LARGEST = 10**DIGITS  # below it a spreadsheet keeps every digit of a whole number
LAST_DAY = 2_958_466  # beyond it no date is shown
GENERAL, TEXT = "General", "@"
BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    **dict.fromkeys([14, 15, 30, 31], "yyyy-mm-dd"),
    16: "d-mmm",
    17: "mmm-yy",
    **dict.fromkeys([18, 20, 32], "hh:mm"),
    **dict.fromkeys([19, 21, 33], "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    **dict.fromkeys([*range(27, 30), *range(34, 37), *range(50, 59)], "[East Asian date]"),
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: TEXT,
    **dict.fromkeys([37, 38], "#,##0;-#,##0"),
    **dict.fromkeys([39, 40], "#,##0.00;-#,##0.00"),
}
"""The formats that a workbook names by number alone, as far as a locale changes no digit of them.
Of East Asian dates it changes what they show."""

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[(?P<elapsed>h+|m+|s+)\]'
    r"|\[\$(?P<sign>[^\]-]*)(?:-(?P<locale>[^\]]*))?\]"
    r"|\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]"
    r"|\[(?P<odd>[^\]]*)\]|(?P<general>General)|(?P<exponent>E[+-])|(?P<half>AM/PM|A/P)"
    r"|(?P<date>[ymdhsbge]+)|(?P<digit>[0#?])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
_LOST = (
    f"A spreadsheet keeps {DIGITS} digits of a number, and this one is longer: its last digits are lost. Format the "
    "column as text, enter or paste it anew, and save it again."
)
_NOT_READ = (
    "This cell is shown by a number format that is not read: “{code}”. Format it as text and write what it should say, "
    "or as a plain number or a whole date."
)
_GREGORIAN, _WESTERN = (0, 1, 2, 9, 10, 11, 12), (0, 1)  # calendars and digits, in the number of a locale
_NUMERIC = {"yyyy": "%Y", "mm": "%m"}
_NO_DATE = "The sheet shows no date here but “####”: this number is none."


class Shown(str):
    """Hold what a sheet shows of a cell that may not be what was meant, and why: in any column, or as a serial."""

    __slots__ = ("cause", "only_as_serial")
    cause: str
    only_as_serial: bool


def mark(text: str, cause: str, *, only_as_serial: bool = False) -> Shown:
    shown = Shown(text)
    shown.cause, shown.only_as_serial = f"{cause} {REMEDY}" if only_as_serial else cause, only_as_serial
    return shown


class Section:
    """Hold what a format says of the numbers above, below or at zero, or of texts."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens

    def has(self, *kinds: str) -> bool:
        return any(kind in kinds for kind, _ in self.tokens)

    @cached_property
    def is_date(self) -> bool:
        return self.has("date", "elapsed", "half") and not self.has("general", "digit")

    @cached_property
    def runs(self) -> list[str]:
        """Return the letters of a date, as `yyyy`."""
        signs = [text.lower() for kind, text in self.tokens if kind == "date"]
        return ["".join(run) for sign in signs for _, run in itertools.groupby(sign)]

    @cached_property
    def is_read(self) -> bool:
        """Return whether it is written out here: no fractions, names of days, other calendars and the like."""
        if self.has("odd"):
            return False
        if not self.is_date:
            return not self.has("date", "elapsed", "half") and not (("plain", "/") in self.tokens and self.has("digit"))
        return self.shows_part_of_day or self._shows_whole

    @property
    def shows_part_of_day(self) -> bool:
        """Return whether it shows a year, or one with a month, in digits."""
        return {"yyyy"} <= {*self.runs} <= {"yyyy", "mm"} and not self.has("elapsed", "half")

    @property
    def _shows_whole(self) -> bool:
        """Return whether it shows a day with its month and year, hours with minutes, or both."""
        runs, first = self.runs, {run[0] for run in self.runs}
        if self.has("elapsed"):
            hours = [text for kind, text in self.tokens if kind == "elapsed"]
            return len(hours) == 1 and hours[0].lower().startswith("h") and "m" in first <= {"m", "s"}
        has_day, has_time = bool(first & {"y", "d"}), bool(first & {"h", "s"}) or self.has("half")
        if not (has_day or has_time) or first & {"b", "e", "g"} or (has_time and "h" not in first):
            return False
        if has_day and not ("y" in first and {"d", "dd"} & {*runs}):
            return False
        return sum(run[0] == "m" for run in runs) >= has_day + has_time


@lru_cache(4096)
def parse_format(code: str) -> list[Section]:
    sections: list[list[tuple[str, str]]] = [[]]
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or ""
        text = match[kind] if kind else ""
        if kind == "plain" and text == ";":
            sections.append([])
        elif kind in ("quoted", "escaped", "sign", "locale"):
            sections[-1].append(("letters", match["sign"] if kind == "locale" else text))
            if kind == "locale" and not _is_western(text):
                sections[-1].append(("odd", text))
        elif kind:
            sections[-1].append((kind, text))
    if any(kind == "odd" for tokens in sections for kind, _ in tokens):
        sections = [[*tokens, ("odd", "")] for tokens in sections]  # a condition chooses among all of them
    return [Section(tokens) for tokens in sections]


def _is_western(locale: str) -> bool:
    """Return whether a format's locale, in hexadecimal or as a language, has our digits and calendar."""
    number = int(locale, 16) if re.fullmatch("[0-9A-Fa-f]{1,8}", locale) else 0
    return number >> 24 in _WESTERN and number >> 16 & 0xFF in _GREGORIAN


def show_text(text: str, code: str) -> str:
    """Return a text as its format shows it: with what stands around it there."""
    sections = parse_format(code)
    wanted = sections[3:4] or [section for section in sections if ("plain", "@") in section.tokens]
    if not wanted or ("plain", "@") not in wanted[0].tokens:
        return text
    return "".join(text if token == ("plain", "@") else _write_letters(*token) for token in wanted[0].tokens)


def show_number(value: float, code: str, first_day: datetime) -> str:
    """Return a number as its format shows it, without grouping; a date by ISO 8601. What is lost is marked."""
    if not math.isfinite(value) or abs(value) >= LARGEST:
        return mark(f"{value:.5E}", _LOST)
    sections = parse_format(code)
    section = _choose(sections, value)
    if section is None:
        return _write_plainly(value)
    if not section.is_read:
        return mark(_write_plainly(value), _NOT_READ.format(code=code[:60]))
    if section.is_date:
        return _show_date(value, section, first_day)
    if section.has("exponent"):
        return _write_plainly(value)
    sign = "-" if value < 0 and section is sections[0] else ""
    return sign + _fill(section, abs(value))


def _choose(sections: list[Section], value: float) -> Section | None:
    numbers = sections[:3]
    if len(numbers) == 1 and ("plain", "@") in numbers[0].tokens:
        return None
    if value < 0 and len(numbers) > 1:
        return numbers[1]
    return numbers[2] if value == 0 and len(numbers) > 2 else numbers[0]


def _write_plainly(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.{DIGITS}g}"


def _fill(section: Section, value: float) -> str:
    """Return the digits of a number where the format has places for them, the letters between, and no grouping."""
    tokens = section.tokens
    if section.has("general") or not section.has("digit"):
        return "".join(
            _write_plainly(value) if kind == "general" else _write_letters(kind, text) for kind, text in tokens
        )
    point = next((at for at, token in enumerate(tokens) if token == ("plain", ".")), len(tokens))
    places = sum(kind == "digit" for kind, _ in tokens[point:])
    exact = Decimal(f"{value:.{DIGITS}g}").scaleb(2 * tokens.count(("plain", "%")) - 3 * _count_scaling(tokens, point))
    rounded = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    whole, _, fraction = f"{rounded:f}".partition(".")
    return _fill_whole(tokens[:point], whole.lstrip("0")) + _fill_fraction(tokens[point:], fraction)


def _count_scaling(tokens: list[tuple[str, str]], point: int) -> int:
    """Return how many commas stand right behind the last digit, or the last before the point: each is a thousand."""
    count = 0
    for part in (tokens[:point], tokens[point:]):
        last = max((at for at, (kind, _) in enumerate(part) if kind == "digit"), default=len(part))
        count += sum(1 for _ in itertools.takewhile(lambda token: token == ("plain", ","), part[last + 1 :]))
    return count


def _fill_whole(tokens: list[tuple[str, str]], digits: str) -> str:
    shown: list[str] = []
    first = next((at for at, (kind, _) in enumerate(tokens) if kind == "digit"), -1)
    for at in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[at]
        if kind != "digit":
            shown.append("" if text == "," else _write_letters(kind, text))
            continue
        taken = digits if at == first else digits[-1:]
        digits = "" if at == first else digits[:-1]
        shown.append(taken or ("0" if text == "0" else ""))
    return "".join(reversed(shown)) if first >= 0 else "".join(reversed(shown)) + digits


def _fill_fraction(tokens: list[tuple[str, str]], digits: str) -> str:
    shown, at = "", 0
    least = sum(token == ("digit", "0") for token in tokens)
    kept = digits[:least] + digits[least:].rstrip("0")
    for kind, text in tokens:
        if kind == "digit":
            shown += kept[at : at + 1]
            at += 1
        elif (kind, text) != ("plain", ","):
            shown += _write_letters(kind, text)
    return shown


def _write_letters(kind: str, text: str) -> str:
    return text if kind in ("letters", "plain") else ""


def _show_date(value: float, section: Section, first_day: datetime) -> str:
    if not 0 <= value < LAST_DAY:
        return mark(_write_plainly(value), _NO_DATE)
    seconds = round(value * 86_400)
    signs = "".join(section.runs)
    if section.has("elapsed"):
        places = next(len(text) for kind, text in section.tokens if kind == "elapsed")
        shown = f"{seconds // 3600:0{places}}:{seconds % 3600 // 60:02}" + (
            f":{seconds % 60:02}" if "s" in signs else ""
        )
        return mark(shown, "A spreadsheet made a time of this serial.", only_as_serial=True)
    at = first_day + timedelta(seconds=seconds)
    if first_day.year < 1904 and value < 60:
        at += timedelta(days=1)  # spreadsheets believe in 29 February 1900
    clock = f"{at:%H:%M:%S}" if "s" in signs else f"{at:%H:%M}"
    if not set("yd") & set(signs):
        return mark(clock, "A spreadsheet made a time of this serial.", only_as_serial=True)
    if section.shows_part_of_day:
        day = "".join(_write_date_part(at, *token) for token in section.tokens)
    else:
        day = f"{at:%Y-%m-%d}"
    shown = f"{day} {clock}" if set("hs") & set(signs) else day
    return mark(shown, "A spreadsheet made a date of this serial.", only_as_serial=True)


def _write_date_part(at: datetime, kind: str, text: str) -> str:
    if kind != "date":
        return _write_letters(kind, text)
    return "".join(f"{at:{_NUMERIC[''.join(run)]}}" for _, run in itertools.groupby(text.lower()))
