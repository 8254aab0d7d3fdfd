"""What proves presence at a device: made by its admins, shown once, and kept so that nobody can read it."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.urls import reverse

from devices.credentials import presence_secrets
from devices.models import Event, PresenceSecret
from lib import key_wrapping
from tests import leaks
from tests.devices.api import Program, kind, places

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

CODE = re.compile(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}")


def test_the_page_shows_a_claim_code_once(client: Client, world: World) -> None:
    client.force_login(world.admin)
    page = reverse("devices:credentials", kwargs={"serial": world.placed.serial})
    assert "It has none." in client.get(page).content.decode()
    url = reverse("devices:presence-secret-make", kwargs={"serial": world.placed.serial})
    made = client.post(url, {"method": "claim-code"})
    (code,) = set(CODE.findall(made.content.decode()))
    shown = client.get(page).content.decode()
    assert ("A new one takes its place at once." in shown, code in shown) == (True, False)
    row = PresenceSecret.objects.get(device=world.placed)
    assert (bytes(row.digest or b""), row.assignment_id) == (
        presence_secrets.list_code_digests(code)[0],
        world.placed.assignment_id,
    )
    told = Event.objects.filter(kind="presence-secret-made").values_list("by", "data")
    assert list(told) == [(world.admin.pk, {"method": "claim-code"})]
    assert client.post(url, {"method": "press"}).status_code == 302  # of which there is no secret
    assert PresenceSecret.objects.count() == 1


def test_the_api_makes_one_and_lists_what_there_is(world: World) -> None:
    admin, at = Program(world.admin), f"devices/{world.placed.serial}/presence-secrets/"
    made = admin.post(at, {"method": "claim-code"}, key="one")
    assert (made.status_code, bool(CODE.fullmatch(made.json()["secret"]))) == (201, True)
    assert kind(admin.post(at, {"method": "claim-code"}, key="one")) == "secret-shown-once"
    assert places(admin.post(at, {"method": "press"})) == ["#/method"]
    (row,) = admin.get(at).json()["results"]
    assert (row["method"], row["spent_at"], row.keys()) == ("claim-code", None, {"method", "issued_at", "spent_at"})


@pytest.mark.parametrize("method", ["claim-code", "rotating-code"])
def test_no_table_holds_a_secret_as_it_was_shown(world: World, method: str) -> None:
    made = presence_secrets.make_presence_secret(device=world.placed, method=method, by=world.owner)
    with connection.cursor() as cursor:
        everything = leaks.database(cursor, connection.vendor)
    spellings = {made.secret, made.secret.replace("-", ""), presence_secrets.fold_code(made.secret)}
    if method == "rotating-code":
        spellings.add(base64.b32decode(made.secret).hex())
    assert [each for each in spellings if each in everything or each.lower() in everything] == []
    assert made.secret not in repr(made)


@pytest.mark.parametrize("written", ["AbC0-1 _=zz", "abc0 1zz", "ABCOIZZ", "abcolzz"])
def test_codes_are_compared_as_they_are_read_from_a_label(written: str) -> None:
    assert presence_secrets.fold_code(written) == "ABC01ZZ"


def test_a_code_outlives_a_change_of_the_sites_secret(settings: Settings) -> None:
    kept = key_wrapping.list_digests("code")[0]
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "x" * 64
    assert (kept in key_wrapping.list_digests("code"), kept == key_wrapping.list_digests("code")[0]) == (True, False)
