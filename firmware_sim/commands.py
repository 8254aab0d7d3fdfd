"""Commands, as docs/protocol.md has them: done once each, answered, and answered the same when they come again."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    Obey = Callable[[str, dict[str, Any]], "dict[str, Any] | None"]
    """Do what a command says; return what is answered beside. Raises Unwilling."""

MOST_KNOWN = 200
BLINK_SECONDS, LONGEST_BLINK = 20.0, 300.0


class Unwilling(Exception):
    """Say why a command is not done."""


class Command(NamedTuple):
    id: str
    name: str
    payload: dict[str, Any]


def read(payload: bytes, now: datetime) -> Command | None:
    """Take a command apart; None for one that is none, or whose time is over. One without an id is not answered."""
    try:
        body = json.loads(payload)
        if "expires" in body and datetime.fromisoformat(body["expires"]["$date"]) <= now:
            return None
        return Command(str(body.get("id", "")), str(body["name"]), body.get("payload") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


class Obedience:
    """Know which commands were done; of a repeat only the answer is given again."""

    def __init__(self, obey: Obey | None) -> None:
        self._obey = obey
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._blinks_until = float("-inf")

    @property
    def blinks(self) -> bool:
        return time.monotonic() < self._blinks_until

    def hear(self, payload: bytes) -> dict[str, Any] | None:
        """Do the command; return the answer, None where there is nobody to answer."""
        command = read(payload, datetime.now(UTC))
        if command is None:
            return None
        if command.id in self._known:
            return self._known[command.id]
        answer = self._do(command)
        if not command.id:
            return None
        self._known[command.id] = answer
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return answer

    def _do(self, command: Command) -> dict[str, Any]:
        about = {"id": command.id}
        try:
            if command.name == "identify":
                self._blink(command.payload)
                return {**about, "status": "done"}
            result = self._pass_on(command)
        except Unwilling as error:
            return {**about, "status": "refused", "reason": str(error)}
        return {**about, "status": "done", **({"result": result} if result else {})}

    def _blink(self, payload: dict[str, Any]) -> None:
        seconds = payload.get("seconds", BLINK_SECONDS) if isinstance(payload, dict) else BLINK_SECONDS
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise Unwilling("the seconds are no number")
        self._blinks_until = time.monotonic() + min(max(seconds, 1.0), LONGEST_BLINK)

    def _pass_on(self, command: Command) -> dict[str, Any] | None:
        if self._obey is None or not isinstance(command.payload, dict):
            raise Unwilling(f"it knows no {command.name}")
        return self._obey(command.name, command.payload)
