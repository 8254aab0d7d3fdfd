"""What EMQX 5 and mosquitto-go-auth have in common: they post the members of a JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devices.broker.authorization import Question
from lib.parsing import is_storable

if TYPE_CHECKING:
    from devices.broker.authorization import Action
    from devices.broker.doors import Facts


def read_json(body: bytes) -> Facts:
    """Return the members of a JSON object as texts; of anything else none."""
    try:
        members: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    pairs = members.items() if isinstance(members, dict) else ()
    return {name: text for name, value in pairs if (text := _as_text(value)) is not None}


def _as_text(value: object) -> str | None:
    """Return the value as text; None for what is no text: NUL and halves of surrogate pairs too."""
    if not isinstance(value, str | int):
        return None
    text = str(value)
    return text if is_storable(text) else None


def ask_to_connect(asked: Facts) -> Question:
    return Question(asked.get("username", ""), asked.get("password", ""), asked.get("clientid", ""))


def ask_to_act(asked: Facts, action: Action | None) -> Question | None:
    if action is None:
        return None
    client_id, retain = asked.get("clientid", ""), asked.get("retain", "").lower() == "true"
    name = asked.get("topic", "")
    return Question(asked.get("username", ""), client_id=client_id, action=action, topic=name, retain=retain)
