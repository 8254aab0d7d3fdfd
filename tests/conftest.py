"""The cast, named by role, in one small world."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings

from config import health
from devices import stream_loop, streams
from devices.broker import refused_connects, refused_topics
from lib import background, late_counts, prepared
from lib.db import deadlocks
from lib.places import Places
from lib.rarely import Rarely
from lib.rendering import stencils
from provisioning.doors import refused_attempts
from telemetry.attention import judging
from telemetry.history import latest
from telemetry.ingest import decoder, keeping
from tenants import downloads
from tenants.models import Group, Organisation, Role, User
from tests import builders, emptying, template
from tests.signing_in import sign_in
from tests.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker
    from pytest_django.fixtures import Settings

    from devices.models import Device, RecipeVersion


# A machine with much else to do is slow, not wrong.
settings.register_profile("handover", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("handover")
prepared.checked = stencils.checked = True
Client._login = sign_in  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _fresh_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process never sees their ids, and those of recipes' versions, again, but the next test does."""
    decoder.declared.clear()
    keeping._known.clear()
    judging.watched.clear()
    latest._declared.clear()
    monkeypatch.setattr(decoder, "told", Rarely())


@pytest.fixture(autouse=True)
def _right_queries_are_remembered(request: pytest.FixtureRequest) -> None:
    """For the next test's, too, which looks at the same; but not where a test changes what else they may look at."""
    prepared.remembers = not changes_code(request.node)


def changes_code(item: Any) -> bool:
    """Whether a test has a fixture for that, by itself or by others that it asks for."""
    found, asked = item._fixtureinfo, [*item._fixtureinfo.argnames, *item._fixtureinfo.initialnames]
    own = {mark for each in item.iter_markers("usefixtures") for mark in each.args}
    open_, seen = [name for name in asked if name in found.argnames or name in own], set()
    while open_:
        if (name := open_.pop()) in {"monkeypatch", "settings"}:
            return True
        if name not in seen:
            seen.add(name)
            open_ += [each for of in found.name2fixturedefs.get(name, ()) for each in of.argnames]
    return False


# Where one process, of a module or a run, serves several tests.
REMEMBERING = (
    "tests/e2e/",
    "tests/faults/",
    "tests/devices/broker/",
    "tests/provisioning/doors/test_doors_snippets.py",
)


@dataclass
class World:
    """Kanarra > {Sadler-Isberg > Los Angeles > Anaheim, Tekton Health > Boise}; Other is another organisation."""

    kanarra: Organisation
    sadler: Group
    region: Group
    anaheim: Group
    tekton: Group
    boise: Group
    other: Organisation
    other_site: Group
    version: RecipeVersion
    other_version: RecipeVersion
    owner: User  # admin of the whole organisation
    admin: User  # admin of Sadler-Isberg
    technician: User
    viewer: User
    sibling: User  # a technician of Tekton Health
    stranger: User  # an admin of another organisation
    waiting: Device  # registered, in no group
    placed: Device  # in Anaheim
    foreign: Device  # in Tekton Health's Boise
    alien: Device  # of another organisation


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """As pytest-django does it, and the database is a copy where there is one to be copied."""
    creation: Any = connection.creation
    create = creation._create_test_db

    def copy(*args: Any, **kwargs: Any) -> str:
        name: str = create(*args, **kwargs)
        template.copy_file(name)
        return name

    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "sqlite":
            patch.setattr(creation, "_create_test_db", copy)
        else:
            patch.setitem(connections.databases["default"]["TEST"], "TEMPLATE", template.find())
        yield


@pytest.fixture(autouse=True, scope="session")
def _emptied_by_what_is_in_them() -> Iterator[None]:
    """The tables, after a test whose transactions were real; it may lose against those of its processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda self: deadlocks.try_again(emptying.empty_tables))
        yield


@pytest.fixture(autouse=True, scope="module")
def _emptied_after_its_processes(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A module's own processes (a broker, a site) may write when they end what they counted last."""
    yield
    if emptying.was_emptied():
        with django_db_blocker.unblock():
            deadlocks.try_again(emptying.empty_tables)
        emptying.was_emptied()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _quiet_sessions(settings: Settings) -> None:
    """A test that takes long does not write that its session is in use: queries are counted."""
    settings.SESSION_KEPT_SECONDS = 3600


@pytest.fixture(autouse=True)
def _health_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    health._known.until = health._known_ready.until = 0.0
    monkeypatch.setattr(health, "FRESH_SECONDS", -1.0)


@pytest.fixture(autouse=True)
def _nothing_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "run", lambda do: do())


@pytest.fixture(autouse=True)
def _refusals_are_counted_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_counts, "start_timer", lambda *_: None)
    monkeypatch.setattr(refused_connects, "refused_connects", refused_connects.make_counts())
    monkeypatch.setattr(refused_topics, "refused_topics", refused_topics.make_counts())
    monkeypatch.setattr(refused_attempts, "refused_attempts", refused_attempts.make_counts())


@pytest.fixture(autouse=True)
def _nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of answers that a test did not read; the next test's people may have the same ids."""
    monkeypatch.setattr(downloads, "going", Places())
    monkeypatch.setattr(streams, "open_streams", Places())


@pytest.fixture(autouse=True)
def _threads_leave_no_session_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the site's own do not, whose connections are a pool's; else the test's database could not be dropped."""
    monkeypatch.setitem(connections.databases["default"], "CONN_MAX_AGE", 0)


@pytest.fixture(autouse=True)
def _streams_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process keeps them, and they their connections to the database, which the next test may not have."""
    threads = ThreadPoolExecutor(stream_loop.CHECKS)
    monkeypatch.setattr(stream_loop, "_checks", threads)
    yield
    threads.shutdown(cancel_futures=True)


@pytest.fixture
def world(db: None, request: pytest.FixtureRequest) -> World:
    """Made anew where processes see it that outlive a test, for they may remember an id; else as it was made before."""
    return make_world() if request.node.nodeid.startswith(REMEMBERING) else _kept_world().write()


@cache
def _kept_world() -> Snapshot[World]:
    return Snapshot(make_world)


def make_world() -> World:
    kanarra = builders.make_organisation("Kanarra")
    other = builders.make_organisation("Other")
    sadler = builders.make_group(kanarra.root, "Sadler-Isberg")
    region = builders.make_group(sadler, "Los Angeles")
    anaheim = builders.make_group(region, "Kaiser Permanente Anaheim")
    tekton = builders.make_group(kanarra.root, "Tekton Health")
    boise = builders.make_group(tekton, "Boise")
    other_site = builders.make_group(other.root, "Elsewhere")
    version, other_version = builders.make_recipe(kanarra), builders.make_recipe(other)
    owner = builders.make_user("owner@kanarra.example", kanarra.root, Role.ADMIN)
    stranger = builders.make_user("admin@other.example", other.root, Role.ADMIN)
    sibling = builders.make_user("technician@tekton.example", tekton, Role.TECHNICIAN)
    return World(
        kanarra=kanarra,
        sadler=sadler,
        region=region,
        anaheim=anaheim,
        tekton=tekton,
        boise=boise,
        other=other,
        other_site=other_site,
        version=version,
        other_version=other_version,
        owner=owner,
        admin=builders.make_user("admin@sadler.example", sadler, Role.ADMIN),
        technician=builders.make_user("technician@sadler.example", sadler, Role.TECHNICIAN),
        viewer=builders.make_user("viewer@sadler.example", sadler, Role.VIEWER),
        sibling=sibling,
        stranger=stranger,
        waiting=builders.make_device(version, name="Waiting gateway"),
        placed=builders.make_device(version, group=anaheim, by=owner, name="Anaheim One"),
        foreign=builders.make_device(version, group=boise, by=owner, name="Canary Boise One"),
        alien=builders.make_device(other_version, group=other_site, by=stranger, name="Canary Elsewhere One"),
    )
