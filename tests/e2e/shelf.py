"""The demo's devices on the shelf: the commands that bring them in, and what came of it."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from html import unescape
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tests.stack import PASSWORD, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from urllib.request import OpenerDirector

    from tests.stack import Stack


class Seen(NamedTuple):
    """A device of the registry: by which kind of door it came, and how often it reported."""

    serial: str
    door: str
    reports: int


def _sign_in(stack: Stack) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{stack.url}/accounts/login/").read().decode()
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    sent = {"login": "admin@kanarra.example", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    browser.open(f"{stack.url}/accounts/login/", urlencode(sent).encode())
    return browser


def find_commands(stack: Stack) -> list[str]:
    """What the doors' pages say, as an admin reads them."""
    browser = _sign_in(stack)
    listed = browser.open(f"{stack.url}/doors/").read().decode()
    doors = sorted(set(re.findall(r"/doors/[0-9a-f-]{36}/", listed)))
    pages = [browser.open(stack.url + door).read().decode() for door in doors]
    return [unescape(found[1]) for page in pages if (found := re.search(r'id="door-try"[^>]*>([^<]+)<', page))]


def look(stack: Stack) -> set[Seen]:
    query = """select device.serial, door.kind, (select count(*) from telemetry_report where device_id = device.id)
        from devices_device device join provisioning_doorregistration came on came.device_id = device.id
        join provisioning_door door on door.id = came.door_id"""
    with closing(sqlite3.connect(f"file:{stack.var}/handover.sqlite3?mode=ro", uri=True, timeout=5)) as database:
        return {Seen(*row) for row in database.execute(query)}


@contextmanager
def running(commands: Sequence[str]) -> Iterator[None]:
    """Run the commands beside each other, as a visitor does in other terminals."""
    started = [
        subprocess.Popen(
            shlex.split(each), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for each in commands
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(10)
