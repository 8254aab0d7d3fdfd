"""Random sequences of delete, move, demote, expire, hand over, restore: after each step everybody sees at every door
what a naive model says, and nobody anything else.

Short by default; `make soak` sets SOAK_ROUNDS for a long one. A round is told apart by its seed alone.
"""

from __future__ import annotations

import asyncio
import csv
import os
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import AsyncClient
from django.urls import reverse

from tenants.models import Role, User
from tests.devices.api import body
from tests.sequences.story import ACTS, START, Story

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_django.fixtures import Settings

    from tests.devices.api import Program
    from tests.sequences.naive import Grants

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "1"))
LONG = "SOAK_ROUNDS" in os.environ  # then everything is compared, and not something of each
STEPS = 60 if LONG else 45
STREAMS = 2 if LONG else 1  # held open at a time


@pytest.fixture(autouse=True)
def _quick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STREAM_HEARTBEAT_SECONDS = 0.01
    settings.API_TOKEN_LIMIT = settings.API_PERSON_LIMIT = settings.API_TENANT_LIMIT = (
        settings.API_ORGANISATION_LIMIT
    ) = settings.INVITATION_LIMIT = 10**6
    monkeypatch.setattr("telemetry.dashboard.views.SPACING", 0.0)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_everybody_sees_what_a_naive_model_says(seed: int) -> None:
    random = Random(seed)
    story = Story(random)
    with asyncio.Runner() as runner:
        held = Streams(runner, story)
        for act in START:
            story.step(act)
        for act in random.choices(ACTS, k=STEPS):
            held.hold()
            story.step(act)
            held.compare()
            compare_some(story)
        held.close()
    for name in story.users:
        compare_person(story, name, everything=LONG)


def compare_some(story: Story) -> None:
    """Who was signed out is told so at once; a few of the others, and every token."""
    for name, person in story.naive.people.items():
        if not person.signed_in:
            assert story.programs[name].get("devices/").status_code in {401, 403}
            if person.active:
                story.programs[name].client.force_login(User.objects.get(pk=story.users[name].pk))
                person.signed_in = True
    compare_person(story, story.any(story.users), everything=False)
    for serial in story.devices if LONG else [story.touched]:
        compare_credentials(story, serial)
    for called in story.some(story.naive.tokens, everything=LONG):
        compare_lists(story, story.narrow[called], story.naive.grants_of_token(called))


def compare_credentials(story: Story, serial: str) -> None:
    """As an admin of the organisation is shown them."""
    shown = story.owner.get(f"devices/{serial}/credentials/").json()["results"]
    working = [secret for secret in story.naive.secrets if secret.serial == serial and secret.works]
    assert sum(row["works"] for row in shown) == len(working)


def compare_person(story: Story, name: str, *, everything: bool) -> None:
    grants, program = story.naive.grants(name), story.programs[name]
    compare_lists(story, program, grants)
    if not story.naive.people[name].active:
        return
    doors = [compare_home, compare_log, compare_devices, compare_groups, compare_downloads]
    for door in doors if everything else [story.random.choice(doors)]:
        door(story, program, grants)


def compare_lists(story: Story, program: Program, grants: Grants) -> None:
    """What programs are shown; a token with nothing left opens nothing."""
    devices, groups = program.get("devices/"), program.get("groups/", limit=100)
    if devices.status_code != 200:
        assert devices.status_code in {401, 403}
        assert not story.naive.reached(grants)
        return
    assert {row["serial"] for row in devices.json()["results"]} == story.naive.listed(grants)
    retired = {row["serial"] for row in program.get("devices/", status="retired").json()["results"]}
    assert retired == story.naive.machines_of(grants) - story.naive.listed(grants)
    assert {row["id"] for row in groups.json()["results"]} == {story.pks[key] for key in story.naive.reached(grants)}
    log = program.get("changes/", limit=100)
    compare_texts(story, grants, [row["what"] for row in log.json()["results"]] if log.status_code == 200 else [])
    compare_journal(story, program, grants)


def compare_journal(story: Story, program: Program, grants: Grants) -> None:
    """By kind, where there may be more than a page, and all of it for what is said of groups and people."""
    page = program.get("journal/", limit=100)
    if page.status_code != 200:
        assert page.status_code in {401, 403, 404}
        assert not story.naive.reached(grants, Role.ADMIN)
        return
    compare_texts(story, grants, [row["what"] for row in page.json()["results"]])
    for kind, facts in (("placements", story.naive.placed), ("ended", story.naive.ended)):
        wanted = story.naive.read(grants, facts)
        assert read_journal(program, kind) == [(what, serial, story.pks.get(at or "")) for what, serial, at in wanted]


def read_journal(program: Program, kind: str) -> list[tuple[str, str, int | None]]:
    """Page by page."""
    found, query = list[tuple[str, str, int | None]](), {"kind": kind, "limit": "7"}
    while True:
        page = program.get("journal/", **query).json()
        found += [(row["kind"], row["serial"], row["group"]) for row in page["results"]]
        if not page["next"]:
            return found
        query["after"] = parse_qs(urlsplit(page["next"]).query)["after"][0]


def compare_texts(story: Story, grants: Grants, said: list[str]) -> None:
    """Of the log; of a long one the newest are on the page."""
    known, told = {what for _, what in story.naive.log}, story.naive.told(grants)
    assert known & set(said) <= told
    assert len(said) >= 50 or told <= set(said)


def compare_home(story: Story, program: Program, grants: Grants) -> None:
    shown = program.client.get("/")
    assert shown.status_code == 200
    text, seen = shown.content.decode(), story.naive.listed(grants)
    for serial, machine in story.naive.machines.items():
        assert (f"/devices/{serial}/" in text) == (serial in seen)
        assert not [old for old in machine.hidden if old in text]


def compare_log(story: Story, program: Program, grants: Grants) -> None:
    page = program.client.get("/journal/")
    assert (page.status_code == 200) == bool(story.naive.reached(grants, Role.ADMIN))
    compare_texts(story, grants, [row.words for row in page.context["entries"]] if page.status_code == 200 else [])


def compare_devices(story: Story, program: Program, grants: Grants) -> None:
    seen, managed = story.naive.machines_of(grants), story.naive.machines_of(grants, Role.ADMIN)
    for serial in story.some(story.naive.machines, everything=LONG):
        machine = story.naive.machines[serial]
        for url, among in (
            (reverse("telemetry:dashboard", kwargs={"serial": serial}), seen),
            (reverse("telemetry:events", kwargs={"serial": serial}), seen),
            (reverse("telemetry:stream", kwargs={"serial": serial}), seen),
            (reverse("devices:credentials", kwargs={"serial": serial}), managed),
        ):
            page = program.client.get(url)
            assert page.status_code == (200 if serial in among else 404), url
            text = "" if page.streaming else page.content.decode()
            assert not [old for old in machine.hidden if old in text], url
        if serial in seen:
            latest = body(program.client.get(reverse("telemetry:live", kwargs={"serial": serial})))
            assert not [old for old in machine.hidden if old in latest]
            assert not machine.group or [mark for mark in machine.marks if mark in latest] == machine.marks[-1:]


def compare_groups(story: Story, program: Program, grants: Grants) -> None:
    managed = story.naive.reached(grants, Role.ADMIN)
    for key in story.some(story.naive.parent, everything=LONG):
        page = program.client.get(f"/groups/{story.pks[key]}/")
        assert page.status_code == (200 if key in managed else 404)


def compare_downloads(story: Story, program: Program, grants: Grants) -> None:
    seen = story.naive.machines_of(grants)
    for serial in story.some(story.naive.machines, everything=LONG):
        machine = story.naive.machines[serial]
        answer = program.client.get(reverse("telemetry:export", kwargs={"serial": serial}), {"range": "1h"})
        assert answer.status_code == (200 if serial in seen else 404)
        text = body(answer) if serial in seen else ""
        assert [mark for mark in [*machine.hidden, *machine.shown] if mark in text] == (machine.shown if text else [])
    registry = program.client.post("/api/v1/devices/export.csv")
    assert (registry.status_code == 200) == bool(story.naive.reached(grants, Role.ADMIN))
    if registry.status_code == 200:
        listed = story.naive.listed(grants, Role.ADMIN)
        assert {row["Serial"] for row in csv.DictReader(body(registry).splitlines())} == listed
        written = [row["What"] for row in csv.DictReader(body(program.client.get("/journal/export.csv")).splitlines())]
        compare_texts(story, grants, written)


class Streams:
    """Dashboards that stay open from step to step: each ends when its reader may no longer look, and not before."""

    def __init__(self, runner: asyncio.Runner, story: Story) -> None:
        self.runner, self.story = runner, story
        self.open: list[tuple[str, str, AsyncIterator[bytes]]] = []

    def hold(self) -> None:
        readers = [name for name in self.story.users if self._seen(name)]
        if len(self.open) < STREAMS and readers:
            name = self.story.any(readers)
            serial = self.story.any(self._seen(name))
            self.open.append((name, serial, self.runner.run(self._get(name, serial))))

    def compare(self) -> None:
        """Two looks after the step, of which the second can't have begun before it."""
        kept = []
        for name, serial, stream in self.open:
            goes_on = self.runner.run(self._goes_on(stream))
            signed_in = self.story.naive.people[name].signed_in
            assert goes_on == (signed_in and serial in self._seen(name)), (name, serial)
            kept += [(name, serial, stream)] if goes_on else []
        self.open = kept

    def close(self) -> None:
        for _, _, stream in self.open:
            self.runner.run(stream.aclose())  # type: ignore[attr-defined]

    def _seen(self, name: str) -> set[str]:
        return self.story.naive.machines_of(self.story.naive.grants(name))

    async def _get(self, name: str, serial: str) -> AsyncIterator[bytes]:
        client = AsyncClient()
        client.cookies = self.story.programs[name].client.cookies
        answer: Any = await client.get(reverse("telemetry:stream", kwargs={"serial": serial}))
        assert answer.status_code == 200
        return answer.streaming_content  # type: ignore[no-any-return]

    async def _goes_on(self, stream: AsyncIterator[bytes]) -> bool:
        async with asyncio.timeout(20):
            try:
                return b"event: gone" not in await anext(stream) + await anext(stream)
            except StopAsyncIteration:
                return False
