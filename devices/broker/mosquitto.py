"""mosquitto-go-auth's questions. It takes the status, or `ok` in its JSON mode: both are given. See operations.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from devices.broker.doors import Answer, Door
from devices.broker.json_questions import ask_to_act, ask_to_connect, read_json

if TYPE_CHECKING:
    from devices.broker.authorization import Action, Question
    from devices.broker.doors import Facts

ACTIONS: dict[str, Action] = {"1": "receive", "2": "publish", "4": "subscribe"}  # MOSQ_ACL_READ, _WRITE, _SUBSCRIBE


def answer(allowed: bool) -> Answer:
    body = json.dumps({"ok": allowed, "error": "" if allowed else "refused"})
    return Answer(200 if allowed else 403, "application/json", body.encode())


def ask_acl(asked: Facts) -> Question | None:
    return ask_to_act(asked, ACTIONS.get(asked.get("acc", "")))


DOORS = {
    "broker/mosquitto/user": Door("mosquitto-connect", read_json, ask_to_connect, answer),
    "broker/mosquitto/acl": Door("mosquitto-may", read_json, ask_acl, answer),
}
