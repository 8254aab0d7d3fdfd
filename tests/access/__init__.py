"""The access table's rows, one file for each area; `tests/test_access.py` reads them all.

A row: route name -> statuses in the order of `CAST`, the method, and what to send, made from the world. A route of the
API that takes several methods has a row for each: "devices:api-device", and "devices:api-device patch".
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

CAST = ("anonymous", "viewer", "technician", "admin", "owner", "sibling", "stranger")


class Row(NamedTuple):
    """Expected statuses in the order of `CAST`; `kwargs` and `data` are made from the world."""

    statuses: tuple[int, ...]
    method: str = "get"
    kwargs: Callable[[World], dict[str, object]] = lambda world: {}
    data: Callable[[World], dict[str, str]] = lambda world: {}


def everybody(status: int, *, anonymous: int | None = None) -> tuple[int, ...]:
    return (status if anonymous is None else anonymous, *[status] * 6)


def placed(world: World) -> dict[str, object]:
    return {"serial": world.placed.serial}


#              anonymous viewer technician admin owner sibling stranger
MEMBERS = (302, 200, 200, 200, 200, 404, 404)  # of the placed device's group
ADMINS = (302, 404, 404, 200, 200, 404, 404)  # of the placed device's group
OWNER = (302, 404, 404, 404, 200, 404, 404)  # of something that is the organisation's
OWNERS = (302, 404, 404, 404, 200, 404, 200)  # a page that shows each owner their own
ANY_ADMIN = (302, 404, 404, 200, 200, 404, 200)  # a page that shows each admin their own
SIGNED_IN = everybody(200, anonymous=302)
OPEN = everybody(200)
ELSEWHERE = everybody(302)  # to signing in, to proving once more who one is, to the file


def table() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for found in pkgutil.iter_modules(__path__):
        rows |= importlib.import_module(f"{__name__}.{found.name}").ROWS
    return rows
