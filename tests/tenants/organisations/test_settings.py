"""The organisation's settings: each stored, refused or recorded, and nothing of another organisation's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from lib import pictures, theme
from tenants.models import AuditEntry, Organisation
from tenants.organisations.forms import SettingsForm
from tests.tenants.organisations.test_theme import PNG

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

pytestmark = pytest.mark.django_db

SAME = {
    "name": "Kanarra",
    "time_zone": "UTC",
    "clock": "24",
    "window_seconds": "300",
    "label_content": "serial",
    "label_symbology": "qr-code",
    "presence": "press",
    "activation_hours": "48",
    "result_hours": "24",
    "colour": "#0f5cc0",
}


def save(client: Client, world: World, **data: Any) -> Any:
    client.force_login(world.owner)
    return client.post(reverse("tenants:settings-save"), {**SAME, **data})


def kanarra(world: World) -> Organisation:
    return Organisation.objects.get(pk=world.kanarra.pk)


def test_the_page_has_each_of_them(client: Client, world: World) -> None:
    """What it lacks would be turned off, or emptied, by whoever saves the rest."""
    client.force_login(world.owner)
    page = client.get(reverse("tenants:settings")).content.decode()
    offered = set(SettingsForm.base_fields) - {"remove_logo"}  # where there is a logo
    assert {name for name in offered if f' name="{name}"' not in page} == set()


@pytest.mark.parametrize(
    ("field", "given", "stored", "said"),
    [
        ("window_seconds", "3600", 3600, "Window length changed from 300 to 3600"),
        ("window_seconds", "30", 30, "Window length changed from 300 to 30"),
        ("allow_reprovisioning", "on", True, "Re-provisioning changed from off to on"),
        ("presence", "claim-code", "claim-code", "Proof of presence changed from press to claim-code"),
        ("skip_presence", "on", True, "Registering without proof, by technicians changed from off to on"),
        ("personal_devices", "on", True, "Devices of one person changed from off to on"),
        ("time_zone", "Asia/Tokyo", "Asia/Tokyo", "Time zone changed from UTC to Asia/Tokyo"),
        ("clock", "12", "12", "Clock changed from 24 to 12"),
        ("label_content", "url", "url", "Label content changed from serial to url"),
        ("label_symbology", "data-matrix", "data-matrix", "Codes read as labels changed from qr-code to data-matrix"),
        ("activation_hours", "1", 1, "Activation time changed from 48 to 1"),
        ("result_hours", "720", 720, "Time for downloads with secrets changed from 24 to 720"),
        ("kept_days", "90", 90, "Days that reports are kept changed from for ever to 90"),
        ("colour", "#FFD400", "#ffd400", "Colour changed from #0f5cc0 to #ffd400"),
        ("name", " Kanarra  Power ", "Kanarra Power", "Kanarra renamed to Kanarra Power"),
    ],
)
def test_each_is_stored_and_recorded(
    client: Client, world: World, field: str, given: str, stored: object, said: str
) -> None:
    before = AuditEntry.objects.count()
    assert save(client, world, **{field: given}).status_code == 302
    assert getattr(kanarra(world), field) == stored
    change = AuditEntry.objects.get(what=said)
    assert (change.by, change.group) == (world.owner, world.kanarra.root)
    assert AuditEntry.objects.count() == before + 1
    assert Organisation.objects.get(pk=world.other.pk).window_seconds == 300


def test_nothing_different_records_nothing(client: Client, world: World) -> None:
    before = AuditEntry.objects.count()
    assert "Nothing was different" in client.get(save(client, world)["Location"]).content.decode()
    assert AuditEntry.objects.count() == before


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("window_seconds", "29"),
        ("window_seconds", "3601"),
        ("window_seconds", "soon"),
        ("activation_hours", "0"),
        ("result_hours", "9" * 30),
        ("kept_days", "0"),
        ("kept_days", "-1"),
        ("kept_days", "36501"),
        ("kept_days", "1.5"),
        ("label_content", "picture"),
        ("label_symbology", "code-39"),
        ("time_zone", "Mars/Olympus"),
        ("clock", "13"),
        ("colour", "red"),
        ("colour", "#12345g"),
        ("name", ""),
        ("name", "x" * 121),
    ],
)
def test_what_will_not_do_is_said_beside_its_field(client: Client, world: World, field: str, given: str) -> None:
    answer = save(client, world, **{"activation_hours": "47", field: given})
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert kanarra(world).activation_hours == 48


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("logo.png", content, "image/png")


def test_a_logo_comes_stays_and_goes(client: Client, world: World) -> None:
    save(client, world, logo=upload(PNG))
    digest = theme.digest(pictures.reduce_picture(PNG))
    assert kanarra(world).logo_digest == digest
    save(client, world, window_seconds="60")
    assert kanarra(world).logo_digest == digest
    save(client, world, remove_logo="on")
    assert (kanarra(world).logo, kanarra(world).logo_digest) == (None, "")
    said = set(AuditEntry.objects.filter(what__startswith="Logo").values_list("what", flat=True))
    assert said == {f"Logo changed from none to {digest}", f"Logo changed from {digest} to none"}


@pytest.mark.parametrize("content", [b"GIF89a", PNG + b"\0" * 1_100_000, b"\0", b"<svg/>"])
def test_no_logo(client: Client, world: World, content: bytes) -> None:
    answer = save(client, world, logo=upload(content))
    assert answer.status_code == 422
    assert 'id="id_logo_error"' in answer.content.decode()
    assert not kanarra(world).logo_digest


def test_the_preview_is_the_stylesheet_of_the_colour(client: Client, world: World) -> None:
    client.force_login(world.owner)
    answer = client.get(reverse("tenants:theme-preview"), {"colour": "#FFD400"})
    assert answer.content.decode() == theme.render_stylesheet("#ffd400")
    for colour in ("", "red", "#fff", "}*{", "\0"):
        assert client.get(reverse("tenants:theme-preview"), {"colour": colour}).status_code == 404
