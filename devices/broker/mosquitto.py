"""mosquitto-go-auth asks here. It takes the status, or `ok` in its JSON mode: both are given. See operations.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse

from devices.broker.json_questions import answered, may, may_connect

if TYPE_CHECKING:
    from devices.broker.authorization import Action
    from devices.broker.json_questions import Facts

ACTIONS: dict[str, Action] = {"1": "receive", "2": "publish", "4": "subscribe"}  # MOSQ_ACL_READ, _WRITE, _SUBSCRIBE


def _answer(allowed: bool) -> JsonResponse:
    return JsonResponse({"ok": allowed, "error": "" if allowed else "refused"}, status=200 if allowed else 403)


@answered(_answer)
def user(asked: Facts) -> bool:
    return may_connect(asked)


@answered(_answer)
def acl(asked: Facts) -> bool:
    return may(asked, ACTIONS.get(asked.get("acc", "")))
