"""Who is mailed of what needs attention: once, together, and twice at most of what comes and goes."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import TYPE_CHECKING, Any

import pytest
from django.core.mail import EmailMessage
from django.db.models import F
from django.utils import timezone

from devices.attention import operations as attention
from devices.lifecycle import assignments
from devices.models import Attention, Connection, Device
from telemetry.attention import silence, telling
from telemetry.models import AttentionMail
from tenants.models import AccountEvent, Membership, Organisation, Role
from tests import builders
from tests.telemetry.attention.saying import report_every, say, watch_rpm

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SADLER = ["admin@sadler.example", "owner@kanarra.example", "technician@sadler.example", "viewer@sadler.example"]


@pytest.fixture(autouse=True)
def _watched(world: World) -> None:
    watch_rpm(world)


def tell(mailoutbox: list[EmailMessage]) -> list[str]:
    """Return to whom the mails went that are due now."""
    before = len(mailoutbox)
    telling.tell_due()
    telling.send_due()
    return sorted(address for mail in mailoutbox[before:] for address in mail.to)


def pass_by(span: timedelta) -> None:
    """So much time goes by, for what needs attention."""
    Attention.objects.update(since=F("since") - span, ended_at=F("ended_at") - span)


def test_two_hundred_devices_dark_at_once_are_one_mail_a_person(world: World, mailoutbox: list[EmailMessage]) -> None:
    version = world.version
    made = [builders.make_device(version, name=f"Pump {n}") for n in range(199)]
    assignments.assign_devices(made, group=world.anaheim.pk, by=world.owner)
    report_every(world.placed, MINUTE, last=HOUR)
    placed = Connection.objects.get(device=world.placed)
    Connection.objects.bulk_create(
        Connection(
            device=each,
            last_seen_at=placed.last_seen_at,
            reported_at=placed.reported_at,
            patience=3 * MINUTE,
            patience_at=timezone.now(),
        )
        for each in made
    )
    world.anaheim.assignments.update(opened_at=timezone.now() - 2 * HOUR)
    half = Device.objects.filter(pk__in=[each.pk for each in made[:100]])
    half.update(locked_at=timezone.now())  # who falls silent a little later
    silence.find_silent()
    assert tell(mailoutbox) == []
    pass_by(2 * MINUTE)
    half.update(locked_at=None)
    silence.find_silent()
    assert Attention.objects.current().count() == 200
    assert tell(mailoutbox) == []  # it still grows
    pass_by(2 * MINUTE)
    assert tell(mailoutbox) == SADLER
    assert {mail.subject for mail in mailoutbox} == {"Kaiser Permanente Anaheim is dark: all 200 devices are silent"}
    assert "Pump" not in mailoutbox[0].body
    pass_by(HOUR)
    assert tell(mailoutbox) == []


def test_nobody_learns_that_somebody_else_has_a_device_there(world: World, mailoutbox: list[EmailMessage]) -> None:
    Organisation.objects.update(personal_devices=True)
    two, theirs = (builders.make_device(world.version, name=name) for name in ("Anaheim Two", "Canary of one"))
    place: dict[str, Any] = {"group": world.anaheim, "name": None, "model": None, "by": world.owner}
    assignments.assign(device=two, **place)
    assignments.assign(device=theirs, **place, person=world.viewer)
    for device in (world.placed, two, theirs):
        report_every(device, MINUTE, last=HOUR)
    world.anaheim.assignments.update(opened_at=timezone.now() - 2 * HOUR)
    silence.find_silent()
    pass_by(2 * MINUTE)
    assert tell(mailoutbox) == SADLER
    told = {mail.to[0]: f"{mail.subject} {mail.body}" for mail in mailoutbox}
    assert {address for address, text in told.items() if "all 3 devices" in text} == {*SADLER} - {
        "technician@sadler.example"
    }
    assert "all 2 devices" in told["technician@sadler.example"]
    assert "Canary" not in told["technician@sadler.example"]


def test_of_one_that_comes_and_goes_there_are_two(world: World, mailoutbox: list[EmailMessage]) -> None:
    times = []
    for _ in range(6):
        say(world.placed, rpm=2100)
        pass_by(2 * MINUTE)
        times.append(tell(mailoutbox))
        say(world.placed, rpm=1500)
        pass_by(2 * MINUTE)
        times.append(tell(mailoutbox))
    assert [time for time in times if time] == [SADLER, SADLER]
    assert "comes and goes" not in mailoutbox[0].body
    assert "comes and goes" in mailoutbox[-1].body
    pass_by(attention.CALM)
    say(world.placed, rpm=2100)
    pass_by(2 * MINUTE)
    assert tell(mailoutbox) == SADLER


def test_one_that_never_lasts_is_told_all_the_same_once(world: World, mailoutbox: list[EmailMessage]) -> None:
    told = []
    for _ in range(8):
        say(world.placed, rpm=2100)
        say(world.placed, rpm=1500)
        told.append(tell(mailoutbox))
    assert [each for each in told if each] == [SADLER]


def test_what_others_do_holds_nobody_up_for_long(world: World, mailoutbox: list[EmailMessage]) -> None:
    say(world.placed, rpm=2100)
    pass_by(6 * MINUTE)
    say(world.placed, engineState="fault")
    assert tell(mailoutbox) == SADLER
    assert "Engine speed 2,100 rpm" in mailoutbox[0].body
    assert "Engine: fault" not in mailoutbox[0].body


def test_nobody_is_told_of_what_somebody_looks_after_or_what_is_over(
    world: World, mailoutbox: list[EmailMessage]
) -> None:
    say(world.placed, rpm=2100, engineState="fault")
    row = Attention.objects.get(cause="range")
    attention.acknowledge(attention=row, device=world.placed, by=world.technician)
    say(world.placed, engineState="running")
    pass_by(2 * MINUTE)
    assert tell(mailoutbox) == []


def test_whoever_chose_so_or_has_no_role_any_more_hears_nothing(
    client: Client, world: World, mailoutbox: list[EmailMessage]
) -> None:
    client.force_login(world.viewer)
    assert client.post("/account/mails/").status_code == 302
    world.viewer.refresh_from_db()
    assert not world.viewer.attention_mails
    assert AccountEvent.objects.filter(user=world.viewer, kind=AccountEvent.Kind.MAILS_CHOSEN).count() == 1
    say(world.placed, rpm=2100)
    pass_by(2 * MINUTE)
    telling.tell_due()
    Membership.objects.filter(user=world.technician).delete()
    assert tell(mailoutbox) == ["admin@sadler.example", "owner@kanarra.example"]
    client.post("/account/mails/", {"attention": "on"})
    world.viewer.refresh_from_db()
    assert world.viewer.attention_mails


def test_the_next_tenant_hears_nothing_of_before(world: World, mailoutbox: list[EmailMessage]) -> None:
    say(world.placed, rpm=2100)
    pass_by(2 * MINUTE)
    telling.tell_due()
    assignments.release(device=world.placed, by=world.owner)
    assignments.assign(device=world.placed, group=world.boise, name="Anew", model=None, by=world.owner)
    assert tell(mailoutbox) == []


def test_a_mail_server_that_is_away_is_asked_again(
    world: World, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.make_user("second@tekton.example", world.tekton, Role.VIEWER)
    say(world.foreign, rpm=2100)
    pass_by(2 * MINUTE)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise SMTPServerDisconnected

        patch.setattr(EmailMessage, "send", fail)
        assert tell(mailoutbox) == []
    assert AttentionMail.objects.filter(unsent=True).count() == 3
    assert tell(mailoutbox) == ["owner@kanarra.example", "second@tekton.example", "technician@tekton.example"]
    assert tell(mailoutbox) == []
