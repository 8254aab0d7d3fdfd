"""How a cell is quoted in a cause, and the serials that one names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

from devices.identity import label_text, serials
from devices.identity.formats import Format, Kind
from devices.imports import placeholders, spreadsheets
from devices.imports.certificates import Cause
from devices.ties.operations import MOST_GATEWAYS
from lib.csv_export import read_neutral

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ANY = Format(Kind.OPAQUE)  # devices that are there may be of any recipe
_BETWEEN = re.compile(r"[,;\n]")
_PARTED = re.compile(r"\S\s*(?:[,;/\\|&+、·•]|\s)\s*\S")  # full-width signs are read as plain ones
_SEVERAL = "Several gateways are parted by commas, semicolons or line breaks."
_NONE = "This says that there is none: leave the cell empty."


def quote_cell(text: str) -> str:
    shown = "".join(character if character.isprintable() else "�" for character in text[:40])
    return f"“{shown}{'…' if len(text) > 40 else ''}”: " if shown else ""


def explain_gateway(text: str, cause: str) -> str:
    """Return why what a cell has between its commas is no gateway: `cause`, and what parts several if they may be."""
    if text in placeholders.NOTHING:
        return _NONE
    return f"{cause} {_SEVERAL}" if _PARTED.search(text) else cause


def read_gateways(text: str) -> Mapping[str, str]:
    """Return the serials of a cell, with commas between, as they are written, by what they fold to. Raises Cause."""
    return _read_gateways(text, tuple(settings.SITE_URLS))


@lru_cache(4096)
def _read_gateways(text: str, origins: Collection[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in _BETWEEN.split(read_neutral(text)):
        if not (serial := spreadsheets.read_serial(part.strip())):
            continue
        cause = spreadsheets.explain_damage(serial)
        try:
            serial = serial if cause else label_text.read_serial(serial, ANY, origins=origins)
        except ValueError as error:
            cause = str(error)
        key = serials.fold(serial)
        if cause or not key:
            cause = explain_gateway(serial, cause or "This is no serial.")
            raise Cause(f"{quote_cell(serial)}{cause}")
        if not found.keys() & {key, *serials.write_otherwise(key)}:
            found[key] = serial
    if len(found) > MOST_GATEWAYS:
        raise Cause(f"{len(found)} gateways are too many: a device speaks through {MOST_GATEWAYS} at most.")
    return found
