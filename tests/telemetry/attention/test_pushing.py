"""Browsers are told what mails tell, by their own push services, and only what their person sees then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db.models import F
from django.utils import timezone

from devices.attention import operations as attention
from devices.lifecycle import assignments
from devices.models import Attention
from lib import web_push
from telemetry.attention import pushing, silence, telling
from telemetry.models import AttentionPush
from tenants.models import Membership, PushSubscription, User
from tenants.push import keys
from tests import builders
from tests.receivers import Receiver, certificates, receiver
from tests.telemetry.attention.saying import report_every, say, watch_rpm
from tests.telemetry.attention.test_telling import HOUR, MINUTE, pass_by
from tests.tenants.push.browsers import Browser, browser_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.mail import EmailMessage
    from pytest_django.fixtures import Settings

    from tests.conftest import World


@pytest.fixture
def service(settings: Settings) -> Iterator[Receiver]:
    """A push service that this site may reach."""
    settings.HOOK_NETWORKS = ["127.0.0.0/8"]
    settings.HOOK_CA = str(certificates()[0])
    with receiver() as told:
        yield told


@pytest.fixture
def phone(world: World, service: Receiver) -> Browser:
    """The viewer's."""
    watch_rpm(world)
    keys.find_or_make_key()
    made = browser_at(service)
    made.subscribe(world.viewer)
    return made


def begin(world: World) -> None:
    """Something that lasted."""
    say(world.placed, rpm=2100)
    pass_by(2 * MINUTE)
    telling.tell_due()


def again() -> int:
    """Send what is due, whenever that is."""
    AttentionPush.objects.update(due_at=timezone.now() - MINUTE)
    return pushing.send_due()


def test_a_browser_is_told_once_what_the_mail_says(
    world: World, service: Receiver, phone: Browser, mailoutbox: list[EmailMessage]
) -> None:
    begin(world)
    assert pushing.send_due() == 1
    [got] = service.got
    assert phone.read(got) == {"title": "Anaheim One needs attention", "path": world.placed.get_absolute_url()}
    telling.send_due()
    assert {mail.subject for mail in mailoutbox} == {"Anaheim One needs attention"}
    assert b"Anaheim" not in got.body
    row = PushSubscription.objects.get()
    assert row.told_at is not None
    assert not row.fails
    telling.tell_due()
    assert pushing.send_due() == 0
    assert not AttentionPush.objects.exists()


def test_a_site_that_is_dark_is_one_message(world: World, service: Receiver, phone: Browser) -> None:
    made = [builders.make_device(world.version, name=f"Pump {n}") for n in range(3)]
    assignments.assign_devices(made, group=world.anaheim.pk, by=world.owner)
    for device in (world.placed, *made):
        report_every(device, MINUTE, last=HOUR)
    world.anaheim.assignments.update(opened_at=timezone.now() - 2 * HOUR)
    silence.find_silent()
    pass_by(2 * MINUTE)
    telling.tell_due()
    assert pushing.send_due() == 1
    told = {
        "title": "Kaiser Permanente Anaheim is dark: all 4 devices are silent",
        "path": f"/groups/{world.anaheim.pk}/overview/",
    }
    assert [phone.read(got) for got in service.got] == [told]


def test_who_wants_no_mails_is_told_all_the_same(
    world: World, service: Receiver, phone: Browser, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.update(attention_mails=False)
    begin(world)
    telling.send_due()
    assert (pushing.send_due(), len(mailoutbox)) == (1, 0)


def test_of_one_that_comes_and_goes_there_are_two(world: World, service: Receiver, phone: Browser) -> None:
    for _ in range(5):
        begin(world)
        pushing.send_due()
        say(world.placed, rpm=1500)
        pass_by(2 * MINUTE)
    assert len(service.got) == 2
    pass_by(attention.CALM)
    begin(world)
    pushing.send_due()
    assert len(service.got) == 3


def test_each_browser_of_those_who_see_it(world: World, service: Receiver, phone: Browser) -> None:
    names = ("second", "technician", "stranger", "sibling")
    second, technician, stranger, sibling = (browser_at(service, name) for name in names)
    second.subscribe(world.viewer)
    technician.subscribe(world.technician)
    stranger.subscribe(world.stranger)
    sibling.subscribe(world.sibling)
    begin(world)
    assert pushing.send_due() == 3
    for browser in (phone, second, technician):
        assert sum(_reads(browser, got.body) for got in service.got) == 1
    for browser in (stranger, sibling):
        assert not any(_reads(browser, got.body) for got in service.got)


def _reads(browser: Browser, body: bytes) -> bool:
    try:
        return bool(web_push.decrypt(body, browser.key, browser.auth))
    except ValueError:
        return False


@pytest.mark.parametrize("how", ["role", "acknowledged by nobody", "released", "signed out", "disabled", "removed"])
def test_what_they_may_not_see_any_more_is_not_told(world: World, service: Receiver, phone: Browser, how: str) -> None:
    begin(world)
    assert AttentionPush.objects.count() == 1
    if how == "role":
        Membership.objects.filter(user=world.viewer).delete()
    elif how == "released":
        assignments.release(device=world.placed, by=world.owner)
    elif how == "signed out":
        User.objects.filter(pk=world.viewer.pk).update(epoch=F("epoch") + 1)
    elif how == "disabled":
        User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    elif how == "removed":
        PushSubscription.objects.all().delete()
    pushing.send_due()
    assert len(service.got) == (1 if how == "acknowledged by nobody" else 0)
    assert not AttentionPush.objects.exists()


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_its_service_knows_no_more_is_removed(
    world: World, service: Receiver, phone: Browser, status: int
) -> None:
    service.refuse(status)
    begin(world)
    assert pushing.send_due() == 0
    assert not PushSubscription.objects.exists()
    assert not AttentionPush.objects.exists()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_busy_is_asked_again_for_some_hours(
    world: World, service: Receiver, phone: Browser, status: int
) -> None:
    service.refuse(status)
    begin(world)
    for attempt in range(1, len(pushing.RETRIES) + 1):
        assert again() == 0
        row = AttentionPush.objects.get()
        assert row.attempts == attempt
        wait = row.due_at - timezone.now()
        assert abs(wait - timedelta(seconds=pushing.RETRIES[attempt - 1])) < MINUTE / 2
        assert pushing.send_due() == 0, "not before"
    assert len(service.got) == len(pushing.RETRIES)
    assert PushSubscription.objects.get().fails
    again()
    assert not AttentionPush.objects.exists()
    assert PushSubscription.objects.exists()


def test_one_that_is_taken_later_is_told_once(world: World, service: Receiver, phone: Browser) -> None:
    service.refuse(503)
    begin(world)
    pushing.send_due()
    service.accept()
    assert again() == 1
    assert again() == 0
    assert not PushSubscription.objects.get().fails


def test_a_service_says_for_how_long_to_wait_within_bounds(world: World, service: Receiver, phone: Browser) -> None:
    service.refuse(429, Retry_After="1800")
    begin(world)
    pushing.send_due()
    assert AttentionPush.objects.get().due_at > timezone.now() + timedelta(minutes=25)
    service.refuse(429, Retry_After="86400")
    again()
    assert not AttentionPush.objects.exists()


@pytest.mark.parametrize("status", [301, 400, 403, 413])
def test_what_a_service_judged_is_not_sent_again(world: World, service: Receiver, phone: Browser, status: int) -> None:
    service.refuse(status, Location=service.url)
    begin(world)
    pushing.send_due()
    assert len(service.got) == 1
    assert not AttentionPush.objects.exists()
    assert PushSubscription.objects.get().fails


def test_nothing_goes_to_a_private_network(world: World, service: Receiver, phone: Browser, settings: Settings) -> None:
    settings.HOOK_NETWORKS = []
    begin(world)
    assert pushing.send_due() == 0
    assert service.got == []
    assert PushSubscription.objects.get().fails


def test_a_slow_service_holds_up_no_other(world: World, service: Receiver, phone: Browser) -> None:
    with receiver() as slow:
        slow.sleep(3)
        browser_at(slow).subscribe(world.technician)
        begin(world)
        assert pushing.send_due() == 2
        assert service.got[0].at - slow.got[0].at < 2


def test_two_workers_send_it_once(world: World, service: Receiver, phone: Browser) -> None:
    begin(world)
    [row] = AttentionPush.objects.all()
    assert pushing._claim(row)
    assert pushing.send_due() == 0
    again()
    assert len(service.got) == 1, "what a worker that died had taken is sent by the next"


def test_without_the_key_nothing_is_sent(world: World, service: Receiver, phone: Browser, settings: Settings) -> None:
    begin(world)
    settings.SECRET_KEY = "another one" * 5
    assert pushing.send_due() == 0
    assert service.got == []


def test_what_nobody_tries_any_more_is_deleted(world: World, phone: Browser) -> None:
    begin(world)
    AttentionPush.objects.update(made_at=timezone.now() - 5 * HOUR)
    pushing.clear_old()
    assert not AttentionPush.objects.exists()
    assert Attention.objects.exists()
