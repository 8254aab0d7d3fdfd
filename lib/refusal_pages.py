"""How pages show what was refused: in the form that was sent, else on the page that it was sent from."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.deprecation import MiddlewareMixin
from django_htmx.http import HttpResponseClientRedirect

from lib.problem_json import CONTENT_TYPE, describe_refusal
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.forms import BaseForm
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    View = Callable[..., HttpResponseBase]

UNPROCESSABLE = 422  # a form that is not accepted; programs get 400


class Outcome:
    """Tell whether a form's operation was refused, and with which status its page answers then."""

    status = 0
    refusal: Refusal | None = None

    def __bool__(self) -> bool:
        return self.status != 0


@contextmanager
def show_in_form(form: BaseForm, *, at: str | None = None) -> Iterator[Outcome]:
    """Do what follows, and put what it refuses into the form, which keeps what was typed.

    `with show_in_form(form) as refused: …`. What is about a field stands there, the rest at the field `at` or above
    all.
    """
    outcome = Outcome()
    try:
        yield outcome
    except Refusal as refusal:
        field = refusal.field.rpartition("/")[2]
        form.add_error(field if field in form.fields else at, str(refusal))
        outcome.status, outcome.refusal = choose_form_status(refusal), refusal
    except ValidationError as error:
        said = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for field, texts in said.items():
            form.add_error(field if field in form.fields else at, ValidationError(texts))
        outcome.status = UNPROCESSABLE


def choose_form_status(refusal: Refusal) -> int:
    return UNPROCESSABLE if refusal.status == 400 else refusal.status


class RefusalPages(MiddlewareMixin):
    """Answer what a view's operation refused and no form of its took."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        return answer(request, error) if isinstance(error, Refusal) else None


def return_to(name: str) -> Callable[[View], View]:
    """Decorate a view: what it refuses is shown on the page of this name, with the same arguments."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            remember_page(request, reverse(name, kwargs=kwargs))
            return view(request, **kwargs)

        return wrapper

    return decorate


def remember_page(request: HttpRequest, address: str) -> None:
    """Say on which page this request's refusal is shown."""
    request.came_from = address  # type: ignore[attr-defined]


def answer(request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
    """Show the page that the request came from as it is now, above it what was refused, with the refusal's status.

    Its address stays the one that was sent to; who comes to that by GET (a reload) is led to the page. Where nothing
    names the page the refusal is one of its own.
    """
    address: str = getattr(request, "came_from", "")
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":  # a script of our own
        return JsonResponse(describe_refusal(refusal, is_read=True), status=refusal.status, content_type=CONTENT_TYPE)
    if not address:
        return render(request, "refusal.html", {"refusal": refusal}, status=refusal.status)
    messages.error(request, str(refusal))
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(address)
    page = _read_page(request, address)
    if page.status_code == 200:
        page.status_code = choose_form_status(refusal)
    return page


def _read_page(request: HttpRequest, address: str) -> HttpResponseBase:
    """Answer as if the address were read now, by whoever asks."""
    path, _, query = address.partition("?")
    reading = copy(request)
    reading.method, reading.path, reading.path_info = "GET", path, path
    reading.GET, reading.POST = QueryDict(query), QueryDict()
    reading.resolver_match = match = resolve(path)
    response: HttpResponseBase = match.func(reading, *match.args, **match.kwargs)
    return response
