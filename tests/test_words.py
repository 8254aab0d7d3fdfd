"""One word for one thing: an admin adds a device to the registry, a technician registers it. Tags are `key: value`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
REGISTERS = re.compile(r"\bregist(?:er|ers|ered|ering|ration)\b", re.IGNORECASE)
# What a technician does, or may not do, said on an admin's side; and names of code.
TECHNICIANS = (
    "nor be registered",
    "may register",
    "can register",
    "technician registers it",
    "Register device",
    "Register this device",
    "be registered again",
    "provisioning:register",
    "@register",
    "connect and be registered",
    "who registers you",
    "register button",
    "is registering this device",
    "## Registration",
    "This registration was",
    "Register the typefaces",
    "registration.register_device",
    "Device already registered",  # on the wire, of vendors
    "Invalid registration token",
    "/api/register-device",
    "/devices/register",
    "registration token",
    "registration-token",
)
CODE = re.compile(r"{%.*?%}|{{.*?}}|<[^>]*>|registered[_-]\w+|\w+[_-]register\w*", re.DOTALL)


def texts() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "templates/devices").rglob("*.html"):
        for line in path.read_text().splitlines():
            yield str(path.relative_to(ROOT)), line
    for path in (ROOT / "devices").rglob("*.py"):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield str(path.relative_to(ROOT)), node.value
    for name in ("docs/api.md", "docs/operations.md", "docs/protocol.md", "docs/refusals.md"):
        for line in (ROOT / name).read_text().splitlines():
            yield name, line


def wrong(text: str) -> bool:
    for said in TECHNICIANS:
        text = text.replace(said, "")
    return bool(REGISTERS.search(CODE.sub("", text)))


def test_an_admin_adds_and_a_technician_registers() -> None:
    assert sorted({(where, text.strip()[:200]) for where, text in texts() if wrong(text)}) == []


def test_tags_are_written_one_way() -> None:
    other = re.compile(r"\b(?:key|name)(?:=|:)value\b")
    said = {(where, text.strip()[:200]) for where, text in texts() if other.search(text) and "is read too" not in text}
    assert {(where, text) for where, text in said if where != "devices/tags.py"} == set()


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        ("Devices are registered before they are shipped.", True),
        ("{% if device.registered_at %}Added{% endif %}", False),
        ("It can neither connect nor be registered.", False),
    ],
)
def test_the_scan_finds_them(text: str, is_wrong: bool) -> None:
    assert wrong(text) is is_wrong
