"""What a spreadsheet makes of serials: what can be undone is read, what is lost is named."""

from __future__ import annotations

import html
import re

from devices.identity.formats import Format, Kind
from devices.imports.month_names import MONTH, SURE_MONTH
from lib.csv_export import read_neutral
from lib.parsing import is_whole_number

DIGITS = 15  # of a number that a spreadsheet keeps
_FORMULA = re.compile(r'\'?="([^"]*)"')  # as a report has it, too
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)?\d\d"
_HALF = r"[ \u00a0\u202f]?[AaPp]\.?[Mm]\.?"
_CLOCK = rf"(?:[ T]\d{{1,2}}:\d\d(?::\d\d)?(?:\.0+)?(?:{_HALF})?)?"
_SHORT = r"(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12]\d|3[01])-\d\d|(?:0?[1-9]|[12]\d|3[01])-(?:0?[1-9]|1[0-2])-\d\d"
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP_ADDRESS = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_ERRORS = (  # what spreadsheets show of a formula that failed, in the languages in which they have words of their own
    "N/?A|REF!|NAME\\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|BUSY!|UNKNOWN!|ERROR!|EXTERNAL!|"
    "NV|N/V|BEZUG!|WERT!|ZAHL!|ÜBERLAUF!|KALK!|FELD!|BLOCKIERT!|NOM\\?|VALEUR!|NOMBRE!|NUL!|PROPAGATION!|CALCUL!|"
    "N/D!?|¡REF!|¿NOMBRE\\?|¡VALOR!|¡DIV/0!|¡NUM!|¡NULO!|¡DESBORDAMIENTO!|¡CALC!|RIF!|VALORE!|NOME\\?|NULLO!|ESPANSIONE!|"
    "VALOR!|NÚM!|NULO!|DESPEJAR!|N/B|VERW!|WAARDE!|NAAM\\?|GETAL!|LEEG!|ADR!|ARG!|NAZWA\\?|DZIEL/0!|LICZBA!|ZERO!|"
    "SAKNAS!|REFERENS!|VÄRDEFEL!|NAMN\\?|OGILTIGT!|DIVISION/0!|I/T|REFERANSE!|VERDI!|NAVN\\?|"
    "ODKAZ!|HODNOTA!|NÁZEV\\?|DĚLENÍ_NULOU!|ČÍSLO!|HIÁNYZIK|HIV!|ÉRTÉK!|NÉV\\?|PUUTTUU!|VIITTAUS!|ARVO!|NIMI\\?|"
    "YOK|BAŞV!|DEĞER!|AD\\?|SAYI!|\u041d/Д|ССЫЛКА!|ЗНАЧ!|ИМЯ\\?|ДЕЛ/0!|ЧИСЛО!|ПУСТО!|ПЕРЕНОС!"
)
_FAILED = (
    re.compile(rf"#(?:{_ERRORS})|(?:Err|Fehler|Erreur):\d{{3}}", re.IGNORECASE),
    "A formula of the spreadsheet failed here.",
)
_FORMULA_TOLD = "A spreadsheet's formula stands here instead of its value."
_NARROW = re.compile(r"#{2,}"), "The column was too narrow when this was copied out of a spreadsheet."
_LOST = "A spreadsheet wrote this long number in short, and its last digits are lost."
_DAMAGE = (
    (
        re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]\d+|\d[.,]\d+E\d+", re.IGNORECASE),
        _LOST,
    ),
    (re.compile(r"\d+[.,]0{1,6}"), "A spreadsheet or program made a decimal number of this serial."),
    (
        re.compile(rf"\d{{1,3}}(?:[,'\u2019\u00a0\u202f]\d{{3}})+|(?!{_IP_ADDRESS}\Z)\d{{1,3}}(?:\.\d{{3}}){{3,}}"),
        "A spreadsheet grouped the digits of this serial.",
    ),
    (
        re.compile(
            rf"\d{{1,2}}\.?[-. ]{MONTH}(?:[-. ]{_YEAR})?|{SURE_MONTH}[-. ]{_YEAR}|{_SHORT}{_CLOCK}"
            rf"|\d{{1,2}}[-. ]+[IVX]{{1,4}}[-. ]+{_YEAR}|(?:\d{{4}}[年년] ?)?\d{{1,2}}[月월] ?\d{{1,2}}[日일]"
            rf"|{_DAY}/{_DAY}/{_YEAR}{_CLOCK}|{_DAY}([-.]){_DAY}\1(?:19|20)\d\d{_CLOCK}"
            rf"|(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\2{_DAY}{_CLOCK}"
        ),
        "A spreadsheet made a date of this serial.",
    ),
    (re.compile(rf"\d{{1,2}}:\d\d(?::\d\d)?(?:{_HALF})"), "A spreadsheet made a time of this serial."),
    _NARROW,
    _FAILED,
    (re.compile(r"=.*", re.DOTALL), _FORMULA_TOLD),
)  # fmt: skip
# What is so in any column: 12 to 20 digits are an identity, which a spreadsheet shows in short unless it is text.
_NOTHING = (
    re.compile(r"NULL|null|\(null\)|nan|NaN|<NA>|undefined|\\N|\[object Object\]"),
    "A program wrote an empty cell so.",
)
_ESCAPES = re.compile(r"&(?:#\d{2,6}|#[xX][0-9A-Fa-f]{2,6}|[A-Za-z]{2,8});")
_DAMAGE_ANYWHERE = (_NARROW, _FAILED, _NOTHING, (re.compile(r"\d(?:[.,]\d{1,5})?E\+1[1-9]"), _LOST))
REMEDY_ANYWHERE = "Write the cell anew, formatted as text, or leave it empty."
REMEDY = "Format the column as text, enter or paste the serials anew, and save it again."
MARKS = "='\u2019"  # that digits are text
_LOOSE = re.compile(  # what any of the damages is, and hardly any serial: a single look at most of them
    rf"[+-]?[\d.,'/: \u2019\u00a0\u202f-]+(?:[TE+][\d:.+-]*|[AP]\.?M\.?)?|\d{{1,2}}\.?[-. ]+[^\W\d_].*|#.*|=.*"
    rf"|[^\W\d_]{{3,12}}\.?[-. ]{_YEAR}"
    r"|[a-z]+:\d{3}|\d[\d ]*[年년月월].*",
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


def explain_formula(text: str) -> str:
    """Say that a formula stands in a cell of words, which a report would have written with an apostrophe; else ""."""
    return f"{_FORMULA_TOLD} {REMEDY_ANYWHERE}" if text[:1] == "=" and text[1:2] not in ("", "=", ">") else ""


def explain_damage(text: str) -> str:
    """Say what a spreadsheet did to a serial, and what to do; "" if nothing."""
    if not _LOOSE.fullmatch(text):
        return ""
    cause = next((words for pattern, words in _DAMAGE if pattern.fullmatch(text)), "")
    return f"{cause} {REMEDY}" if cause else ""


def may_be_damaged(row: str) -> bool:
    """Say whether `explain_damage_anywhere` may find something in the cells of a row, or of many, without looking at
    each."""
    return (  # plainly, for a loop or a pattern takes two and four times as long, a million times a file
        ("#" in row or "E+1" in row or "&" in row or "rr:" in row or "Fehler:" in row or "Erreur:" in row)
        or ("NULL" in row or "null" in row or "nan" in row or "NaN" in row or "undefined" in row)
        or ("\\u" in row or "%C" in row or "%c" in row or "=C" in row or "<br" in row or "<BR" in row)
        or ("<NA>" in row or "\\N" in row or "[object" in row)
    )


def explain_damage_anywhere(text: str, *, may_escape: bool = False) -> str:
    """Say what a spreadsheet or program lost of a cell, whatever it tells, and what to do; "" if nothing. `may_escape`:
    in it JSON may stand."""
    cause = next((words for pattern, words in _DAMAGE_ANYWHERE if pattern.fullmatch(text)), "")
    if not cause and _ESCAPES.search(text) and (before := html.unescape(text)) != text:
        return f"It was “{before[:40]}” before a program wrote it for a web page: write it so."
    if not cause and not may_escape and (before := _undo_escapes(text)) != text:
        return f"It was “{before[:40]}” before a program wrote it in signs of its own: write it so."
    return f"{cause} {REMEDY_ANYWHERE}" if cause else ""


def _undo_escapes(text: str) -> str:
    """Return a text without what programs write for letters beyond ASCII, in JSON, addresses and mails, and for line
    ends in web pages."""
    text = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), text)
    text = re.sub(r"(?:%[C-Fc-f][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){1,3})+", _decode_escaped, text)
    text = re.sub(r"(?:=[C-F][0-9A-F](?:=[89AB][0-9A-F]){1,3})+", _decode_escaped, text)
    return re.sub(r"<br\s*/?>", " ", text, flags=re.IGNORECASE)


def _decode_escaped(match: re.Match[str]) -> str:
    try:
        return bytes.fromhex(re.sub("[%=]", "", match[0])).decode()
    except ValueError:
        return match[0]


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
