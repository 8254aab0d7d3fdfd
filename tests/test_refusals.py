"""The catalogue of refusals: declared once, raised by something, in plain words, and rendered in one place."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest

from config.api_docs.refusals import list_rooms, write_page
from lib.refusals import CATALOGUE, CODE, Kind, declare
from tests.test_tracked import ROOT, tracked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

KINDS = [kind for _, kinds in list_rooms() for kind in kinds]
# Of Django and REST framework, by which a person does not know what to do.
FRAMEWORKS = re.compile(
    r"this field|this value|enter a valid|select a valid|ensure that|object|instance|null|not a valid|invalid pk", re.I
)
SENTENCES = re.compile(r"(?:[A-Z“{`].*[.!?`}]|Our fault\..*)\Z", re.S)


# Declared --------------------------------------------------------------------------------------


def test_the_catalogue_holds_what_the_rooms_declare() -> None:
    assert {kind.code for kind in KINDS} == set(CATALOGUE)
    assert len(KINDS) == len(CATALOGUE)


def test_a_code_is_declared_once() -> None:
    with pytest.raises(ValueError, match="declared already"):
        declare(KINDS[0].code, "It happened.", "Do this.")
    with pytest.raises(ValueError, match="no code"):
        declare("Not_Kebab", "It happened.", "Do this.")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_refusal_says_what_happened_and_what_to_do(kind: Kind) -> None:
    assert CODE.fullmatch(kind.code)
    assert 400 <= kind.status < 600
    for words in (kind.message, kind.next_step):
        assert SENTENCES.match(words), words
        assert not FRAMEWORKS.search(words), words


def names() -> dict[str, str]:
    """Of each kind's constant: its code."""
    found = {}
    for path in tracked():
        if path.name != "refusals.py" or path.parent.name in ("lib", "api_docs"):
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                code = node.value.args[0]
                assert isinstance(code, ast.Constant)
                assert isinstance(node.targets[0], ast.Name)
                found[str(code.value)] = node.targets[0].id
    return found


def test_every_kind_is_raised_by_something() -> None:
    code = [path for path in tracked() if path.suffix == ".py" and path.name != "refusals.py" and not _is_test(path)]
    used = {name for path in code for name in used_in(ast.parse(path.read_text()))}
    assert {code for code, name in names().items() if name not in used} == set()


def used_in(tree: ast.Module) -> Iterator[str]:
    """Constants of a room's refusals, imported or reached through the module."""
    own = {
        name.asname or name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).endswith("refusals")
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "refusals":
            yield node.attr
        elif isinstance(node, ast.Name) and node.id in own:
            yield node.id


def _is_test(path: Any) -> bool:
    return path.relative_to(ROOT).parts[0] in {"tests", "bench"}


def test_the_page_of_the_docs_is_current() -> None:
    assert (ROOT / "docs" / "refusals.md").read_text() == write_page(), "run manage.py refusals"


@pytest.mark.django_db
def test_the_api_docs_list_them_all(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert [kind.code for kind in KINDS if f'id="problem-{kind.code}"' not in page] == []


DOORS = re.compile(r"(?:\w+_)?(?:views|api)\.py\Z")
# What is caught there is no refusal.
CAUGHT = {
    "Http404",  # a stream's gate asks again
    "NoReverseMatch",  # an address that may not be there
    "ValueError",  # a format that a serializer reads
    "ValidationError",  # a colour of an address
}


def caught() -> Iterator[tuple[str, str]]:
    for path in tracked():
        if DOORS.match(path.name) and path.relative_to(ROOT).parts[0] in (
            "tenants",
            "devices",
            "telemetry",
            "provisioning",
        ):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ExceptHandler):
                    yield str(path.relative_to(ROOT)), ast.unparse(node.type) if node.type else ""


def test_pages_and_endpoints_catch_no_refusal() -> None:
    assert [each for each in caught() if each[1] not in CAUGHT] == []
