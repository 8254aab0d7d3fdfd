"""A demo for one day: the secrets that were told in it, and where they may not lie."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests import leaks, template
from tests.e2e.browser import DESKTOP, sign_in
from tests.stack import demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.stack import Stack


class Row(NamedTuple):
    """Of a result file."""

    serial: str
    device_id: str
    access_key: str
    access_secret: str


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """What the demo's environment says of its database: one of its own on the tests' server, else none (SQLite).

    It is migrated already: `test_production_parts.py` has the demo do that."""
    if not (server := os.environ.get("DATABASE_URL")):
        yield {}
        return
    name = f"day_{uuid4().hex}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template.find() or "template1"}')
        try:
            yield {"DATABASE_URL": urlsplit(server)._replace(path=f"/{name}").geturl()}
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


class Day:
    """What has happened so far: the secrets that were told, and where to look for them."""

    def __init__(self, stack: Stack, outbox: Path, database_url: str) -> None:
        self.stack, self.outbox = stack, outbox
        self.secrets: set[str] = {device.access_secret for device in stack.devices}
        hooks = json.loads((stack.var / "demo" / "hooks.json").read_text()).values()
        self.secrets |= {each["secret"].removeprefix("whsec_") for each in hooks}
        self._database_url = database_url
        config = dict(line.split(" ", 1) for line in (stack.var / "redis" / "redis.conf").read_text().splitlines())
        self.redis_url = f"redis://:{config['requirepass']}@127.0.0.1:{config['port']}/0"

    def told(self, secret: str) -> str:
        assert len(secret) >= 43
        self.secrets.add(secret)
        return secret

    def database(self) -> str:
        if self._database_url:
            with closing(psycopg.connect(self._database_url)) as postgresql:
                return leaks.database(postgresql.cursor(), "postgresql")
        with closing(sqlite3.connect(self.stack.var / "handover.sqlite3")) as sqlite:
            return leaks.database(sqlite.cursor(), "sqlite")

    def files(self) -> list[Path]:
        """All that the demo keeps, but what it hands to its simulated factory and back ends."""
        kept = [file for file in self.stack.var.rglob("*") if file.is_file()]
        return [file for file in kept if file.name not in {"devices.csv", "hooks.json"} and "static" not in file.parts]

    def invitation(self, email: str) -> str:
        (text,) = [text for file in self.outbox.iterdir() if f"To: {email}" in (text := file.read_text())]
        found = re.search(r"http://\S+/invitations/([\w-]{43})/", text)
        assert found
        self.told(found[1])
        return found[0]


@contextmanager
def begin_day() -> Iterator[Day]:
    with (
        tempfile.TemporaryDirectory(prefix="handover-mail-") as outbox,
        database() as its,
        demo(EMAIL_URL=f"filemail:///{outbox}", LOG_LEVEL="DEBUG", **its) as stack,
    ):
        yield Day(stack, Path(outbox), its.get("DATABASE_URL", ""))


def opened(browser: Browser, day: Day, email: str, path: str = "/", **options: object) -> Page:
    page = browser.new_context(viewport=DESKTOP, **options).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(10_000)
    sign_in(page, day.stack, email)
    page.goto(day.stack.url + path)
    return page


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_bytes()


def result(day: Day, page: Page) -> list[Row]:
    table = csv.reader(StringIO(downloaded(page, "Download once").decode("utf-8-sig")))
    header = [name.lower().replace(" ", "_") for name in next(table)]
    places = [header.index(name) for name in Row._fields]
    found = [Row(*(line[place] for place in places)) for line in table]
    for row in found:
        if row.access_secret:
            day.told(row.access_secret)
    return found
