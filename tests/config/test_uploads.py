"""Who sends a large body is found by session or token alone, and what is not theirs to send stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as site
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory

from config import uploads
from config.uploads import Sender, begin_upload, identify_sender
from tenants.models import Role
from tenants.tokens import operations as tokens
from tests import builders

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tenants.models import User
    from tests.conftest import World

PAGE, API = "/imports/new/", "/api/v1/imports/"


@pytest.fixture(autouse=True)
def _small(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.IMPORT_MAX_BYTES, settings.BODY_BYTES, settings.ANONYMOUS_BODY_BYTES = 3_000, 200, 10
    settings.UPLOADS_PERSON, settings.UPLOADS_ORGANISATION = 2, 3
    monkeypatch.setattr(uploads, "_going", type(uploads._going)())


LARGE = 3_000 + uploads.ROOM


def scope_of(path: str = PAGE, method: str = "POST", **headers: str) -> dict[str, Any]:
    named = [
        (name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "testserver", **headers}.items()
    ]
    return {"type": "http", "method": method, "path": path, "headers": named, "query_string": b""}


def sign_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"{site.SESSION_COOKIE_NAME}={client.cookies[site.SESSION_COOKIE_NAME].value}"


def make_token(user: User) -> str:
    own = user.memberships.get()
    return f"Bearer {tokens.create(by=user, name='Import', group=own.group, role=own.role).secret}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": f"{site.SESSION_COOKIE_NAME}=nobody"},
        {"cookie": "other=1"},
        {"authorization": "Bearer nobody"},
        {"authorization": "Bearer"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": ""},
    ],
)
def test_strangers_send_little(headers: dict[str, str]) -> None:
    assert identify_sender(scope_of(**headers)) == Sender(None, 10)


@pytest.mark.parametrize(
    ("role", "path", "method", "most"),
    [
        ("owner", PAGE, "POST", LARGE),
        ("owner", API, "POST", LARGE),
        ("owner", PAGE, "PUT", 200),
        ("owner", "/devices/new/", "POST", 200),
        ("admin", PAGE, "POST", 200),
        ("technician", PAGE, "POST", 200),
        ("stranger", PAGE, "POST", LARGE),
    ],
)
def test_a_file_comes_where_one_is_uploaded_from_who_may(
    world: World, role: str, path: str, method: str, most: int
) -> None:
    user: User = getattr(world, role)
    for headers in ({"cookie": sign_in(user)}, {"authorization": make_token(user)}):
        assert identify_sender(scope_of(path, method, **headers)) == Sender(user, most)


def test_a_token_that_may_less_than_its_person_sends_less(world: World) -> None:
    made = tokens.create(by=world.owner, name="Look", group=world.kanarra.root, role=Role.VIEWER)
    assert identify_sender(scope_of(API, authorization=f"Bearer {made.secret}")) == Sender(world.owner, 200)


def test_a_token_counts_before_a_session_and_is_of_nobody_once_it_was_ended(world: World) -> None:
    made = tokens.create(by=world.viewer, name="Import", group=world.sadler, role=Role.VIEWER)
    headers = {"cookie": sign_in(world.owner), "authorization": f"bearer   {made.secret} "}
    assert identify_sender(scope_of(**headers)).user == world.viewer
    tokens.revoke(token=made.token, by=world.viewer)
    assert identify_sender(scope_of(**headers)).user is None


def test_a_forged_form_brings_nobody(world: World) -> None:
    cookie = sign_in(world.owner)
    request = RequestFactory().get("/")
    right = get_token(request)
    secret = request.META["CSRF_COOKIE"]
    both = f"{cookie}; {site.CSRF_COOKIE_NAME}={secret}"
    assert identify_sender(scope_of(cookie=both, x_csrftoken=right)).user == world.owner
    assert identify_sender(scope_of(cookie=both, x_csrftoken="x" * 32)).user is None
    assert identify_sender(scope_of(cookie=cookie, x_csrftoken=right)).user is None
    assert identify_sender(scope_of(cookie=both)).user == world.owner  # a plain form's is in its body


def test_so_many_go_on_at_once_of_a_person_and_an_organisation(world: World) -> None:
    another = builders.make_user("other@kanarra.example", world.kanarra.root, Role.ADMIN)
    third = builders.make_user("third@kanarra.example", world.kanarra.root, Role.ADMIN)
    one, other, fresh, alien = (Sender(user, LARGE) for user in (world.owner, another, third, world.stranger))
    going = [begin_upload(one), begin_upload(one)]
    assert None not in going
    assert begin_upload(one) is None
    last = begin_upload(other)
    assert last is not None
    assert begin_upload(fresh) is None
    assert begin_upload(alien) is not None
    last.end()
    last.end()
    assert begin_upload(fresh) is not None
    assert begin_upload(other) is None
    assert going[0]
    going[0].end()
    assert begin_upload(other) is not None
