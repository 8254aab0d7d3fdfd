"""The site's own ear for brokers, for small set-ups; others ask `devices.broker.gate`. To strangers it is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from devices.broker.authorization import answer_question
from devices.broker.doors import is_broker
from lib.turns import out_of_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from devices.broker.doors import Door


def build_view(door: Door) -> Callable[[HttpRequest], HttpResponse]:
    @out_of_turn
    @csrf_exempt
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not is_broker(request.headers.get("Authorization", "")):
            raise Http404
        question = door.ask(door.read(request.body))
        status, content_type, body = door.answer(question is not None and answer_question(question))
        return HttpResponse(body, status=status, content_type=content_type)

    return answer
