"""What devices of this dialect send: names and values of a form, percent-encoded by some and raw by others.

Raw ones hold anything: `=`, `+`, spaces, JSON with `&` in it, and letters beyond ASCII in UTF-8 or, by older HTTP
libraries, in Latin-1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_RAW = 50
"""Values of a body that are tried as JSON: each try may read the rest of it."""
_JSON = json.JSONDecoder(strict=False)


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Return the names and values, in order, with an empty value for a name alone. A plus is a plus."""
    text, at, tries, read = body.strip(b"\r\n").decode("latin-1"), 0, MOST_RAW, []
    while at < len(text):
        end = text.find("&", at) % (len(text) + 1)
        name, equals, value = text[at:end].partition("=")
        if value[:1] in ("{", "[", '"') and tries:
            tries -= 1
            end = _find_end_of_json(text, at + len(name) + len(equals)) or end
            value = text[at + len(name) + len(equals) : end]
        if name or equals:
            read.append((_decode(name), _decode(value)))
        at = end + 1
    return read


def parse_names(query: str) -> list[str]:
    """Return the names that a query lists, each once: `?a&b`."""
    return list(dict.fromkeys(name for name, _ in parse_form(query.encode()) if name))


def write_form(values: Iterable[tuple[str, str]]) -> str:
    """Return names and values, percent-encoded."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in values)


def _find_end_of_json(text: str, start: int) -> int:
    """Return where the JSON ends that begins there, if a value ends there too; else 0."""
    try:
        end = _JSON.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return 0
    return end if end == len(text) or text[end] == "&" else 0


def _decode(text: str) -> str:
    """Return the text that was sent, as UTF-8 or else as Latin-1."""
    sent = unquote_to_bytes(text.encode("latin-1"))
    try:
        return sent.decode()
    except UnicodeDecodeError:
        return sent.decode("latin-1")
