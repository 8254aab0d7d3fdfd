"""What is refused is shown in the form that was sent, else on the page that it was sent from, with the right status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.contrib import messages
from django.contrib.messages.storage.base import BaseStorage
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.test import RequestFactory
from django.urls import path

from lib.decorators import redirect_unless_posted
from lib.refusal_pages import RefusalPages, return_to, show_in_form
from lib.refusals import Kind, Refusal

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

TAKEN = Kind("name-taken", "The name is taken.", "Choose another.", 409)
WRONG = Kind("invalid", "This is wrong.", "Correct it.", 400)


class Form(forms.Form):
    name = forms.CharField()
    stock = forms.CharField()


class Storage(BaseStorage):
    """Keep messages for the page that is read next."""

    def _get(self, *_: object, **__: object) -> tuple[list[Any], bool]:
        return [], True

    def _store(self, *_: object, **__: object) -> list[Any]:
        return []


def show_page(request: Any, name: str = "") -> HttpResponse:
    said = " ".join(map(str, messages.get_messages(request)))
    return HttpResponse(f"{request.method} {name} {request.GET.urlencode()} {len(request.POST)} {said}")


def lead_away(request: Any) -> HttpResponse:
    return HttpResponseRedirect("/elsewhere/")


@return_to("page")
def save(request: Any, name: str) -> HttpResponse:
    if name == "fine":
        return HttpResponse("saved")
    raise Refusal(TAKEN)


@redirect_unless_posted(back="page")
def post(request: Any, name: str) -> HttpResponse:
    if name == "fine":
        return HttpResponse("done")
    raise Refusal(WRONG)


def lose(request: Any) -> HttpResponse:
    request.came_from = "/away/"
    raise Refusal(TAKEN)


def ask(request: Any) -> HttpResponse:
    request.came_from = "/page/pump/?part=2&part=3"
    raise Refusal(WRONG)


urlpatterns = [
    path("page/<name>/", show_page, name="page"),
    path("away/", lead_away),
    path("save/<name>/", save),
    path("post/<name>/", post),
    path("lose/", lose),
    path("ask/", ask),
]


@pytest.fixture(autouse=True)
def _own_addresses(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def send(address: str, method: str = "post", htmx: bool = False, **headers: str) -> Any:
    request: Any = getattr(RequestFactory(), method)(address, {"a": "1"}, headers={"accept": "text/html", **headers})
    request._messages, request.htmx = Storage(request), htmx
    pages = RefusalPages(lambda _: HttpResponse())
    for pattern in urlpatterns:
        if match := pattern.resolve(address.lstrip("/")):
            try:
                return match.func(request, **match.kwargs)
            except Refusal as refusal:
                return pages.process_exception(request, refusal)
    raise LookupError(address)


@pytest.mark.parametrize(
    ("address", "status", "shown"),
    [
        ("/save/pump/", 409, "GET pump  0 The name is taken. Choose another."),
        ("/post/pump/", 422, "GET pump  0 This is wrong. Correct it."),
        ("/post/fine/", 200, "done"),
        ("/save/fine/", 200, "saved"),
        ("/ask/", 422, "GET pump part=2&part=3 0 This is wrong. Correct it."),
    ],
)
def test_the_page_that_was_sent_from_is_shown_as_it_is_now(address: str, status: int, shown: str) -> None:
    answer = send(address)
    assert (answer.status_code, answer.content.decode()) == (status, shown)


def test_a_page_that_is_none_any_more_keeps_its_own_answer() -> None:
    answer = send("/lose/")
    assert (answer.status_code, answer["Location"]) == (302, "/elsewhere/")


def test_who_comes_by_get_is_led_to_the_page() -> None:
    answer = send("/post/pump/", "get")
    assert (answer.status_code, answer["Location"]) == (302, "/page/pump/")


def test_a_fragment_of_a_page_is_led_to_it() -> None:
    answer = send("/save/pump/", htmx=True)
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/page/pump/")


@pytest.mark.parametrize(
    ("accept", "is_program"),
    [
        ("application/json", True),
        ("application/json, text/html;q=0.5", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
    ],
)
def test_a_script_gets_a_problem(accept: str, *, is_program: bool) -> None:
    answer = send("/save/pump/", accept=accept)
    assert answer.status_code == 409
    if is_program:
        assert answer["Content-Type"] == "application/problem+json"
        assert json.loads(answer.content)["code"] == "name-taken"
    else:
        assert answer["Content-Type"].startswith("text/html")


def test_what_is_no_refusal_is_left_to_others() -> None:
    request = RequestFactory().get("/")
    assert RefusalPages(lambda _: HttpResponse()).process_exception(request, ValueError("ours")) is None


# In the form ----------------------------------------------------------------------------------


def show(error: Exception | None, at: str | None = None) -> tuple[dict[str, list[str]], int, bool]:
    form = Form({"name": "Pump", "stock": "a4"})
    assert form.is_valid()
    with show_in_form(form, at=at) as refused:
        if error is not None:
            raise error
    return {name: [*texts] for name, texts in form.errors.items()}, refused.status, bool(refused)


@pytest.mark.parametrize(
    ("refusal", "at", "where", "status"),
    [
        (Refusal(TAKEN), None, "__all__", 409),
        (Refusal(TAKEN), "name", "name", 409),
        (Refusal(TAKEN, field="name"), None, "name", 409),
        (Refusal(WRONG, field="options/stock"), "name", "stock", 422),
        (Refusal(WRONG, field="nothing"), "name", "name", 422),
        (Refusal(WRONG, field="nothing"), None, "__all__", 422),
    ],
)
def test_a_refusal_stands_at_its_field(refusal: Refusal, at: str | None, where: str, status: int) -> None:
    assert show(refusal, at) == ({where: [str(refusal)]}, status, True)


@pytest.mark.parametrize(
    ("error", "at", "errors"),
    [
        (ValidationError("Too long."), None, {"__all__": ["Too long."]}),
        (ValidationError(["One.", "Two."]), "name", {"name": ["One.", "Two."]}),
        (ValidationError({"name": ["One."], "group": ["Two."]}), None, {"name": ["One."], "__all__": ["Two."]}),
        (ValidationError({"group": ["Two."]}), "stock", {"stock": ["Two."]}),
    ],
)
def test_what_a_model_refuses_is_told_too(error: ValidationError, at: str | None, errors: dict[str, Any]) -> None:
    assert show(error, at) == (errors, 422, True)


def test_what_is_done_is_not_refused_and_another_error_is_ours() -> None:
    assert show(None) == ({}, 0, False)
    with pytest.raises(LookupError):
        show(LookupError("ours"))
