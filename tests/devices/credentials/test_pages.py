"""The credentials page of a device, and what is posted from it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.broker import authorization
from devices.credentials import operations as credentials
from devices.credentials import snippets
from devices.lifecycle import assignments, locks
from devices.models import Credential, CredentialUse, Device, Event
from tests import leaks
from tests.telemetry.watching import make_watch

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.test import Client
    from pytest_django.fixtures import Settings

    from devices.credentials.operations import Issued
    from tests.conftest import World


@pytest.fixture
def admin(client: Client, world: World) -> Client:
    client.force_login(world.admin)
    return client


@pytest.fixture
def issued(world: World) -> Issued:
    return credentials.issue_credential(device=world.placed, by=world.admin)


def url(name: str, device: Device, **kwargs: object) -> str:
    return reverse(f"devices:{name}", kwargs={"serial": device.serial, **kwargs})


def shown(answer: HttpResponse) -> dict[str, str]:
    """What the page shows under `new-…` and `snippet-…`."""
    html = answer.content.decode()
    found = re.findall(r'id="(new-key|new-secret|new-id|snippet-\w+)">([^<]*)<', html)
    return {name: unescape(text) for name, text in found}


def post(client: Client, name: str, device: Device, data: dict[str, Any] | None = None, **kwargs: object) -> Any:
    return client.post(url(name, device, **kwargs), data or {})


def test_issued_once_and_never_again(admin: Client, world: World) -> None:
    answer = post(admin, "credential-issue", world.placed)
    new = shown(answer)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert authorization.admit(new["new-key"], new["new-secret"], new["new-id"])
    later = admin.get(url("credentials", world.placed)).content.decode()
    assert new["new-key"] in later
    assert "admin@sadler.example" in later
    assert new["new-secret"] not in later
    event = Event.objects.get(kind=Event.Kind.CREDENTIAL_ISSUED)
    assert (event.by, event.data) == (world.admin, {"access_key": new["new-key"]})


@pytest.mark.parametrize("name", ["credential-issue", "credential-rotate", "credential-revoke-all", "lock", "unlock"])
def test_looking_at_an_address_that_is_posted_to_changes_nothing(admin: Client, world: World, name: str) -> None:
    answer = admin.get(url(name, world.placed))
    assert (answer.status_code, answer["Location"]) == (302, url("credentials", world.placed))
    assert not Credential.objects.exists()
    assert Device.objects.get(pk=world.placed.pk).locked_at is None


@pytest.mark.parametrize("ends", ["first-use", "1h", "1d", "7d", "30d", "now"])
def test_rotate(admin: Client, world: World, issued: Issued, ends: str) -> None:
    new = shown(post(admin, "credential-rotate", world.placed, {"ends": ends}))
    former = Credential.objects.get(access_key=issued.access_key)
    assert (former.revoked_at is not None) is (ends == "now")
    assert (former.superseded_by is not None) is (ends == "first-use")
    assert (former.expires_at is not None) is (ends not in {"now", "first-use"})
    assert credentials.authenticate_device(access_key=new["new-key"], access_secret=new["new-secret"]) == world.placed


def test_what_is_to_end_is_said_as_long_as_it_is_so(admin: Client, world: World, issued: Issued) -> None:
    new = credentials.rotate_credentials(device=world.placed, by=world.admin)
    says = f"Ends when {new.access_key[:8]}… is used"
    assert says in admin.get(url("credentials", world.placed)).content.decode()
    credentials.revoke_credential(credential=Credential.objects.get(access_key=new.access_key), by=world.admin)
    assert says not in admin.get(url("credentials", world.placed)).content.decode()


@pytest.mark.parametrize("ends", ["", "2h", "0", "x" * 10_000, "\0"])
def test_a_rotation_that_is_not_understood_changes_nothing(
    admin: Client, world: World, issued: Issued, ends: str
) -> None:
    answer = post(admin, "credential-rotate", world.placed, {"ends": ends})
    assert answer.status_code == 422
    assert b'id="id_ends_error"' in answer.content
    assert Credential.objects.count() == 1


@pytest.mark.parametrize("name", ["credential-issue", "credential-rotate"])
def test_too_many_are_refused_with_the_reason(admin: Client, world: World, name: str) -> None:
    for _ in range(credentials.MAX_LIVE):
        credentials.issue_credential(device=world.placed, by=None)
    answer = admin.post(url(name, world.placed), {"ends": "1d"}, follow=True)
    assert "Revoke one that it does not need" in answer.content.decode()
    assert Credential.objects.count() == credentials.MAX_LIVE


def test_revoke_one_and_all(admin: Client, world: World, issued: Issued) -> None:
    credentials.issue_credential(device=world.placed, by=None)
    pk = Credential.objects.get(access_key=issued.access_key).pk
    for says in ("is revoked. Connections", "was revoked already"):
        page = admin.post(url("credential-revoke", world.placed, pk=pk), follow=True).content.decode()
        assert says in page
    assert Credential.objects.of(world.placed).live().count() == 1
    for says in ("1 revoked", "nothing to revoke"):
        assert says in admin.post(url("credential-revoke-all", world.placed), follow=True).content.decode()
    assert not Credential.objects.of(world.placed).live().exists()


def test_nobody_reaches_another_devices_credential(admin: Client, world: World, issued: Issued) -> None:
    for device in (world.foreign, world.alien):
        foreign = credentials.issue_credential(device=device, by=None)
        pk = Credential.objects.get(access_key=foreign.access_key).pk
        through_mine = admin.post(url("credential-revoke", world.placed, pk=pk))
        through_theirs = admin.post(url("credential-revoke", device, pk=pk))
        absent = admin.post(url("credential-revoke", world.placed, pk=999_999))
        assert through_mine.status_code == through_theirs.status_code == absent.status_code == 404
        assert through_mine.content == through_theirs.content == absent.content
        for name in ("credential-issue", "credential-rotate", "credential-revoke-all", "lock", "open-again"):
            assert post(admin, name, device, {"ends": "now"}).status_code == 404
    assert Credential.objects.filter(revoked_at=None).count() == 3
    assert not Device.objects.exclude(locked_at=None).exists()


def test_lock_unlock_and_open_again(admin: Client, world: World) -> None:
    page = admin.post(url("lock", world.placed), follow=True).content.decode()
    assert "This device is locked" in page
    assert "status-locked" in page
    assert "status-locked" in admin.get(world.placed.get_absolute_url()).content.decode()
    listed = admin.get(reverse("devices:list"), {"status": "locked"}).content.decode()
    assert world.placed.name in listed
    assert "This device is locked" not in admin.post(url("unlock", world.placed), follow=True).content.decode()
    Device.objects.filter(pk=world.placed.pk).update(expires_at=Now() - timedelta(days=1))
    assert "Open for 48 h again" in admin.get(url("credentials", world.placed)).content.decode()
    assert world.placed.name in admin.get(reverse("devices:list"), {"status": "expired"}).content.decode()
    assert "It has to until" in admin.post(url("open-again", world.placed), follow=True).content.decode()
    assert "was not locked" in admin.post(url("unlock", world.placed), follow=True).content.decode()


@pytest.mark.parametrize("name", ["lock", "unlock", "open-again"])
def test_open_pages_are_told(admin: Client, world: World, name: str) -> None:
    if name == "unlock":
        locks.lock_devices([world.placed], by=world.admin)
    else:
        Device.objects.filter(pk=world.placed.pk).update(expires_at=Now() - timedelta(days=1))
    watch = make_watch(world.viewer, world.placed)
    before = watch()
    post(admin, name, world.placed)
    assert watch() != before
    page = admin.get(reverse("telemetry:live", kwargs={"serial": world.placed.serial})).content.decode()
    assert ("This device is locked" in page) is (name == "lock")


def test_a_new_tenant_sees_nothing_of_the_former_one(client: Client, world: World) -> None:
    gone = credentials.issue_credential(device=world.placed, by=world.admin)
    credentials.revoke_credential(credential=Credential.objects.get(), by=world.admin)
    kept = credentials.issue_credential(device=world.placed, by=world.admin)
    Credential.objects.filter(access_key=kept.access_key).update(assignment=None)  # as the factory's
    authorization.admit(kept.access_key, kept.access_secret, world.placed.device_id)
    CredentialUse.objects.update(last_at=Now() - timedelta(days=1))
    Credential.objects.filter(access_key=kept.access_key).update(created_at=Now() - timedelta(days=2))
    assignments.assign(device=world.placed, group=world.boise, name="Theirs", model=None, by=world.owner)
    client.force_login(world.owner)
    page = client.get(url("credentials", world.placed)).content.decode()
    assert kept.access_key in page
    assert gone.access_key not in page
    assert "admin@sadler.example" not in page
    assert "before it came here" in page
    assert "not yet" in page


def test_the_page_asks_as_much_for_many_as_for_one(admin: Client, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert admin.get(url("credentials", world.placed)).status_code == 200
        return len(asked)

    credentials.issue_credential(device=world.placed, by=world.admin)
    queries()
    one = queries()
    for _ in range(credentials.MAX_LIVE - 1):
        credentials.rotate_credentials(device=world.placed, by=world.admin)
    assert queries() == one


@pytest.mark.parametrize("person", ["viewer", "technician", "admin", "owner"])
def test_the_device_page_leads_admins_there(client: Client, world: World, person: str) -> None:
    client.force_login(getattr(world, person))
    page = client.get(world.placed.get_absolute_url()).content.decode()
    assert (url("credentials", world.placed) in page) is (person in {"admin", "owner"})


def test_what_is_shown_is_ready_to_use(admin: Client, world: World, settings: Settings) -> None:
    settings.MQTT_PUBLIC_URL = "mqtts://broker.example"
    answer = post(admin, "credential-issue", world.placed)
    new, html = shown(answer), unescape(answer.content.decode())
    for name in ("python", "shell", "arduino"):
        for part in (new["new-key"], new["new-secret"], new["new-id"], "broker.example", "8883", "rpm"):
            assert part in new[f"snippet-{name}"], name
    assert "tls_set()" in new["snippet-python"]
    assert "--tls-use-os-certs" in new["snippet-shell"]
    assert "WiFiClientSecure" in new["snippet-arduino"]
    facts = {"host": "broker.example", "port": 8883, "tls": True, "device_id": new["new-id"]}
    facts |= {"access_key": new["new-key"], "access_secret": new["new-secret"]}
    assert snippets.draw_qr(facts) in html
    settings.MQTT_PUBLIC_URL, settings.MQTT_URL = "", "mqtt://site:site-secret@inside:1884"
    html = post(admin, "credential-issue", world.placed).content.decode()
    assert "inside:1884, no TLS" in html
    assert "site-secret" not in html


@pytest.mark.parametrize("data", [None, {"ends": "first-use"}], ids=["issue", "rotate"])
def test_the_secret_is_in_the_answer_and_nowhere_else(
    admin: Client, world: World, caplog: pytest.LogCaptureFixture, data: dict[str, str] | None
) -> None:
    """Quality: row 20."""
    caplog.set_level(0)
    credentials.issue_credential(device=world.placed, by=None)
    answer = post(admin, "credential-rotate" if data else "credential-issue", world.placed, data)
    new = shown(answer)
    secret = new["new-secret"]
    assert authorization.admit(new["new-key"], secret, new["new-id"])
    later = admin.get(url("credentials", world.placed)).content.decode()
    with connection.cursor() as cursor:
        held = leaks.database(cursor, connection.vendor)
    assert new["new-key"] in held
    assert secret in answer.content.decode()
    said = {"headers": f"{answer.headers}{answer.cookies}{dict(admin.session)}", "log": caplog.text, "page": later}
    assert leaks.search([secret], {**said, "database": held, "redis": leaks.redis(settings.REDIS_URL)}) == {}
