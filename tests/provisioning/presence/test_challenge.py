"""Digits that are entered at the device, which signs them."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from config.ingest import ingest
from devices.credentials import presence_secrets
from devices.lifecycle import locks
from devices.models import Device, DeviceModel, Event, PresenceSecret, RefusedAttempt
from devices.mqtt import text_values
from devices.mqtt.messages import Message
from lib import key_wrapping
from provisioning import refusals
from provisioning.doors.activate import data
from provisioning.models import Window
from provisioning.presence import challenge
from provisioning.windows import operations as windows
from provisioning.windows.proofs import prove_presence
from telemetry.models import Drop, Report
from tests.builders import make_device
from tests.devices.api import Program
from tests.provisioning.conftest import ask_for, end_in, form_data, report_press
from tests.provisioning.doors.test_data import ALIAS, ask, make_token
from tests.provisioning.windows.test_races import at_once
from tests.refused import refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.test import Client

    from tests.conftest import World


def make_secret(device: Device) -> bytes:
    return bytes.fromhex(presence_secrets.make_presence_secret(device=device, method="challenge", by=None).secret)


def open_window(world: World) -> Window:
    ask_for(world, "challenge")
    window = windows.open_window(device=world.waiting, by=world.technician)
    return Window.objects.with_state().get(pk=window.pk)


def sign(secret: bytes, device: Device, digits: str) -> str:
    """Sign as a device does that knows docs/protocol.md."""
    message = f"presence:{device.device_id}:{digits}"
    return base64.b64encode(hmac.digest(secret, message.encode(), "sha256")).decode()


def report_answers(device: Device, answers: Sequence[object], *, body: str = "", **how: Any) -> None:
    """Have them arrive by MQTT, or the one `body` as it is."""
    bodies = [body] if body else [json.dumps({"data": {"presenceAnswer": answer}}) for answer in answers]
    ingest([Message(device.device_id, each.encode(), timezone.now(), **how) for each in bodies])


def read_state(window: Window) -> str:
    return Window.objects.with_state().get(pk=window.pk).state


def list_refused(device: Device) -> list[str]:
    return sorted(RefusedAttempt.objects.filter(device=device).values_list("reason", flat=True))


def test_the_digits_are_signed_and_the_device_is_placed(client: Client, world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    client.force_login(world.technician)
    address = reverse("provisioning:window", kwargs={"key": window.key})
    page = client.get(address).content.decode()
    assert f"{window.challenge[:4]} {window.challenge[4:]}" in page
    assert "Enter these digits at the device" in page
    report_answers(world.waiting, [sign(secret, world.waiting, window.challenge)])
    page = client.get(address).content.decode()
    assert "the device has answered" in page
    assert window.challenge[:4] + " " not in page
    (proven,) = Event.objects.filter(kind="presence-proven")
    assert proven.data == {"method": "challenge", "window": str(window.key)}
    assert client.post(reverse("provisioning:place", kwargs={"key": window.key}), form_data(world)).status_code == 302
    world.waiting.refresh_from_db()
    assert world.waiting.group == world.anaheim
    assert not RefusedAttempt.objects.exists()


def test_an_answer_is_no_value_and_stands_beside_values(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    answer = sign(secret, world.waiting, window.challenge)
    body = {"data": {"presenceAnswer": answer, "rpm": 1800}, "time": "2001-01-01T00:00:00Z"}
    ingest([Message(world.waiting.device_id, json.dumps(body).encode(), timezone.now())])
    assert read_state(window) == "pressed"
    assert [drop.cause for drop in Drop.objects.all()] == ["too-old"]
    report_answers(world.waiting, [answer])
    assert not Report.objects.filter(device=world.waiting).exists()
    assert Drop.objects.count() == 1


def test_a_device_may_answer_over_http(world: World) -> None:
    text_values._declared.clear()
    data.debts._until.clear()
    secret, token = make_secret(world.waiting), make_token(world)
    window = open_window(world)
    answer = sign(secret, world.waiting, window.challenge)
    assert ask(token, ALIAS, urlencode({"presenceAnswer": answer})).status_code == 204
    assert read_state(window) == "pressed"
    assert not Drop.objects.exists()


def test_a_press_or_a_typed_code_counts_for_nothing(world: World) -> None:
    make_secret(world.waiting)
    window = open_window(world)
    report_press(world.waiting)
    with refused(refusals.NO_CODE_ASKED):
        prove_presence(window=window, by=world.technician, code=window.challenge)
    model = DeviceModel.objects.get(organisation=world.kanarra)
    with refused(refusals.CHALLENGE_UNANSWERED):
        windows.finish_window(window=window, by=world.technician, name="A", group=world.anaheim, model=model)
    assert read_state(window) == "waiting"


def wrong_digits(window: Window) -> str:
    return f"{(int(window.challenge) + 1) % 10**8:08}"


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("other digits", "answer-wrong"),
        ("another's secret", "answer-wrong"),
        ("another's id", "answer-wrong"),
        ("the digits alone", "answer-unreadable"),
        ("no text", "answer-unreadable"),
        ("too long", "answer-unreadable"),
        ("half a signature", "answer-unreadable"),
        ("no certificate", "answer-certificate-unknown"),
        ("earlier window", "answer-of-earlier-window"),
        ("no secret", "answer-without-key"),
    ],
)
def test_other_answers_are_refused_with_their_cause(client: Client, world: World, case: str, reason: str) -> None:
    device, another = world.waiting, make_device(world.version, name="Another")
    secret, others = make_secret(device), make_secret(another)
    earlier, window = open_window(world), open_window(world)
    right = sign(secret, device, window.challenge)
    answers = {
        "other digits": sign(secret, device, wrong_digits(window)),
        "another's secret": sign(others, device, window.challenge),
        "another's id": sign(secret, another, window.challenge),
        "the digits alone": window.challenge,
        "no text": 12345678,
        "too long": right * 200,
        "half a signature": right[:20],
        "no certificate": f"AAAA.{right}",
        "earlier window": sign(secret, device, earlier.challenge),
        "no secret": right,
    }
    if case == "no secret":
        PresenceSecret.objects.all().delete()
    report_answers(device, [answers[case]])
    assert (read_state(window), list_refused(device)) == ("waiting", [reason])
    client.force_login(world.technician)
    page = client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    kept = RefusedAttempt.objects.get()
    for words in (kept.message, kept.next_step):
        assert words.replace("'", "&#x27;") in page
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert (told["reason"], told["count"]) == (reason, 1)
    report_answers(another, [right])
    assert read_state(window) == "waiting"
    assert list_refused(another) == ["answer-unasked"]


def test_inside_the_window_alone_by_the_databases_clock(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    answer = sign(secret, world.waiting, window.challenge)
    end_in(window, milliseconds=-1)
    report_answers(world.waiting, [answer])
    assert (read_state(window), list_refused(world.waiting)) == ("expired", ["answer-late"])
    end_in(window, seconds=1)
    report_answers(world.waiting, [answer])
    assert read_state(window) == "pressed"


def test_repeated_it_counts_once_and_for_no_later_window(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    answer = sign(secret, world.waiting, window.challenge)
    for _ in range(100):
        report_answers(world.waiting, [answer], repeated=True)
    assert Event.objects.filter(kind="presence-proven").count() == 1
    assert list_refused(world.waiting) == []
    later = open_window(world)
    report_answers(world.waiting, [answer])
    assert (read_state(later), list_refused(world.waiting)) == ("waiting", ["answer-of-earlier-window"])


def test_a_retained_answer_and_one_of_a_locked_device_count_for_nothing(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    answer = sign(secret, world.waiting, window.challenge)
    report_answers(world.waiting, [answer], retained=True)
    assert read_state(window) == "waiting"
    locks.lock_devices([world.waiting], by=world.owner)
    report_answers(world.waiting, [answer])
    assert read_state(window) == "waiting"


def test_of_10000_guesses_and_replays_none_is_accepted_and_few_are_looked_at(world: World) -> None:
    """Nor is the right one then; and a technician's other devices are not held up by it."""
    device, another = world.waiting, make_device(world.version, name="Another")
    secret, others = make_secret(device), make_secret(another)
    earlier, window = open_window(world), open_window(world)
    replayed = [sign(secret, device, earlier.challenge), sign(others, device, window.challenge)]
    guesses = [base64.b64encode(hmac.digest(b"guess", b"%d" % number, "sha256")).decode() for number in range(9_000)]
    tries = guesses + replayed * 500
    asked = challenge.Asked(device, [window, earlier], secret)
    assert not any(challenge._fits(asked, window, text) for text in tries)
    for start in range(0, len(tries), 50):
        report_answers(device, tries[start : start + 50])
    assert (read_state(window), Window.objects.get(pk=window.pk).wrong_codes) == ("waiting", 20)
    report_answers(device, [sign(secret, device, window.challenge)])
    assert read_state(window) == "waiting"
    assert set(list_refused(device)) == {"answer-wrong", "answers-too-many"}
    another = Device.objects.get(pk=another.pk)  # as its organisation is now
    second = windows.open_window(device=another, by=world.technician)
    report_answers(another, [sign(others, another, second.challenge)])
    assert read_state(second) == "pressed"


@pytest.mark.parametrize(
    ("wrong", "mine", "minutes", "moves"),
    [
        (19, True, 1, True),
        (20, True, 1, False),
        (20, True, 61, True),
        (29, False, 1, True),
        (30, False, 1, False),
        (30, False, 61, True),
    ],
)
def test_wrong_answers_of_an_hour_count_by_person_and_by_device(
    world: World, wrong: int, mine: bool, minutes: int, moves: bool
) -> None:
    secret, former = make_secret(world.waiting), open_window(world)
    closed = {"closed_at": Now(), "outcome": "cancelled", "opened_at": Now() - timedelta(minutes=minutes)}
    by = world.technician if mine else world.admin
    Window.objects.filter(pk=former.pk).update(wrong_codes=wrong, technician=by, **closed)
    window = open_window(world)
    report_answers(world.waiting, [sign(secret, world.waiting, window.challenge)])
    assert read_state(window) == ("pressed" if moves else "waiting")
    assert list_refused(world.waiting) == ([] if moves else ["answers-too-many"])


def test_the_secret_is_sealed_and_the_digits_are_in_no_event(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    row = PresenceSecret.objects.get(device=world.waiting)
    assert secret not in bytes(row.sealed or b"")
    assert key_wrapping.unseal(row.sealed or b"") == secret
    report_answers(world.waiting, [sign(secret, world.waiting, window.challenge)])
    assert window.challenge not in str(list(Event.objects.values_list("data", flat=True)))
    assert len(window.challenge) == 8


def test_no_two_windows_of_a_device_have_the_same_digits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for(world, "challenge")
    numbers = iter([7, 7, 7, 8])
    monkeypatch.setattr("provisioning.presence.challenge.secrets.randbelow", lambda _: next(numbers))
    had = [windows.open_window(device=world.waiting, by=world.technician).challenge for _ in range(2)]
    assert had == ["00000007", "00000008"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_of_many_answers_at_once_one_moves_the_window_on(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    right, wrong = (sign(secret, world.waiting, digits) for digits in (window.challenge, wrong_digits(window)))
    at_once(12, lambda number: report_answers(world.waiting, [right if number % 2 else wrong]))
    assert Event.objects.filter(kind="presence-proven").count() == 1
    assert read_state(window) == "pressed"
    assert Window.objects.get(pk=window.pk).wrong_codes <= 6
