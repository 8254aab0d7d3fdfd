"""The page of the organisation's format of serials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.identity.formats import Format
from devices.recipes.organisation_format import format_of
from tenants.models import AuditEntry, Organisation

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def save(client: Client, **given: str) -> int:
    data = {f"identity-{name}": value for name, value in given.items()}
    return client.post(reverse("devices:identity-save"), data).status_code


def test_it_holds_from_now_on_and_is_logged_once(owner: Client, world: World) -> None:
    for _ in range(2):
        assert save(owner, kind="base16", prefix="gw-", length="8", casing="lower") == 302
    world.kanarra.refresh_from_db()
    wanted = Format("base16", "gw-", 8, "lower")
    world.version.recipe.organisation = world.kanarra
    assert format_of(world.version) == Format.from_json(world.kanarra.identity) == wanted
    (change,) = AuditEntry.objects.filter(what__contains="erials")
    assert (change.by, change.organisation, change.group) == (world.owner, world.kanarra, world.kanarra.root)
    assert "8 hexadecimal digits in lower case" in change.what
    html = owner.get(reverse("devices:identity")).content.decode()
    assert '<option value="base16" selected>' in html
    assert 'value="gw-"' in html
    assert "Generator gateway" in html
    world.other.refresh_from_db()
    assert world.other.identity == {}


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"kind": "what"}, "is not one of the choices."),
        ({"kind": "base10", "length": "0"}, "1 at least"),
        ({"kind": "base10", "prefix": "é"}, "A prefix has at most 32 characters"),
        ({"kind": "mac48", "separator": "*"}, "is not one of the choices."),
    ],
)
def test_what_can_not_be_is_told_and_nothing_is_saved(owner: Client, given: dict[str, str], cause: str) -> None:
    data = {f"identity-{name}": value for name, value in given.items()}
    answer = owner.post(reverse("devices:identity-save"), data)
    assert answer.status_code == 422
    assert cause in answer.content.decode()
    assert not Organisation.objects.exclude(identity={}).exists()
    assert not AuditEntry.objects.filter(what__contains="erials").exists()


def test_without_one_it_is_handovers_own(owner: Client) -> None:
    assert '<option value="own" selected>' in owner.get(reverse("devices:identity")).content.decode()
    assert save(owner, kind="own") == 302
    assert save(owner) == 302
