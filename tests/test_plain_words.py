"""No form, serializer or validator speaks in a framework's own sentences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django import forms
from django.core import validators
from django.urls import get_resolver
from rest_framework import serializers

from lib import plain_words
from tests.devices.api import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from tests.conftest import World

ROOMS = ("lib", "tenants", "devices", "telemetry", "provisioning", "config")
FRAMEWORKS = re.compile(
    r"This (field|value|selection|list|dictionary) (is|may|does|cannot|must)|[Ss]elect a valid|"
    r"Enter a (valid|whole|list|number|complete)|Ensure (this|that)|is not a valid|A valid \w+ is|Must be a valid|"
    r"Not a valid|Expected a|wrong format|Incorrect type|No file(name)? (was|could)|submitted (file|data)|"
    r"Invalid (pk|data|value|hyperlink)|Null char|already exists\.|Upload a valid|not allowed\.$|"
    r"String value too large|out of range\.$"
)


def walk(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for below in kind.__subclasses__():
        yield from walk(below)


def ours(kind: type[Any]) -> list[type[Any]]:
    assert get_resolver().url_patterns  # imports all of them
    return [each for each in walk(kind) if each.__module__.split(".")[0] in ROOMS]


def said_by(field: Any) -> Iterator[str]:
    """All that the field may answer; what is put into it stands there by its name."""
    yield from map(str, field.error_messages.values())
    for validator in getattr(field, "validators", ()):
        yield str(getattr(validator, "message", ""))


def is_plain(text: str) -> bool:
    return not FRAMEWORKS.search(text)


def test_no_form_has_a_frameworks_sentence() -> None:
    forms_of_ours = ours(forms.BaseForm)
    assert len(forms_of_ours) > 25
    found = {
        (form.__name__, name, text)
        for form in forms_of_ours
        for name, field in getattr(form, "base_fields", {}).items()
        for text in said_by(field)
        if not is_plain(text)
    }
    assert not found


def test_no_serializer_has_a_frameworks_sentence() -> None:
    found = set()
    for kind in ours(serializers.Serializer):
        waiting: list[Any] = [kind()]
        while waiting:
            field = waiting.pop()
            found |= {(kind.__name__, field.field_name, text) for text in said_by(field) if not is_plain(text)}
            waiting += list(getattr(field, "fields", {}).values()) + ([field.child] if hasattr(field, "child") else [])
    assert not found


def test_nor_has_any_field_or_validator_that_one_may_take() -> None:
    for kind, module in ((forms.Field, "django.forms."), (serializers.Field, "rest_framework.")):
        for each in walk(kind):
            said = vars(each).get("default_error_messages", {}).values()
            odd = {
                "DurationField",
                "GenericIPAddressField",
                "IPAddressField",
                "FilePathField",
                "SlugField",
                "TimeField",
            }
            odd |= {"DecimalField", "DateTimeField", "ModelField", "InlineForeignKeyField"}
            if each.__module__.startswith(module) and "Related" not in each.__name__ and each.__name__ not in odd:
                assert [text for text in map(str, said) if not is_plain(text)] == [], each
    assert is_plain(str(validators.MaxLengthValidator.message))


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        *((text, False) for text in list(plain_words.ON_PAGES)[:10]),
        ("Select a valid choice. x is not one of the available choices.", False),
        *((text, True) for text in {**plain_words.ON_PAGES, **plain_words.OF_THE_API}.values()),
    ],
)
def test_the_scan_knows_their_sentences(text: str, plain: bool) -> None:
    assert is_plain(text) is plain


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a group's name": ("groups/", {"name": "", "parent": "x"}),
    "a recipe": ("recipes/", {"name": None, "credential_kind": "x", "attributes": {}, "default_tags": []}),
    "an invitation": ("invitations/", {"email": "x", "role": "x", "group": 2**70}),
    "a device": ("devices/", {"recipe": "x", "serial": [], "group": -1}),
    "a window": ("windows/", {"text": 5}),
    "an action": ("actions/preview/", {"kind": "x", "serials": "x", "params": 1}),
    "a token": ("tokens/", {"name": "x" * 500, "role": "x", "group": None, "last_day": "soon"}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_programs_are_told_is_plain(world: World, what: str) -> None:
    path, sent = WRONG[what]
    program = Program(world.owner)
    for body in (sent, {}, [sent], "x"):
        answer = program.post(path, body)
        assert answer.status_code < 500
        told = answer.json()
        said = [told.get("detail", ""), *(each["detail"] for each in told.get("errors", ()))]
        assert [text for text in said if not is_plain(text)] == [], (what, body)


@pytest.mark.parametrize("query", ["limit=x", "limit=0", "limit=999", "after=x", "status=x", "group=x", "since=x"])
def test_what_an_address_is_told_is_plain(world: World, query: str) -> None:
    told = Program(world.owner).client.get(f"/api/v1/devices/?{query}").json()
    assert [each["detail"] for each in told.get("errors", ()) if not is_plain(each["detail"])] == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/accounts/login/", {}),
        ("/accounts/login/", {"login": "x", "password": "x"}),
        ("/accounts/password/reset/", {"email": "x"}),
        ("/accounts/password/change/", {"oldpassword": "x", "password1": "short", "password2": "other"}),
        ("/recipes/create/", {"name": "x" * 999}),
        ("/tokens/new/", {"role": "x", "last_day": "soon"}),
    ],
)
def test_what_pages_say_is_plain(client: Client, world: World, path: str, sent: dict[str, str]) -> None:
    if "login" not in path and "reset" not in path:
        client.force_login(world.owner)
    page = client.post(path, sent).content.decode()
    errors = re.findall(r'class="field-error"[^>]*>(.*?)</p>|class="errorlist[^>]*>(.*?)</ul>', page, re.DOTALL)
    assert [text for pair in errors for text in pair if not is_plain(re.sub("<[^>]+>", "", text).strip())] == []
