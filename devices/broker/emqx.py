"""EMQX 5's questions. See docs/operations.md.

It takes every status but 200 and 204 for "no opinion", so a refusal is an answer; its `no_match` has to be `deny`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse

from devices.broker.json_questions import answered, may, may_connect

if TYPE_CHECKING:
    from devices.broker.authorization import Action
    from devices.broker.json_questions import Facts

ACTIONS: dict[str, Action] = {"publish": "publish", "subscribe": "subscribe"}


def _answer(allowed: bool) -> JsonResponse:
    return JsonResponse({"result": "allow" if allowed else "deny"})


@answered(_answer)
def authentication(asked: Facts) -> bool:
    return may_connect(asked)


@answered(_answer)
def authorization(asked: Facts) -> bool:
    return may(asked, ACTIONS.get(asked.get("action", "")))
