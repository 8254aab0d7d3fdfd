"""What devices ask is answered past everything that is there for people, and with the length of the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import path

from lib.device_facing import DeviceFacing, mark_device_facing

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings


@mark_device_facing
def plain(request: Any, serial: str) -> HttpResponse:
    return HttpResponse(f"{serial} {request.resolver_match.url_name}")


@mark_device_facing
async def waiting(request: Any) -> HttpResponse:
    return HttpResponse("later")


@mark_device_facing
def parts(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(["a", "b"])


def page(request: Any) -> HttpResponse:
    return HttpResponse("for people")


urlpatterns = [
    path("own/<serial>/", plain, name="own"),
    path("waiting/", waiting, name="waiting"),
    path("parts/", parts, name="parts"),
    path("page/", page, name="page"),
]

PATHS = ["/own/AB12/", "/waiting/", "/parts/", "/page/", "/nothing/"]


@pytest.fixture(autouse=True)
def _own_addresses(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


def read(answer: Any) -> tuple[bytes, str | None]:
    return answer.getvalue(), answer.headers.get("Content-Length")


TOLD = {
    "/own/AB12/": (b"AB12 own", "8"),
    "/waiting/": (b"later", "5"),
    "/parts/": (b"ab", None),
    "/page/": (b"the rest of the site", None),
    "/nothing/": (b"the rest of the site", None),
}


@pytest.mark.parametrize("address", PATHS)
def test_devices_are_answered_and_others_go_on(address: str) -> None:
    site = DeviceFacing(lambda request: HttpResponse("the rest of the site"))
    answer: Any = site(RequestFactory().post(address))
    assert read(answer) == TOLD[address]


@pytest.mark.parametrize("address", PATHS)
def test_it_is_the_same_in_an_event_loop(address: str) -> None:
    async def rest(request: Any) -> HttpResponse:
        return HttpResponse("the rest of the site")

    async def scene() -> Any:
        answering: Any = DeviceFacing(rest)(RequestFactory().post(address))
        return await answering

    assert read(asyncio.run(scene())) == TOLD[address]


def test_a_marked_view_needs_no_token_of_a_page() -> None:
    marked: Any = plain
    assert (marked.device_facing, marked.csrf_exempt) == (True, True)
    assert not hasattr(page, "device_facing")
