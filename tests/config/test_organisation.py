"""`manage.py organisation`: the first organisation of a production site, with its admin."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from config.management.commands import organisation
from tenants.models import Group, Organisation, Role, User

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase"


def make(name: str = "Kanarra", *, slug: str = "kanarra", admin: str = "admin@kanarra.example") -> str:
    said = io.StringIO()
    call_command("organisation", name, slug=slug, admin=admin, stdout=said)
    return said.getvalue()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is typed, in order, at a terminal that asks."""
    typed: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(organisation, "getpass", lambda prompt: typed.pop(0))
    return typed


def test_the_link_sets_the_password_once(client: Client) -> None:
    link = re.search(r"<this site>(\S+)", make())
    assert link
    assert not User.objects.get().has_usable_password()
    form = client.get(link[1], follow=True)
    client.post(form.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})
    admin = User.objects.get(email="admin@kanarra.example")
    assert admin.check_password(PASSWORD)
    assert admin.reach(Role.ADMIN) == [Organisation.objects.get(slug="kanarra").root.path]


def test_a_terminal_is_asked_for_the_password(terminal: list[str]) -> None:
    terminal += [PASSWORD, PASSWORD]
    assert "<this site>" not in make()
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize(
    ("typed", "cause"), [(["Password1234"], "known from breaches"), ([PASSWORD, "another"], "differ")]
)
def test_a_password_that_will_not_do(terminal: list[str], typed: list[str], cause: str) -> None:
    terminal += typed
    assert_refused(cause)
    assert not Organisation.objects.exists()


def test_a_slug_or_an_admin_that_is_taken() -> None:
    make()
    assert_refused("organisation kanarra already")
    assert_refused("belongs to an organisation already", slug="other", admin="Admin@Kanarra.example")
    assert Group.objects.count() == Organisation.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"slug": "not a slug"}, "letters, numbers"),
        ({"slug": "x" * 200}, "200 characters are too many"),
        ({"slug": ""}, "Fill this in"),
        ({"name": "x" * 200}, "200 characters are too many"),
        ({"name": " "}, "Give it a name"),
        ({"admin": "nobody"}, "Write an e-mail address"),
        ({"admin": f"{'x' * 60}@{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 60}.example"}, "characters are too many"),
    ],
)
def test_a_slug_or_an_address_that_is_none(given: dict[str, str], cause: str) -> None:
    assert_refused(cause, **given)
    assert not Group.objects.exists()


def test_the_admin_is_invited(client: Client) -> None:
    said = io.StringIO()
    given = {"slug": "kanarra", "admin": "Admin@Kanarra.example", "invite": "https://site.example/some/page"}
    call_command("organisation", "Kanarra", **given, stdout=said)
    assert "admin@kanarra.example is invited" in said.getvalue()
    link = re.search(r"https://site\.example(/invitations/\S+/)", str(mail.outbox[-1].body))
    assert link
    client.get(link[1])
    client.post("/invitations/accept/", {"name": "An admin", "password": PASSWORD})
    assert User.objects.get(email="admin@kanarra.example").owns_organisation


@pytest.mark.parametrize("site", ["devices", "ftp://devices.example", "https://", "https://[::1", "//devices.example"])
def test_an_invitation_from_no_site(site: str) -> None:
    with pytest.raises(CommandError, match="with its scheme"):
        call_command("organisation", "Kanarra", slug="kanarra", admin="admin@kanarra.example", invite=site)
    assert not Group.objects.exists()


def assert_refused(cause: str, **given: str) -> None:
    with pytest.raises(CommandError, match=cause):
        make(**given)
