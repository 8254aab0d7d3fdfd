"""A gateway that waits to be let in: what it sends step by step, what it shows, and whom it believes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from firmware_sim.approval import DOORS, EVERY, LONGEST_WAIT, is_waiting
from firmware_sim.doors import FORM, Answer, Asked, Denied, Given, Shown, Unexpected, Wait, find_meaning
from firmware_sim.flash import Kept

ID = "66f0c0ffee66f0c0ffee0001"
TOKEN = "a token that nobody may see"
GIVEN = Given("7K3MQ2XW9TBC", TOKEN)
CREDENTIAL = f"HostName=hub.example;DeviceId={ID};SharedAccessSignature={ID}.key-1.secret-of-the-device"
REGISTERED = {"connectionString": CREDENTIAL, "iotHubHostName": "hub.example"}
STARTED = {"provisioningOperationId": "op-1", "verificationCode": "WDJB-MJHT"}
GRANT = {
    "device_code": "a device code",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://site.example/approve/",
    "verification_uri_complete": "https://site.example/approve/?code=WDJB-MJHT",
}
PENDING, SLOW = {"error": "authorization_pending"}, {"error": "slow_down"}


def say(status: int, body: object = "") -> Answer:
    return Answer(status, "", body if isinstance(body, str) else json.dumps(body))


class Walking:
    """Walk through a door whose answers are given; what it asks, shows and waits is noted."""

    def __init__(self, door: str, *answers: Answer) -> None:
        self.asked, self.shown, self.waited = list[Asked](), list[Shown](), list[float]()
        self._walk, self._answers = DOORS[door].walk(GIVEN), [*answers]

    def through(self) -> Kept:
        answer: Answer | None = None
        try:
            while True:
                step = self._walk.send(answer)
                answer = None
                match step:
                    case Asked():
                        self.asked.append(step)
                        answer = self._answers.pop(0)
                    case Shown():
                        self.shown.append(step)
                    case Wait(seconds):
                        self.waited.append(seconds)
        except StopIteration as done:
            kept: Kept = done.value
            return kept


# As the vendor's SDK does ---------------------------------------------------------------------


def test_the_vendors_way_in_shows_a_code_and_asks_until_it_is_approved() -> None:
    walking = Walking(
        "approve",
        say(200, STARTED),
        say(202),
        say(202),
        say(200, {"registrationToken": "registration-1"}),
        say(200, REGISTERED),
    )
    assert walking.through() == Kept(GIVEN.serial, ID, "key-1", "secret-of-the-device", "mqtts://hub.example:8883")
    assert [(asked.method, asked.path) for asked in walking.asked] == [
        ("POST", "/provisioning-operations/init"),
        *[("PUT", "/provisioning-operations/complete")] * 3,
        ("PUT", "/devices/register"),
    ]
    assert [json.loads(asked.body) for asked in walking.asked[:2]] == [
        {"deviceId": GIVEN.serial},
        {"provisioningOperationId": "op-1"},
    ]
    assert json.loads(walking.asked[-1].body) == {"connectionStringType": "SharedAccessSignature"}
    assert [(asked.scheme, asked.token) for asked in walking.asked] == [
        *[("DeviceToken", TOKEN)] * 4,
        ("DeviceToken", "registration-1"),
    ]
    assert [(shown.code, shown.qr) for shown in walking.shown] == [("WDJB-MJHT", "WDJB-MJHT")]
    assert walking.waited == [EVERY] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 423])
@pytest.mark.parametrize(
    "before", [(), (say(200, STARTED),), (say(200, STARTED), say(200, {"registrationToken": "r"}))]
)
def test_a_refusal_at_any_step_ends_it(status: int, before: tuple[Answer, ...]) -> None:
    with pytest.raises(Denied) as denied:
        Walking("approve", *before, say(status, "no")).through()
    assert (denied.value.answer.status, str(denied.value)) == (status, "no")
    meaning = find_meaning(DOORS["approve"], denied.value.answer)
    assert "That is no answer of a door" not in meaning


@pytest.mark.parametrize(
    ("answers", "lacks"),
    [
        ([say(200, {})], "provisioningOperationId, verificationCode"),
        ([say(200, {**STARTED, "verificationCode": ""})], "verificationCode"),
        ([say(200, STARTED), say(200, {"registrationToken": 7})], "registrationToken"),
        ([say(200, STARTED), say(200, {"registrationToken": "r"}), say(200, [])], "connectionString, iotHubHostName"),
    ],
)
def test_what_lacks_something_lets_nobody_in(answers: list[Answer], lacks: str) -> None:
    with pytest.raises(Unexpected, match=f"it lacks {lacks}"):
        Walking("approve", *answers).through()


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        (CREDENTIAL, "2001:db8::7", "mqtts://[2001:db8::7]:8883"),
        (f"SharedAccessSignature={ID}.key-1.secret-of-the-device;x=y", "h", "mqtts://h:8883"),
    ],
)
def test_the_host_is_told_and_tls_is_meant(text: str, host: str, url: str) -> None:
    answers = say(200, STARTED), say(200, {"registrationToken": "r"})
    told = say(200, {"connectionString": text, "iotHubHostName": host})
    kept = Walking("approve", *answers, told).through()
    assert (kept.mqtt_url, kept.access_secret) == (url, "secret-of-the-device")


@pytest.mark.parametrize("text", ["SharedAccessSignature=short.a.b", f"SharedAccessSignature={ID}.a", f"{ID}.a.b", "x"])
def test_a_connection_string_without_a_credential_is_none(text: str) -> None:
    answers = say(200, STARTED), say(200, {"registrationToken": "r"})
    with pytest.raises(Unexpected, match="no device ID, access key and access secret"):
        Walking("approve", *answers, say(200, {"connectionString": text, "iotHubHostName": "h"})).through()


# As a stock OAuth client does -----------------------------------------------------------------


def test_the_grant_shows_an_address_and_asks_at_the_pace_that_it_was_told() -> None:
    walking = Walking(
        "oauth",
        say(200, {**GRANT, "interval": 2}),
        say(400, PENDING),
        say(400, SLOW),
        say(400, PENDING),
        say(200, {"access_token": "access-1"}),
        say(200, REGISTERED),
    )
    assert walking.through().access_key == "key-1"
    assert walking.waited == [2.0, 2.0, 7.0, 7.0]
    first, second, *_, last = walking.asked
    assert (first.path, first.content_type, dict(parse_qsl(first.body))) == (
        "/oauth/device_authorization",
        FORM,
        {"client_id": TOKEN, "device_id": GIVEN.serial},
    )
    assert dict(parse_qsl(second.body)) == {
        "client_id": TOKEN,
        "device_code": "a device code",
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
    }
    assert (last.scheme, last.token) == ("Bearer", "access-1")
    assert walking.shown[0].qr == GRANT["verification_uri_complete"]
    assert GRANT["verification_uri"] in walking.shown[0].words


@pytest.mark.parametrize("interval", [None, 0, -1, 60, 10**9, "5", 2.5])
def test_an_interval_that_is_none_is_five_seconds(interval: object) -> None:
    answers = say(200, {**GRANT, "interval": interval}), say(200, {"access_token": "a"}), say(200, REGISTERED)
    walking = Walking("oauth", *answers)
    walking.through()
    assert walking.waited == [EVERY]


def test_it_never_waits_longer_than_a_minute_or_so() -> None:
    walking = Walking(
        "oauth", say(200, GRANT), *[say(400, SLOW)] * 30, say(200, {"access_token": "a"}), say(200, REGISTERED)
    )
    walking.through()
    assert max(walking.waited) <= LONGEST_WAIT + EVERY
    assert walking.waited[:3] == [5.0, 10.0, 15.0]


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant", None])
def test_any_other_error_ends_it(error: str | None) -> None:
    with pytest.raises(Denied):
        Walking("oauth", say(200, GRANT), say(400, {"error": error})).through()


@pytest.mark.parametrize(
    ("error", "means"),
    [
        ("access_denied", "somebody turned it away"),
        ("expired_token", "somebody turned it away"),
        ("unauthorized_client", "under Refused"),
        ("invalid_request", "The serial can't be its ID"),
    ],
)
def test_each_error_says_what_to_do(error: str, means: str) -> None:
    assert means in find_meaning(DOORS["oauth"], say(400, {"error": error}))


# What is told of it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "waiting"),
    [
        (say(202), True),
        (say(400, PENDING), True),
        (say(400, SLOW), True),
        (say(400, {"error": "access_denied"}), False),
        (say(400, "x"), False),
        (say(200, PENDING), False),
        (say(401, PENDING), False),
    ],
)
def test_an_answer_that_nobody_decided_yet_is_known(answer: Answer, *, waiting: bool) -> None:
    assert is_waiting(answer) is waiting


def test_no_secret_is_told_on_the_way() -> None:
    answers = say(200, GRANT), say(200, {"access_token": "an access token"}), say(200, REGISTERED)
    walking = Walking("oauth", *answers)
    walking.through()
    told = " ".join(asked.shown for asked in walking.asked)
    assert "7K3MQ2XW9TBC" in told
    assert not any(secret in told for secret in (TOKEN, "a device code", "an access token"))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(REGISTERED),
        json.dumps({"registrationToken": "secret-of-the-device"}),
        '{"access_token": "secret-of-the-device"}',
    ],
)
def test_an_answer_is_told_without_its_secret(door: str, text: str) -> None:
    told = DOORS[door].show(text)
    assert "secret-of-the-device" not in told
    assert "…" in told


def test_what_is_no_json_is_told_as_it_is() -> None:
    shown: Any = DOORS["approve"].show
    assert shown("plain words") == "plain words"
