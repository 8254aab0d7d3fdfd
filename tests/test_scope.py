"""Views, forms, API and gates never touch an unscoped manager: every look-up starts from what the user may see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("tenants", "devices", "telemetry", "provisioning")
DOORS = {"views", "forms", "api", "access", "serializers", "urls"}
# Whatever it is called, a file that deals with requests, answers or forms is a door.
DEALS_WITH = ("django.http", "django.shortcuts", "django.forms", "django.views", "django_htmx", "rest_framework")
# `of` and `told_to` take a device that a gate gave; `create` makes a row and reads none.
SCOPES = {"visible_to", "manageable_by", "registrable_by", "of", "told_to", "none", "create"}
# Look-ups that are scoped in another way: the room, the line, and what scopes it.
OWN = "the user's own organisation"
ELSEWHERE = {
    "tenants/api/idempotency_records.py": {
        "return IdempotencyRecord.objects.filter(user=user, key=key).first()": "the asking person's",
        "IdempotencyRecord.objects.filter(user=user, key=key, created_at__lte=Now() - KEPT).delete()": "theirs",
        "return IdempotencyRecord.objects.filter(created_at__lte=Now() - KEPT).delete()[0]": "beat's, by age alone",
    },
    "devices/bulk_actions/forms.py": {
        "versions = RecipeVersion.objects.filter(mine, recipe__organisation=user.organisation_id)": "of theirs",
        "if person and not Organisation.objects.filter(users=self.user, personal_devices=True).exists():": OWN,
    },
    "tenants/access.py": {"return get_row(Organisation.objects.filter(users=user), slug=slug)": OWN},
}
# Operations that take a request, of the account that asks or that somebody asks for: no row of them is a tenant's.
ACCOUNTS = {f"tenants/accounts/{name}.py" for name in ("adapters", "events", "reset_form", "second_factor", "sessions")}
MANAGERS = {"objects", "_default_manager", "_base_manager"}


def files() -> list[Path]:
    found = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return [path for path in found if "migrations" not in path.parts]


def is_door(path: Path, source: str) -> bool:
    return bool(DOORS & {path.stem, *path.relative_to(ROOT).parts}) or any(
        isinstance(node, ast.ImportFrom)
        and (f"{node.module}.".startswith(tuple(f"{each}." for each in DEALS_WITH)) or _is_forms(node))
        for node in ast.walk(ast.parse(source))
    )


def _is_forms(node: ast.ImportFrom) -> bool:
    return node.module == "django" and any(name.name == "forms" for name in node.names)


def doors() -> list[Path]:
    found = [path for path in files() if is_door(path, path.read_text())]
    return [path for path in found if str(path.relative_to(ROOT)) not in ACCOUNTS]


def unscoped(source: str) -> list[int]:
    """Lines on which a manager is used for anything but a scope."""
    tree = ast.parse(source)
    scoped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in SCOPES}
    managers = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in MANAGERS]
    shortcuts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in {"get_object_or_404", "get_list_or_404"}
    ]
    return sorted(node.lineno for node in [*managers, *shortcuts] if id(node) not in scoped)


@pytest.mark.parametrize("path", doors(), ids=lambda path: str(path.relative_to(ROOT)))
def test_doors_start_from_a_scope(path: Path) -> None:
    source = path.read_text().splitlines()
    lines = {source[number - 1].strip() for number in unscoped(path.read_text())}
    assert lines == set(ELSEWHERE.get(str(path.relative_to(ROOT)), ()))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("Device.objects.visible_to(user).filter(pk=1)", []),
        ("Device.objects.get(pk=1)", [1]),
        ("Device.objects.all().visible_to(user)", [1]),
        ("\nrows = Group.objects", [2]),
        ("Group._default_manager.filter()", [1]),
        ("get_object_or_404(Device, pk=1)", [1]),
    ],
)
def test_the_scan_finds_them(source: str, lines: list[int]) -> None:
    assert unscoped(source) == lines


def test_there_are_doors_to_scan() -> None:
    assert all((ROOT / each).exists() for each in ACCOUNTS)
    assert {"tenants/access.py", "devices/access.py"} <= {str(path.relative_to(ROOT)) for path in doors()}


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("from django.http import HttpRequest", True),
        ("def f():\n    from rest_framework.views import APIView", True),
        ("from django import forms", True),
        ("from django.db import models", False),
        ("from django.httpx import x", False),
    ],
)
def test_a_door_is_known_by_what_it_deals_with(source: str, is_one: bool) -> None:
    assert is_door(ROOT / "devices/whatever.py", source) == is_one
