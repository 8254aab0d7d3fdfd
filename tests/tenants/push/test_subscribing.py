"""Which browsers of a person are told, who says so, and what ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError

from config import resealing
from lib import web_push
from lib.refusals import Refusal
from tenants.accounts import sessions
from tenants.models import AccountEvent, PushKey, PushSubscription, Role, User
from tenants.people import operations as people
from tenants.push import keys, operations
from tests.tenants.push.browsers import Browser

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

SERVICE = "https://push.example/p/"
PASSWORD = "a long password of mine"


def told(user: User) -> list[str]:
    return list(PushSubscription.objects.of(user).values_list("endpoint", flat=True))


def kinds(user: User) -> list[str]:
    return list(AccountEvent.objects.of(user).order_by("pk").values_list("kind", flat=True))


def test_a_browser_is_told_and_removed_on_the_account_page(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    browser = Browser(f"{SERVICE}one")
    agent = {"User-Agent": "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"}
    answer = client.post("/account/push/subscribe/", browser.sent, headers=agent)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    row = PushSubscription.objects.get()
    assert (row.user, row.device, row.session) == (world.viewer, "Chrome on Android", client.session.session_key)
    body = client.get("/account/").content.decode()
    assert "Chrome on Android" in body
    assert f'data-push-browser="{row.digest_words}"' in body
    assert browser.endpoint not in body
    assert client.post("/account/push/remove/", {"browser": row.pk}).status_code == 302
    assert told(world.viewer) == []
    assert kinds(world.viewer) == ["push-added", "push-ended"]
    assert "Chrome on Android" not in client.get("/account/").content.decode()


def test_the_key_is_made_once_and_kept_sealed(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    assert client.get("/account/").status_code == 200
    assert client.get("/account/push/key/").status_code == 302
    assert not PushKey.objects.exists(), "whoever only looks makes nothing"
    first = client.post("/account/push/key/").json()["key"]
    assert len(web_push.decode(first)) == web_push.POINT_BYTES
    assert client.post("/account/push/key/").json()["key"] == first
    key = keys.find_key()
    assert key is not None
    assert web_push.encode(web_push.write_point(key)) == first
    assert web_push.read_scalar(key) not in bytes(PushKey.objects.get().sealed)


def test_a_new_secret_of_the_site_keeps_the_key_once_it_is_sealed_again(world: World, settings: Settings) -> None:
    before = web_push.read_scalar(keys.find_or_make_key())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one" * 5, [settings.SECRET_KEY]
    counts = {each.what: each.anew for each in resealing.reseal_all()}
    assert counts["keys of web push"] == 1
    settings.SECRET_KEY_FALLBACKS = []
    key = keys.find_key()
    assert key is not None
    assert web_push.read_scalar(key) == before


def test_a_key_that_is_lost_ends_what_was_subscribed_with_it(world: World, settings: Settings) -> None:
    before = web_push.read_scalar(keys.find_or_make_key())
    Browser(f"{SERVICE}one").subscribe(world.viewer)
    settings.SECRET_KEY = "another one" * 5
    assert keys.find_key() is None
    assert told(world.viewer) == [f"{SERVICE}one"]
    assert web_push.read_scalar(keys.find_or_make_key()) != before
    assert told(world.viewer) == []


def test_a_browser_that_asks_again_is_one(world: World) -> None:
    browser = Browser(f"{SERVICE}one")
    browser.subscribe(world.viewer)
    again = Browser(f"{SERVICE}one")
    again.subscribe(world.viewer, device="Firefox on Linux")
    row = PushSubscription.objects.get()
    assert (bytes(row.auth), row.device) == (again.auth, "Firefox on Linux")
    assert kinds(world.viewer) == ["push-added"]


def test_a_browser_is_that_of_who_said_so_last(world: World) -> None:
    Browser(f"{SERVICE}one").subscribe(world.viewer)
    Browser(f"{SERVICE}one").subscribe(world.stranger)
    assert (told(world.viewer), told(world.stranger)) == ([], [f"{SERVICE}one"])
    assert kinds(world.viewer) == ["push-added", "push-ended"]
    ended = AccountEvent.objects.of(world.viewer).get(kind="push-ended")
    assert (ended.data["by"], ended.address) == (operations.TAKEN, None)


def test_there_is_a_bound_for_each_person(world: World) -> None:
    for number in range(operations.MOST):
        Browser(f"{SERVICE}{number}").subscribe(world.viewer)
    with pytest.raises(Refusal) as refused:
        Browser(f"{SERVICE}more").subscribe(world.viewer)
    assert refused.value.code == "too-many-browsers"
    Browser(f"{SERVICE}0").subscribe(world.viewer)  # one of them
    Browser(f"{SERVICE}more").subscribe(world.technician)
    assert len(told(world.viewer)) == operations.MOST


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example/p/one",
        "https://127.0.0.1/p",
        "https://10.1.2.3/p",
        "https://[::1]/p",
        "https://[::ffff:169.254.169.254]/latest/meta-data/",
        "https://me:secret@push.example/p",
        "https:///p",
        "javascript:alert(1)",
        "https://push.example/" + "x" * 1_000,
    ],
)
def test_an_endpoint_is_where_hooks_may_go(client: Client, world: World, endpoint: str) -> None:
    with pytest.raises(ValidationError):
        Browser(endpoint).subscribe(world.viewer)
    client.force_login(world.viewer)
    client.post("/account/push/subscribe/", Browser(endpoint).sent)
    assert "be used. Reload the page" in client.get("/account/").content.decode()
    assert not PushSubscription.objects.exists()


def test_keys_that_are_none_are_refused(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    for broken in ({"p256dh": "AAAA"}, {"auth": "AAAA"}, {"auth": ""}, {"p256dh": "é" * 87}):
        client.post("/account/push/subscribe/", {**Browser(f"{SERVICE}one").sent, **broken})
    assert not PushSubscription.objects.exists()


def test_nobody_removes_anothers(client: Client, world: World) -> None:
    row = Browser(f"{SERVICE}one").subscribe(world.viewer)
    client.force_login(world.owner)
    for pk in (row.pk, row.pk + 1, "x", ""):
        assert client.post("/account/push/remove/", {"browser": pk}).status_code == 404
    assert told(world.viewer) == [f"{SERVICE}one"]


@pytest.fixture
def signed_in(client: Client, world: World) -> Client:
    """The viewer, by the form, so that the browser is known."""
    world.viewer.set_password(PASSWORD)
    world.viewer.save()
    sign_in(client, world.viewer)
    return client


def sign_in(client: Client, user: User) -> None:
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert client.get("/account/").status_code == 200


def test_signing_out_there_ends_it(signed_in: Client, world: World) -> None:
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    Browser(f"{SERVICE}elsewhere").subscribe(world.viewer, session="elsewhere")
    signed_in.post("/accounts/logout/")
    assert told(world.viewer) == [f"{SERVICE}elsewhere"]


def test_a_session_that_ran_out_does_not_and_signing_out_later_does(signed_in: Client, world: World) -> None:
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    signed_in.cookies.pop("sessionid")
    assert told(world.viewer) == [f"{SERVICE}here"]
    sign_in(signed_in, world.viewer)
    row = PushSubscription.objects.get()
    assert row.session == signed_in.session.session_key
    PushSubscription.objects.update(session="an older one")  # the browser's own name is enough
    signed_in.post("/accounts/logout/")
    assert told(world.viewer) == []


def test_signing_out_on_a_page_of_a_session_that_ran_out_ends_it(signed_in: Client, world: World) -> None:
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    Browser(f"{SERVICE}elsewhere").subscribe(world.viewer, session="elsewhere", browser="another")
    signed_in.cookies.pop("sessionid")
    signed_in.post("/accounts/logout/")
    assert told(world.viewer) == [f"{SERVICE}elsewhere"]


def test_turning_back_while_signing_in_does_not(signed_in: Client, world: World) -> None:
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    signed_in.cookies.pop("sessionid")
    begun = signed_in.session
    begun["account_login"] = {}
    begun.save()
    signed_in.post("/accounts/logout/")
    assert told(world.viewer) == [f"{SERVICE}here"]


def test_who_signs_in_with_a_browser_after_somebody_ends_what_they_were_told(signed_in: Client, world: World) -> None:
    """On a computer that is shared, where a session ran out."""
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    Browser(f"{SERVICE}elsewhere").subscribe(world.viewer, session="elsewhere", browser="another")
    signed_in.cookies.pop("sessionid")
    world.sibling.set_password(PASSWORD)
    world.sibling.save()
    sign_in(signed_in, world.sibling)
    assert told(world.viewer) == [f"{SERVICE}elsewhere"]
    assert kinds(world.viewer)[-2:] == ["push-added", "push-ended"]


def test_signing_another_browser_out_ends_its_own(signed_in: Client, world: World) -> None:
    signed_in.post("/account/push/subscribe/", Browser(f"{SERVICE}here").sent)
    Browser(f"{SERVICE}elsewhere").subscribe(world.viewer, session="elsewhere")
    there = UserSession.objects.create(
        user=world.viewer, session_key="elsewhere", ip="192.0.2.1", user_agent="", data={}
    )
    sessions.end_session(user=world.viewer, pk=there.pk)
    assert told(world.viewer) == [f"{SERVICE}here"]
    Browser(f"{SERVICE}elsewhere").subscribe(world.viewer, session="")
    sessions.end_other_sessions(user=world.viewer, session_key=signed_in.session.session_key or "")
    assert told(world.viewer) == [f"{SERVICE}here"]


@pytest.mark.parametrize("how", ["everywhere", "password", "disabled", "expelled", "demoted"])
def test_what_signs_somebody_out_everywhere_ends_them_all(world: World, how: str) -> None:
    user = world.technician
    Browser(f"{SERVICE}one").subscribe(user)
    Browser(f"{SERVICE}two").subscribe(world.viewer)
    if how == "everywhere":
        people.sign_out_everywhere(user=user)
    elif how == "password":
        people.end_sessions(user=user, by=user)
    elif how == "disabled":
        people.set_active(user=user, by=world.owner, active=False)
    elif how == "expelled":
        people.expel(user=user, by=world.owner)
    else:
        membership = user.memberships.get()
        people.change_role(membership=membership, role=Role.VIEWER, by=world.owner)
    assert not PushSubscription.objects.filter(user=user).exists()
    assert told(world.viewer) == [f"{SERVICE}two"]


def test_a_subscription_of_before_is_not_live(world: World) -> None:
    """Whatever raises the epoch past what deletes rows."""
    Browser(f"{SERVICE}one").subscribe(world.viewer)
    User.objects.filter(pk=world.viewer.pk).update(epoch=world.viewer.epoch + 1)
    assert told(world.viewer) == []
    with pytest.raises(Refusal):
        Browser(f"{SERVICE}two").subscribe(world.viewer)  # signed in before
