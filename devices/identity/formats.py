"""What an organisation's or a recipe's serials look like: which texts fit, why others don't, and new ones.

A format judges a text as it is given: prefix, casing and separators count. The registry keeps the canonical form
(devices.identity.serials: upper case, without spaces and dashes; a colon stays) and compares look-alikes as one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

from django.db.models import TextChoices

from devices.identity import serials

MAX_PREFIX = 32
MAX_GIVEN = 200  # characters of a text that is looked at all
DIGITS, HEX = "0123456789", "0123456789ABCDEF"
ROOMY = 12  # characters of an example of a format without a length
LEAST = 4  # so many characters, and one or two of them can be spared for a check

_SEPARATORS = re.compile(r"[:.\- ]")
_PREFIX = re.compile(r"[0-9A-Za-z._:\-]*\Z")
_SCHEME = {"uuid4": (8, 4, 4, 4, 12), "mac48": (2,) * 6, "eui64": (2,) * 8}


class Kind(TextChoices):
    OWN = "own", "Handover's own: 12 characters that can't be mistyped"
    OPAQUE = "opaque", "Any letters and digits"
    BASE10 = "base10", "Digits"
    BASE16 = "base16", "Hexadecimal digits"
    UUID4 = "uuid4", "UUID, version 4"
    MAC48 = "mac48", "MAC-48 address"
    EUI64 = "eui64", "EUI-64 address"


class Casing(TextChoices):
    ANY = "any", "Upper or lower case"
    UPPER = "upper", "Upper case"
    LOWER = "lower", "Lower case"


class Separator(TextChoices):
    COLON = ":", "Colons"
    DASH = "-", "Dashes"
    NONE = "", "None"


_OWN = Kind.OWN.value  # a member looked up by its name takes as long as a match, a million times a file
SIZED = {Kind.OPAQUE, Kind.BASE10, Kind.BASE16}  # have a length of one's own
CASED = {Kind.BASE16, Kind.MAC48, Kind.EUI64}
SEPARATED = {Kind.MAC48, Kind.EUI64}


@dataclass(frozen=True)
class Format:
    """Describe the serials of an organisation or a recipe.

    `length` is that of what follows the prefix, None for any; what the kind has no use for is left at its default.
    Raises ValueError, in words for people, if no device with a serial of it could be added.
    """

    kind: str = Kind.OWN
    prefix: str = ""
    length: int | None = None
    casing: str = Casing.ANY
    separator: str = Separator.COLON

    def __post_init__(self) -> None:
        if self.kind not in Kind.values or self.casing not in Casing.values or self.separator not in Separator.values:
            raise ValueError("This kind of serial is not known.")
        if len(self.prefix) > MAX_PREFIX or not _PREFIX.match(self.prefix):
            raise ValueError(f"A prefix has at most {MAX_PREFIX} characters: letters, digits, and . _ : -")
        for name, kinds in (("length", SIZED), ("casing", CASED), ("separator", SEPARATED)):
            if self.kind not in kinds:
                object.__setattr__(self, name, Format.__dataclass_fields__[name].default)
        if self.length is not None and not 1 <= self.length <= self._room:
            raise ValueError(f"After this prefix a serial has between 1 and {self._room} characters.")

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Return the format as stored; nothing stored is Handover's own. Raises ValueError."""
        if not isinstance(data, dict) or not data.keys() <= cls.__dataclass_fields__.keys():
            raise ValueError("This is no format of serials.")
        length = data.get("length")
        texts = [value for name, value in data.items() if name != "length"]
        if not all(isinstance(text, str) for text in texts) or not (length is None or type(length) is int):
            raise ValueError("This is no format of serials.")
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        default = Format(self.kind)
        changed = {name: value for name, value in asdict(self).items() if value != getattr(default, name)}
        return {"kind": str(self.kind)} | changed

    def problem(self, text: str) -> str | None:
        """Return None if the text, as given, fits; else why not, and what would."""
        # Of a million in a file hardly one may be reserved: longer letters and digits alone are none.
        if (len(text) < 4 or not text.isalnum()) and (cause := serials.RESERVED.get(serials.fold(text))):
            return cause
        if self._pattern.match(text) and (self.kind != _OWN or serials.is_valid(text[len(self.prefix) :])):
            return None
        return self._explain(text)

    def generate(self, entropy: bytes) -> str:
        """Return the serial that these (at least 32) random bytes stand for, as the format writes it."""
        if not self.can_generate:
            raise ValueError("Serials without a length can't be made.")
        if len(entropy) < 32:
            raise ValueError("Too little entropy.")
        return self.prefix + self._apply_casing(self._make_body(int.from_bytes(hashlib.shake_256(entropy).digest(72))))

    @property
    def takes_nearly_all(self) -> bool:
        """Return whether what fits it may as well be anything else: letters or digits of whatever length."""
        return self.kind in SIZED and self.length is None and not self.prefix

    @property
    def can_generate(self) -> bool:
        return self.kind not in SIZED or self.length is not None

    @property
    def capacity(self) -> int:
        """Return how many serials can be made; near its root, chance makes the first one twice."""
        fixed = {Kind.OWN: 2**50, Kind.UUID4: 2**122, Kind.MAC48: 2**46, Kind.EUI64: 2**62}
        if self.kind in fixed:
            return fixed[Kind(self.kind)]
        base = {Kind.OPAQUE: 32, Kind.BASE10: 10, Kind.BASE16: 16}[Kind(self.kind)]
        return int(base ** (self.length - self._checks)) if self.length else 0

    @property
    def is_small(self) -> bool:
        """Return whether a large batch could not be made."""
        return self.can_generate and self.capacity < 1_000_000

    def examples(self, n: int = 3) -> list[str]:
        """Return serials that fit; the same ones each time."""
        sized = self if self.can_generate else replace(self, length=min(ROOMY, self._room))
        return [sized.generate(hashlib.sha256(b"example %d" % number).digest()) for number in range(n)]

    def describe(self) -> str:
        """Say what fits, in one line."""
        following = f"“{self.prefix}”, then " if self.prefix else ""
        return following + self._body_words

    @property
    def length_kept(self) -> int | None:
        """Return how many characters a serial of it has in the registry; None where that is left open."""
        body = {
            Kind.OWN: serials.LENGTH,
            Kind.UUID4: sum(_SCHEME[Kind.UUID4]),
            Kind.MAC48: 12 + 5 * (self.separator == Separator.COLON),
            Kind.EUI64: 16 + 7 * (self.separator == Separator.COLON),
        }.get(Kind(self.kind), self.length)
        return None if body is None else len(serials.canonical(self.prefix)) + body

    @property
    def check_description(self) -> str:
        """Say what guards the serials that Handover makes in this format, in one line."""
        if not self.can_generate:
            return "Without a length Handover can't make serials of this format: it takes them from a file."
        if self.kind in SEPARATED:
            return (
                "Those that Handover makes are locally administered, and carry no check: nothing tells a mistyped one."
            )
        if self.kind == Kind.UUID4:
            return "Those that Handover makes are random, and carry no check: nothing tells a mistyped one."
        guard = {2: "two check characters", 1: "a check digit (ISO 7064)", 0: "no check: they are too short for one"}
        return f"Those that Handover makes end in {guard[self._checks]}." if self._checks else f"They carry {guard[0]}."

    @property
    def _room(self) -> int:
        return serials.MAX_LENGTH - len(serials.canonical(self.prefix))

    @property
    def _checks(self) -> int:
        """Return how many characters of a serial made here check the others."""
        if self.kind == Kind.OWN:
            return 2
        if not self.length or self.length < LEAST:
            return 0
        return 2 if self.kind == Kind.OPAQUE else 1

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"{re.escape(self.prefix)}{self._body}\Z")

    @property
    def _body(self) -> str:
        if self.kind == Kind.OWN:
            return rf".{{1,{MAX_GIVEN}}}"
        if self.kind == Kind.OPAQUE:
            count = self.length or f"1,{MAX_GIVEN}"
            kept = rf"(?=(?:[ \-]*[0-9A-Za-z._:]){{1,{self._room}}}[ \-]*\Z)"  # by the registry
            plain = f"[0-9A-Za-z]{{{self.length or f'1,{self._room}'}}}"  # as most are, in half the time
            return rf"(?:{plain}\Z|(?! ){kept}[0-9A-Za-z._: \-]{{{count}}}(?<! ))"
        if self.kind == Kind.UUID4:
            return r"[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?4[0-9A-Fa-f]{3}-?[89ABab][0-9A-Fa-f]{3}-?[0-9A-Fa-f]{12}"
        if self.kind in SEPARATED:
            pairs = len(_SCHEME[self.kind])
            return rf"{self._class}{{2}}(?:{self.separator}{self._class}{{2}}){{{pairs - 1}}}"
        return rf"{self._class}{{{self.length or f'1,{self._room}'}}}"

    @property
    def _class(self) -> str:
        """Return the characters that may stand in it, as a class of a pattern."""
        if self.kind == Kind.BASE10:
            return "[0-9]"
        if self.kind in CASED:
            return {Casing.ANY: "[0-9A-Fa-f]", Casing.UPPER: "[0-9A-F]", Casing.LOWER: "[0-9a-f]"}[Casing(self.casing)]
        return r"[0-9A-Za-z._: \-]" if self.kind == Kind.OPAQUE else r"[0-9A-Fa-f\-]"

    def _make_body(self, number: int) -> str:
        if self.kind in _SCHEME:
            return self._make_address(number)
        alphabet = {Kind.BASE10: DIGITS, Kind.BASE16: HEX}.get(Kind(self.kind), serials.ALPHABET)
        payload = _write_digits(number, alphabet, (self.length or serials.LENGTH) - self._checks)
        if self._checks == 2:
            return payload + serials.compute_check_characters(payload)
        return payload + compute_check_digit(payload, alphabet) if self._checks else payload

    def _make_address(self, number: int) -> str:
        """Return the UUID or address with the bits that say its kind: version and variant, or locally administered."""
        parts = _SCHEME[self.kind]
        text = _write_digits(number, HEX, sum(parts))
        if self.kind == Kind.UUID4:
            text = text[:12] + "4" + text[13:16] + HEX[8 | HEX.index(text[16]) & 3] + text[17:]
            return "-".join(_split(text.lower(), parts))
        text = text[0] + HEX[HEX.index(text[1]) & 12 | 2] + text[2:]
        return self.separator.join(_split(text, parts))

    def _apply_casing(self, text: str) -> str:
        return text.lower() if self.casing == Casing.LOWER else text

    def _write_address(self, text: str) -> str:
        """Return an address of another writing in the format's own; "" for what is none of its length."""
        digits = _SEPARATORS.sub("", text)
        if self.kind not in SEPARATED or len(digits) != sum(_SCHEME[self.kind]) or not serials.is_address(digits):
            return ""
        cased = {Casing.UPPER: digits.upper(), Casing.LOWER: digits.lower()}.get(Casing(self.casing), digits)
        return self.separator.join(_split(cased, _SCHEME[self.kind]))

    @property
    def _after(self) -> str:
        return f" after “{self.prefix}”" if self.prefix else ""

    @property
    def _body_words(self) -> str:
        count, s = f"{self.length} " if self.length else "", "" if self.length == 1 else "s"
        case = "" if self.casing == Casing.ANY else f" in {self.casing} case"
        return {
            Kind.OWN: "12 characters of Handover's own, the last two of which check the others",
            Kind.OPAQUE: f"{count}letter{s} or digit{s} (and . _ : -)",
            Kind.BASE10: f"{count}digit{s}",
            Kind.BASE16: f"{count}hexadecimal digit{s}{case}",
            Kind.UUID4: "a UUID of version 4",
            Kind.MAC48: f"a MAC-48 address{case}",
            Kind.EUI64: f"an EUI-64 address{case}",
        }[Kind(self.kind)]

    def _explain(self, text: str) -> str:
        if not text.strip():
            return f"The serial is missing. Expected: {self.describe()}."
        if len(text) > MAX_GIVEN:
            return f"{len(text):,} characters are too many: a serial has at most {serials.MAX_LENGTH}."
        if text != text.strip():
            return "There is a space before or after the serial: remove it."
        if not text.startswith(self.prefix):
            return f"It doesn't begin with “{self.prefix}”{self._explain_casing(text)}. Expected: {self.describe()}."
        body = text[len(self.prefix) :]
        return self._explain_own(body) if self.kind == Kind.OWN else self._explain_body(body)

    def _explain_casing(self, text: str) -> str:
        return ", but with another casing of it" if text.upper().startswith(self.prefix.upper()) else ""

    def _explain_own(self, body: str) -> str:
        key = serials.fold(body)
        if strange := next((character for character in key if character not in serials.ALPHABET), None):
            return f"{_quote(strange)} never stands in a serial of this kind{self._after}. Compare it with the label."
        if len(key) != serials.LENGTH:
            return f"{serials.LENGTH} characters expected{self._after}, found {len(key)}."
        return "The check characters do not fit: a character is mistyped. Compare it with the label."

    def _explain_body(self, body: str) -> str:
        if written := self._write_address(body):
            return f"An address in another writing. Here{self._after} it is written as {written}."
        allowed = re.compile(self._class + (f"|{self.separator}" if self.kind in SEPARATED and self.separator else ""))
        if strange := next((character for character in body if not allowed.match(character)), None):
            return f"{_quote(strange)} can't stand{self._after}: {self._body_words} expected."
        if body.startswith(" "):
            return f"There is a space{self._after}: remove it."
        if self.length and len(body) != self.length:
            return f"{self.length} characters expected{self._after}, found {len(body)}."
        if self.kind in _SCHEME:
            example = self.examples(1)[0]
            return f"This is not {self._body_words}{self._after}. One looks like {example}."
        if not serials.canonical(body):
            return f"There is no serial{self._after}: {self._body_words} expected."
        return f"{len(serials.canonical(body))} characters{self._after} are too many: at most {self._room} can be kept."


OWN = Format()


def compute_check_digit(payload: str, alphabet: str) -> str:
    """Compute the check character of ISO 7064's hybrid system, MOD M+1,M: 11,10 as in the standard, 17,16 by its rule.

    Every single wrong character changes it, and nearly every swap of two neighbours.
    """
    size = len(alphabet)
    carry = size
    for character in payload:
        carry = ((carry + alphabet.index(character)) % size or size) * 2 % (size + 1)
    return alphabet[(1 - carry) % size]


def _write_digits(number: int, alphabet: str, count: int) -> str:
    digits = []
    for _ in range(count):
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(digits)


def _split(text: str, sizes: tuple[int, ...]) -> list[str]:
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def _quote(character: str) -> str:
    if character == " ":
        return "A space"
    return f"“{character}”" if character.isprintable() else f"An unseen character (U+{ord(character):04X})"
