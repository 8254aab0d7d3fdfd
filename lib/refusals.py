"""What operations refuse: each kind is declared once, in words for people, and raised as a `Refusal`.

Rooms declare theirs in their `refusals.py`. A refusal is put into words here alone: pages (lib.refusal_pages) and the
API (tenants.api.handler) render it, docs/refusals.md lists all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")
CATALOGUE: dict[str, Kind] = {}


class Kind(NamedTuple):
    """Hold a kind of refusal: what happened, what to do next, and the HTTP status. The words may have `{facts}`."""

    code: str
    message: str
    next_step: str
    status: int = 409


def declare(code: str, message: str, next_step: str, status: int = 409) -> Kind:
    """Add a kind to the catalogue. Its code is kebab-case, is nobody else's, and stays: programs compare it."""
    if code in CATALOGUE or not CODE.fullmatch(code):
        raise ValueError(f"{code} is declared already, or is no code")
    kind = CATALOGUE[code] = Kind(code, message, next_step, status)
    return kind


class Refusal(Exception):
    """Refuse what was asked for; nothing was done. Whoever raises it in a transaction undoes that.

    `field` names what it is about in a form or in what was sent (`options/stock`); `members` go into the API's answer,
    `facts` into the words; after `retry_seconds` it may be sent again.
    """

    def __init__(
        self,
        kind: Kind,
        *,
        field: str = "",
        members: Mapping[str, object] | None = None,
        retry_seconds: int = 0,
        **facts: Any,
    ) -> None:
        self.kind, self.field, self.facts = kind, field, facts
        self.members, self.retry_seconds = dict(members or {}), retry_seconds
        self.message, self.next_step = kind.message.format(**facts), kind.next_step.format(**facts)
        super().__init__(f"{self.message} {self.next_step}")

    def at(self, field: str) -> Refusal:
        """Return it as what is about a field."""
        self.field = field
        return self

    @property
    def code(self) -> str:
        return self.kind.code

    @property
    def status(self) -> int:
        return self.kind.status


class KeptRefusal:
    """Say in the catalogue's words what a row keeps of a refusal: `reason`, its code, and the `facts` of the words."""

    if TYPE_CHECKING:  # columns of the row
        reason: Any
        facts: Any

    @property
    def kind(self) -> Kind:
        return CATALOGUE[self.reason]

    @property
    def message(self) -> str:
        return self.kind.message.format(**self.facts)

    @property
    def next_step(self) -> str:
        return self.kind.next_step.format(**self.facts)
