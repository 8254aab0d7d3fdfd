"""The sketches of docs/doors can't run here: what they would send is sent, and what they read of it is answered."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client

from telemetry.models import Latest
from tests.provisioning.doors.makers import make_jwt_door, sign
from tests.provisioning.doors.test_activate import make_door as make_activate_door
from tests.provisioning.doors.test_profile import SERIAL, make_profile_door

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
FOLDER = Path(settings.BASE_DIR) / "docs/doors"
ASKED = re.compile(r'ask\((?:below\()?"([^"]+)"\)?, "([^"]+)", (\w+), ("[^;]*?|""), answer\);')
LITERAL = r'"(?:[^"\\]|\\.)*"'


class Sketch:
    def __init__(self, name: str, **factory: str) -> None:
        self.text = (FOLDER / f"{name}.ino").read_text()
        self.factory = factory

    def work_out(self, expression: str, **names: str) -> str:
        """Return what a sum of texts, of what the factory gave, and of names says."""
        parts = re.findall(rf'{LITERAL}|factory\("\w+"\)|\b\w+\b(?!\()', expression)
        assert parts
        return "".join(self._read(part, names) for part in parts)

    def _read(self, part: str, names: dict[str, str]) -> str:
        if part.startswith('"'):
            return str(ast.literal_eval(part))
        given = re.fullmatch(r'factory\("(\w+)"\)', part)
        return self.factory[given[1]] if given else names[part]

    def send(self, number: int = 0, **names: str) -> Any:
        """Send what it would ask as its first, second, … question."""
        path, content_type, body, authorization = ASKED.findall(self.text)[number]
        said = re.findall(rf"String {body} = (.*);", self.text)
        below = f"/o/{self.factory['organisation']}" if "organisation" in self.factory else ""
        headers = {"Authorization": self.work_out(authorization, **names)} if authorization != '""' else {}
        return Client().post(below + path, self.work_out(said[0], **names), content_type=content_type, headers=headers)

    def read(self, answer: Any) -> set[str]:
        """Return the names that it reads of an answer, each of which is there."""
        names = set(re.findall(r'readMember\(answer, "(\w+)"\)', self.text))
        assert names <= set(answer.json())
        return names


def test_signed_token(world: World) -> None:
    make_jwt_door(world.version)
    sketch = Sketch("signed_token", token=sign(), serial=SERIAL)
    answer = sketch.send()
    assert answer.status_code == 200
    assert sketch.read(answer) == {"deviceId", "accessKey", "accessSecret"}


def test_shared_token_of_a_profile(world: World) -> None:
    _, token = make_profile_door(world.version)
    sketch = Sketch("shared_profile_token", token=token, serial=SERIAL)
    answer = sketch.send()
    assert answer.status_code == 200
    assert sketch.read(answer) == {"hostname", "port", "clientId", "username", "password"}


def test_whitelist_and_activate(world: World) -> None:
    make_activate_door(world.version)
    sketch = Sketch("activate", organisation="kanarra", serial=world.waiting.serial)
    kept = sketch.send(0)
    assert kept.status_code == 200
    assert sketch.send(1, kept=kept.content.decode()).status_code == 204
    latest = Latest.objects.get(device=world.waiting)
    assert {name: latest.data[name][0] for name in ("rpm", "load")} == {"rpm": 1800, "load": 120.5}


def test_what_they_keep_is_what_their_common_part_reads() -> None:
    common = (FOLDER / "device_esp32.h").read_text()
    read = set(re.findall(r'readMember\(kept, "(\w+)"\)', common))
    written = {
        name
        for file in ("signed_token", "shared_profile_token")
        for name in re.findall(r'\\"(\w+)\\": \\"" \+\s+readMember', (FOLDER / f"{file}.ino").read_text())
    }
    assert written == read == {"deviceId", "accessKey", "accessSecret", "broker"}
    assert '"devices/" + id + "/state"' in common


def test_every_program_has_its_place_on_the_page() -> None:
    page = (FOLDER / "README.md").read_text()
    linked = set(re.findall(r"\]\((\w+\.(?:py|c|ino))\)", page))
    programs = {each.name for each in FOLDER.iterdir() if each.suffix in (".py", ".c", ".ino")}
    assert linked == programs - {"device.py"}
