"""EMQX 5's questions. See docs/operations.md.

It takes every status but 200 and 204 for "no opinion", so a refusal is an answer; its `no_match` has to be `deny`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from devices.broker.doors import Answer, Door
from devices.broker.json_questions import ask_to_act, ask_to_connect, read_json

if TYPE_CHECKING:
    from devices.broker.authorization import Action, Question
    from devices.broker.doors import Facts

ACTIONS: dict[str, Action] = {"publish": "publish", "subscribe": "subscribe"}


def answer(allowed: bool) -> Answer:
    return Answer(200, "application/json", json.dumps({"result": "allow" if allowed else "deny"}).encode())


def ask_authorization(asked: Facts) -> Question | None:
    return ask_to_act(asked, ACTIONS.get(asked.get("action", "")))


DOORS = {
    "broker/emqx/authentication": Door("emqx-connect", read_json, ask_to_connect, answer),
    "broker/emqx/authorization": Door("emqx-may", read_json, ask_authorization, answer),
}
