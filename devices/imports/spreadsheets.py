"""What a spreadsheet makes of serials: what can be undone is read, what is lost is named."""

from __future__ import annotations

import re

from devices.identity.formats import Format, Kind
from lib.csv_export import read_neutral
from lib.parsing import is_whole_number

DIGITS = 15  # of a number that a spreadsheet keeps
_FORMULA = re.compile(r'\'?="([^"]*)"')  # as a report has it, too
_MONTHS = "[Jj]an|[Ff]eb|[Mm][aä]r|[Mm]rz|[Aa]pr|[Mm]a[iy]|[Jj]u[nl]|[Aa]ug|[Ss]ep|[Oo][ck]t|[Nn]ov"
_MONTHS += "|[Dd]e[cz]"
_MONTH = rf"(?:{_MONTHS})[a-zü]{{0,6}}\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)?\d\d"
_CLOCK = r"(?:[ T]\d{1,2}:\d\d(?::\d\d)?(?:\.0+)?)?"
_FAILED = (
    re.compile(r"#(?:N/?A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|#N/V|#BEZUG!|#WERT!", re.IGNORECASE),
    "A formula of the spreadsheet failed here.",
)
_NARROW = re.compile(r"#{2,}"), "The column was too narrow when this was copied out of a spreadsheet."
_LOST = "A spreadsheet wrote this long number in short, and its last digits are lost."
_DAMAGE = (
    (
        re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]\d+|\d[.,]\d+E\d+", re.IGNORECASE),
        _LOST,
    ),
    (re.compile(r"\d+[.,]0{1,6}"), "A spreadsheet or program made a decimal number of this serial."),
    (re.compile(r"\d{1,3}(?:[,'\u2019\u00a0\u202f]\d{3})+"), "A spreadsheet grouped the digits of this serial."),
    (
        re.compile(
            rf"\d{{1,2}}\.?[-. ]{_MONTH}(?:[-. ]{_YEAR})?|{_MONTH}[-. ]{_YEAR}"
            rf"|{_DAY}/{_DAY}/{_YEAR}{_CLOCK}|{_DAY}([-.]){_DAY}\1(?:19|20)\d\d{_CLOCK}"
            rf"|(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\2{_DAY}{_CLOCK}"
        ),
        "A spreadsheet made a date of this serial.",
    ),
    _NARROW,
    _FAILED,
    (re.compile(r"=.*", re.DOTALL), "A spreadsheet's formula stands here instead of its value."),
)  # fmt: skip
# What is so in any column: 12 to 20 digits are an identity, which a spreadsheet shows in short unless it is text.
_DAMAGE_ANYWHERE = (_NARROW, _FAILED, (re.compile(r"\d(?:[.,]\d{1,5})?E\+1[1-9]"), _LOST))
REMEDY_ANYWHERE = "Write the cell anew, formatted as text, or leave it empty."
REMEDY = "Format the column as text, enter or paste the serials anew, and save it again."
MARKS = "='\u2019"  # that digits are text
_LOOSE = re.compile(  # what any of the damages is, and hardly any serial: a single look at most of them
    rf"[+-]?[\d.,'/: \u2019\u00a0\u202f-]+(?:[TE+][\d:.+-]*)?|\d{{1,2}}\.?[-. ]{_MONTH}.*|{_MONTH}.*|#.*|=.*",
    re.IGNORECASE | re.DOTALL,
)


def read_formula(text: str) -> str:
    """Return the text that stands in `="…"`, as spreadsheets are made to keep digits; else the text as it is."""
    match = _FORMULA.fullmatch(text)
    return match[1].strip() if match else text


def read_serial(text: str) -> str:
    """Return a serial without the marks by which spreadsheets are told that it is text, or no formula."""
    text = read_neutral(read_formula(text))
    return text[1:].strip() if text[:1] in ("'", "\u2019") and text[1:2].isalnum() else text


def explain_damage(text: str) -> str:
    """Say what a spreadsheet did to a serial, and what to do; "" if nothing."""
    if not _LOOSE.fullmatch(text):
        return ""
    cause = next((words for pattern, words in _DAMAGE if pattern.fullmatch(text)), "")
    return f"{cause} {REMEDY}" if cause else ""


def may_be_damaged(row: str) -> bool:
    """Say whether `explain_damage_anywhere` may find something in a row of cells, without looking at each."""
    return "#" in row or "E+1" in row


def explain_damage_anywhere(text: str) -> str:
    """Say what a spreadsheet lost of a cell, whatever it tells, and what to do; "" if nothing."""
    cause = next((words for pattern, words in _DAMAGE_ANYWHERE if pattern.fullmatch(text)), "")
    return f"{cause} {REMEDY_ANYWHERE}" if cause else ""


def explain_lost_zeros(text: str, fitting: Format) -> str:
    """Say that zeros at the front are missing, where a serial of digits is shorter than all of its format; else ""."""
    body = text.removeprefix(fitting.prefix)
    if fitting.kind not in (Kind.BASE10, Kind.BASE16) or not fitting.length or not is_whole_number(body):
        return ""
    missing = fitting.length - len(body)
    if not 0 < missing <= 4 or missing >= fitting.length:
        return ""
    return f"A spreadsheet drops zeros at the front: is it {fitting.prefix}{'0' * missing}{body}? {REMEDY}"


def count_rounded(text: str) -> int:
    """Return how many digits of a long number may be zeros only because spreadsheets keep fifteen; -1 if they are
    others, 0 if it is short."""
    if len(text) <= DIGITS or not is_whole_number(text):
        return 0
    return -1 if text[DIGITS:].strip("0") else len(text) - DIGITS
