"""What is told of connects that were refused: why, how often, when; to those who may register or manage the device."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.broker import refused_connects
from devices.credentials import operations as credentials
from devices.lifecycle import assignments, locks, retirement
from devices.models import Connection, Credential, Device, RefusedAttempt
from lib import late_counts
from provisioning.windows import operations as windows
from provisioning.windows.page import Progress
from tenants.models import User
from tests.devices.api import Program
from tests.devices.broker.test_rabbitmq import SECRET, basic
from tests.signing_in import make_look
from tests.telemetry.watching import make_watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoAssertNumQueries, Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World

pytestmark = pytest.mark.django_db
LEAKED = "canary-" + "x" * 35  # 42 characters: somebody's password, for all we know


@pytest.fixture(autouse=True)
def _settings(settings: Settings) -> None:
    settings.BROKER_AUTH_SECRET = SECRET


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.waiting, by=None)


def connect(username: str, password: str, client_id: str) -> str:
    """Ask as RabbitMQ does."""
    body = urlencode({"username": username, "password": password, "client_id": client_id})
    kind = "application/x-www-form-urlencoded"
    answer = Client().post("/broker/rabbitmq/user", body, kind, headers={"Authorization": basic(SECRET)})
    return answer.content.decode()


def attempt(device: Device, issued: Issued, **change: str) -> RefusedAttempt | None:
    sent = {"username": issued.access_key, "password": issued.access_secret, "client_id": device.device_id} | change
    assert connect(**sent) == "deny"
    refused_connects.refused_connects.count()
    return RefusedAttempt.objects.filter(device=device).first()


def revoke(world: World) -> None:
    credentials.revoke_all_credentials([world.waiting], by=world.owner)


def end(world: World) -> None:
    Credential.objects.filter(device=world.waiting).update(expires_at=Now())


def lock(world: World) -> None:
    locks.lock_devices([world.waiting], by=world.owner)


def retire(world: World) -> None:
    retirement.retire_devices([world.waiting], by=world.owner)


def expire(world: World) -> None:
    Device.objects.filter(pk=world.waiting.pk).update(expires_at=Now() - timedelta(hours=1))


CASES: dict[str, tuple[Callable[[World], object] | None, dict[str, str], str, str]] = {
    "secret": (None, {"password": LEAKED}, "connect-wrong-secret", "It sent 42 characters, secrets have 43."),
    "no secret": (None, {"password": ""}, "connect-wrong-secret", "It sent none."),
    "secret of the right length": (None, {"password": "y" * 43}, "connect-wrong-secret", "wrong secret. Flash"),
    "key": (None, {"username": "0" * 31}, "connect-unknown-access-key", "It sent 31 characters, access keys have 32."),
    "client id": (None, {"client_id": LEAKED}, "connect-wrong-client-id", "It sent 42 characters, device IDs have 24."),
    "no client id": (None, {"client_id": ""}, "connect-wrong-client-id", "It sent none."),
    "serial": (None, {"client_id": "serial"}, "connect-wrong-client-id", "It sent its serial."),
    "revoked": (revoke, {}, "connect-revoked-credential", "was revoked"),
    "ended": (end, {}, "connect-ended-credential", "time is over"),
    "retired": (retire, {}, "connect-retired", "it is retired"),
    "locked": (lock, {}, "connect-locked", "it is locked"),
    "too late": (expire, {}, "connect-activation-over", "activation window is over"),
    "all at once": (lock, {"password": LEAKED, "client_id": "x"}, "connect-wrong-secret", "wrong secret"),
}


@pytest.mark.parametrize("case", CASES)
def test_why_it_was_refused(world: World, issued: Issued, case: str) -> None:
    first, change, reason, said = CASES[case]
    if first:
        first(world)
    if change.get("client_id") == "serial":
        change = {"client_id": world.waiting.serial}
    row = attempt(world.waiting, issued, **change)
    assert row is not None
    assert (row.reason, row.count, row.door) == (reason, 1, "mqtt")
    assert said in f"{row.message} {row.next_step}"
    assert "{" not in f"{row.message}{row.next_step}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM devices_refusedattempt")
        kept = str(cursor.fetchall())
    assert "canary" not in kept
    assert issued.access_secret not in kept


def test_nothing_is_kept_of_who_is_no_device_here(world: World, issued: Issued) -> None:
    connect("stranger", "password", "stranger")
    connect("a\0b", "x\0", "c\0")
    assert connect(issued.access_key, issued.access_secret, world.waiting.device_id) == "allow"
    refused_connects.refused_connects.count()
    assert not RefusedAttempt.objects.exists()


def test_a_flood_is_one_row_and_few_queries(
    world: World, issued: Issued, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    notes = refused_connects.refused_connects
    for number in range(5_000):
        refused_connects.note_refusal(issued.access_key, f"guess {number}", world.waiting.device_id)
        refused_connects.note_refusal(f"stranger {number}", "", "")
    assert len(notes._waiting) == late_counts.MOST
    with django_assert_max_num_queries(3):
        notes.count()
    row = RefusedAttempt.objects.get()
    assert (row.count, row.reason) == (5_000, "connect-wrong-secret")
    began = row.first_at
    refused_connects.note_refusal(issued.access_key, "again", world.waiting.device_id)
    notes.count()
    row.refresh_from_db()
    assert (row.count, row.first_at) == (5_001, began)
    assert row.last_at >= began


def test_one_timer_runs_at_a_time(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    due: list[float] = []

    def start(seconds: float, _: object) -> Any:
        due.append(seconds)
        return object()

    monkeypatch.setattr(late_counts, "start_timer", start)
    notes = refused_connects.refused_connects
    for _ in range(3):
        refused_connects.note_refusal("a", "b", "c")
    assert len(due) == 1
    notes.count()
    refused_connects.note_refusal("a", "b", "c")
    assert len(due) == 2
    assert 0.5 < due[1] <= late_counts.SPACING


def test_under_another_tenant_counting_begins_anew(world: World) -> None:
    issued = credentials.issue_credential(device=world.waiting, by=None)
    assert attempt(world.waiting, issued, password="x")
    assignments.assign(device=world.waiting, group=world.anaheim, name="x", model=None, by=world.owner)
    assert not RefusedAttempt.objects.of(world.waiting).exists()
    row = attempt(world.waiting, issued, password="x")
    assert row is not None
    assert row.count == 1
    assert list(RefusedAttempt.objects.of(world.waiting)) == [row]


# Who sees it ----------------------------------------------------------------------------------

SAID = "It connects with a wrong secret."


def open_page(user: User, address: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.get(address)


def test_the_open_window_tells(world: World, issued: Issued) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    address = reverse("provisioning:window", kwargs={"key": window.key})
    assert SAID not in open_page(world.technician, address).content.decode()
    attempt(world.waiting, issued, password="x")
    page = open_page(world.technician, address).content.decode()
    assert SAID in page
    assert "It sent 1 character, secrets have 43." in page
    missing = open_page(world.sibling, reverse("provisioning:window", kwargs={"key": uuid4()})).content
    for other in (world.sibling, world.stranger, world.viewer):
        answer = open_page(other, address)
        assert (answer.status_code, answer.content) == (404, missing)
    Connection.objects.create(device=world.waiting, last_seen_at=Now())
    page = open_page(world.technician, address).content.decode()
    assert SAID in page  # still: it was in this window
    assert "It tries to connect, and is refused" not in page
    RefusedAttempt.objects.update(last_at=Now() - timedelta(minutes=1))
    Connection.objects.update(last_seen_at=Now())
    assert SAID not in open_page(world.technician, address).content.decode()


def test_a_window_on_another_tenants_device_tells_what_came_while_it_is_open(world: World) -> None:
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    issued = credentials.issue_credential(device=world.foreign, by=None)
    attempt(world.foreign, issued, password="x")
    RefusedAttempt.objects.update(last_at=Now() - timedelta(minutes=1), count=70)
    window = windows.open_window(device=world.foreign, by=world.technician)
    address = reverse("provisioning:window", kwargs={"key": window.key})
    assert SAID not in open_page(world.technician, address).content.decode()
    attempt(world.foreign, issued, password="x")
    page = open_page(world.technician, address).content.decode()
    assert SAID in page
    assert "71 times" not in page


def test_its_page_tells_who_may_manage_or_register_it(world: World) -> None:
    issued = credentials.issue_credential(device=world.placed, by=None)
    attempt(world.placed, issued, password="x")
    for name in ("telemetry:dashboard", "telemetry:live"):
        address = reverse(name, kwargs={"serial": world.placed.serial})
        for user, told in ((world.admin, True), (world.owner, True), (world.technician, False), (world.viewer, False)):
            assert (SAID in open_page(user, address).content.decode()) is told, (name, user)
        missing = open_page(world.stranger, reverse(name, kwargs={"serial": "NONE"}))
        for user in (world.stranger, world.sibling):
            answer = open_page(user, address)
            assert (answer.status_code, answer.content) == (404, missing.content)
    listed = f"devices/{world.placed.serial}/refused-attempts/"
    assert Program(world.technician).get(listed).status_code == 404
    world.kanarra.allow_reprovisioning = True
    world.kanarra.save()
    assert SAID in open_page(world.technician, address).content.decode()
    assert [row["count"] for row in Program(world.technician).get(listed).json()["results"]] == [1]
    window = windows.open_window(device=world.placed, by=world.technician)
    told = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert [row["reason"] for row in told] == ["connect-wrong-secret"]  # of before: it is no stranger's device


@pytest.mark.parametrize("page", ["window", "dashboard"])
def test_live_pages_look_again(world: World, issued: Issued, page: str) -> None:
    if page == "window":
        window = windows.open_window(device=world.waiting, by=world.technician)
        look = Progress(make_look(world.technician), window.key, "", None).check
        address = reverse("provisioning:window", kwargs={"key": window.key})
    else:
        look = make_watch(world.owner, world.waiting)
        address = reverse("telemetry:live", kwargs={"serial": world.waiting.serial})
    before = look()
    attempt(world.waiting, issued, password="x")
    after = look()
    assert before
    assert after
    assert before.version != after.version
    user = world.technician if page == "window" else world.owner
    assert f'data-version="{after.version}"' in open_page(user, address).content.decode()


def test_what_is_refused_is_counted_once_for_a_version_and_its_fragment(world: World, issued: Issued) -> None:
    """Counted again, the fragment could be of another version than the one that it is told as."""
    window = windows.open_window(device=world.waiting, by=world.technician)
    attempt(world.waiting, issued, password="x")
    look = Progress(make_look(world.technician), window.key, "", "s" * 32)
    with CaptureQueriesContext(connection) as asked:
        seen = look.check()
    assert seen
    assert f"id: {seen.version}\n".encode() in seen.event
    counted = [query for query in asked.captured_queries if "COUNT" in query["sql"] and "refused" in query["sql"]]
    assert len(counted) == 1


def test_programs_are_told_the_same(world: World, issued: Issued) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    attempt(world.waiting, issued, password="x")
    (told,) = Program(world.technician).get(f"windows/{window.key}/").json()["refused"]
    assert told["reason"] == "connect-wrong-secret"
    assert SAID in told["detail"]
    (listed,) = Program(world.owner).get(f"devices/{world.waiting.serial}/refused-attempts/").json()["results"]
    assert (listed["detail"], listed["count"], listed["door"]) == (told["detail"], 1, "mqtt")
