"""Which passwords are taken: long ones of any kind, but none that is known or guessed from its context."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from tenants.models import Role
from tenants.people import invitations
from tests.builders import PASSWORD
from tests.tenants.accounts.test_signing_in import sign_in

if TYPE_CHECKING:
    from tests.conftest import World

TAKEN = [
    "another horse entirely",
    "correct horse battery",
    "  spaces count  here ",
    "493027561084",  # digits alone, but none that is known
    "ünïcödé größe 12",
    "x9" * 60,
    "qqqq wwww eeee",
]
REFUSED = {
    "eleven chrs": "too short",
    "Password1234": "known from breaches",
    "qwertyuiop123": "known from breaches",
    "123456789012": "known from breaches",
    "handover-2026": "words of this site",
    "HandoverAdmin1": "words of this site",
    "kanarra!kanarra": "words of this site",
    "viewer@sadler.example": "too similar to the email",
    "sadler viewer 1": "words of this site",
}


@pytest.mark.parametrize("password", TAKEN)
def test_taken(world: World, password: str) -> None:
    validate_password(password, world.viewer)


@pytest.mark.parametrize(("password", "says"), REFUSED.items())
def test_refused(world: World, password: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password(password, world.viewer)
    assert says in " ".join(refused.value.messages)


def test_every_door_has_the_rule(client: Client, world: World) -> None:
    sign_in(client)
    given = {"oldpassword": PASSWORD, "password1": "Password1234", "password2": "Password1234"}
    assert "known from breaches" in client.post("/accounts/password/change/", given).content.decode()


def test_a_password_is_taken_as_it_is(client: Client, world: World) -> None:
    odd = "  Spaces, CASE and ünïcödé  "
    sign_in(client)
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": odd, "password2": odd})
    assert sign_in(Client(), password=odd).status_code == 302
    for changed in (odd.strip(), odd.lower()):
        assert sign_in(Client(), password=changed).status_code == 200


def test_they_are_masked(client: Client, world: World) -> None:
    made = invitations.prepare(email="new@sadler.example", group=world.sadler, role=Role.VIEWER, by=world.owner)
    client.get(reverse("tenants:invitation", kwargs={"token": made.token}))
    pages = [client.get(path).content.decode() for path in (reverse("tenants:join"), "/accounts/login/")]
    sign_in(client)
    pages.append(client.get("/accounts/password/change/").content.decode())
    fields = [re.findall(r"<input[^>]*name=.[^\"']*password[^>]*>", page) for page in pages]
    assert [len(each) for each in fields] == [1, 1, 3]
    assert [field for each in fields for field in each if 'type="password"' not in field] == []


def test_no_page_hinders_a_password_manager() -> None:
    for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"onpaste|autocomplete=.off.[^>]*password", text), path
        assert "At least 8" not in text, path
