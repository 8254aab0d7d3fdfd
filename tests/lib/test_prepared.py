"""Queries that are written down once ask what the same queries ask that are built each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from devices.models import Credential, Device
from lib import prepared as preparing
from lib.prepared import Limit, Unpreparable, Update, prepared, prepared_by_values, prepared_update
from provisioning.models import Window
from provisioning.windows import operations as windows
from tenants.models import Role, User
from tests import builders

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tests.conftest import World


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "checked", False)


def build_of(organisation: int, keys: tuple[int, ...], beginning: str, group: int | None) -> QuerySet[Device]:
    named = Device.objects.filter(organisation=organisation, pk__in=keys, name__startswith=beginning)
    return named.filter(Q(group=group) if group else Q(group=None)).order_by("pk")


def test_rows_are_those_of_the_query_that_is_built(world: World) -> None:
    ask = prepared(build_of)
    for name in ("100% sure", "100_ sure", "100\\ sure", "100x sure", "İstanbul"):
        builders.make_device(world.version, name=name)
    keys = tuple(Device.objects.order_by("pk").values_list("pk", flat=True))
    organisations = (world.kanarra.pk, world.other.pk)
    given = [
        (organisation, some, beginning, group)
        for organisation in organisations
        for some in (keys, keys[:1], keys[1:4], ())
        for beginning in ("", "A", "1", "W", "100%", "100_", "100\\", "İsta")
        for group in (None, world.anaheim.pk, world.boise.pk)
    ]
    for each in given:
        assert ask(*each) == list(build_of(*each)), each
    assert any(ask(*each) for each in given if each[2] == "100%")


def test_it_is_built_once_for_each_shape(world: World) -> None:
    built = []

    @prepared
    def ask(key: int, size: Limit) -> QuerySet[Device]:
        built.append(key)
        return Device.objects.filter(pk__gte=key).order_by("pk")[:size]

    with CaptureQueriesContext(connection) as asked:
        assert [len(ask(key, Limit(2))) for key in (0, 1, 10**9)] == [2, 2, 0]
        assert len(ask(0, Limit(3))) == 3
    assert len(built) == 2  # a shape each: a limit stands in the SQL
    assert len(asked) == 4


def test_uuids_are_handed_on_as_the_database_has_them(world: World) -> None:
    built: list[UUID] = []

    @prepared
    def select(key: UUID) -> QuerySet[Window]:
        built.append(key)
        return Window.objects.filter(key=key)

    devices = world.waiting, builders.make_device(world.version, name="Another")
    opened = [windows.open_window(device=device, by=world.technician) for device in devices]
    assert [select(window.key) for window in opened] == [[window] for window in opened]
    assert select(uuid4()) == []
    assert len(built) == 1


def test_people_of_one_shape_see_their_own(world: World) -> None:
    """Whose grants are as many and as long: nothing of the first is in what is written down."""

    @prepared
    def ask(user: User) -> QuerySet[Device]:
        return Device.objects.visible_to(user).order_by("pk")

    twins = [
        builders.make_user(f"twin-{number}@kanarra.example", group, Role.VIEWER)
        for number, group in enumerate((world.region, world.boise, world.sadler, world.tekton))
    ]
    for user in (*twins, world.viewer, world.sibling, world.admin, world.owner, world.stranger):
        assert ask(user) == list(Device.objects.visible_to(user).order_by("pk")), user


def test_people_may_be_loaded_late(world: World) -> None:
    """As a request has them: nothing of who came first is in what is written down for others."""
    built: list[int] = []

    @prepared
    def ask(user: User) -> QuerySet[Device]:
        built.append(user.pk)
        return Device.objects.visible_to(user).order_by("pk")

    for user in (world.viewer, world.admin, world.owner, world.viewer):
        late: Any = SimpleLazyObject(partial(User.objects.get, pk=user.pk))
        assert ask(late) == list(Device.objects.visible_to(user).order_by("pk")), user
    assert not {world.viewer.pk, world.admin.pk, world.owner.pk} & set(built)


def test_what_is_handed_on_in_another_form_is_built_each_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_next(key: int, organisation: int) -> QuerySet[Device]:
        return Device.objects.filter(pk=key + 1, organisation=organisation)

    first, second = Device.objects.order_by("pk")[:2]
    ask = prepared(of_next)
    assert ask(first.pk, second.organisation_id) == [second]
    assert ask(second.pk, 0) == []
    monkeypatch.setattr(preparing, "checked", True)
    with pytest.raises(Unpreparable):
        prepared(of_next)(first.pk, second.organisation_id)


def test_tests_find_what_looks_at_a_value(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    @prepared
    def ask(key: int) -> QuerySet[Device]:
        rows = Device.objects.filter(pk=key)
        return rows.filter(locked_at=None) if key > 10**9 else rows

    monkeypatch.setattr(preparing, "checked", True)
    with pytest.raises(Unpreparable):
        ask(1)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_each_has_its_own(world: World) -> None:
    keys = list(Device.objects.values_list("pk", flat=True))
    gate = Barrier(len(keys))

    @prepared
    def ask(key: int) -> QuerySet[Device]:
        return Device.objects.filter(pk=key)

    def run(key: int) -> list[int]:
        try:
            connection.ensure_connection()
            gate.wait()
            return [ask(key)[0].pk for _ in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        assert list(pool.map(run, keys)) == [[key] * 20 for key in keys]


def test_what_others_forget_meanwhile_is_written_down_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another thread does, in between any two steps: here when the second look at the plan begins."""
    monkeypatch.setattr(preparing, "MOST", 1)
    key, looks = world.placed.pk, iter([False] * 2)

    class Looked:
        def __hash__(self) -> int:
            if next(looks, False):
                ask(key, object())
            return 1

    @prepared
    def ask(key: int, besides: object) -> QuerySet[Device]:
        return Device.objects.filter(pk=key)

    looked = Looked()
    ask(key, looked)
    looks = iter([False, True])
    assert ask(key, looked) == [world.placed]


@prepared_update
def rename(device: int, digest: bytes, name: str) -> Update:
    known = Credential.objects.filter(device=OuterRef("pk"), secret_hash=digest)
    return Update(Device.objects.filter(Exists(known), pk=device), {"name": name, "locked_at": Now()})


def test_an_update_changes_what_it_would_built_anew(world: World) -> None:
    digests = [bytes([number] * 32) for number in (0, 1, 2)]
    for digest, device in zip(digests, (world.placed, world.waiting), strict=False):
        Credential.objects.create(device=device, access_key=digest.hex(), secret_hash=digest)
    for digest in digests:
        for device in (world.placed, world.waiting):
            expected = Credential.objects.filter(device=device, secret_hash=digest).count()
            name = f"{digest[0]} {device.pk}"
            assert rename(device.pk, digest, name) == expected
            assert Device.objects.filter(pk=device.pk, name=name, locked_at__isnull=False).count() == expected


def test_an_update_in_tests_is_compared_with_what_is_built(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "checked", True)

    @prepared_update
    def looks(device: int, name: str) -> Update:
        return Update(Device.objects.filter(pk=device), {"name": name} if name == "other" else {"description": name})

    assert looks(world.placed.pk, "names") == 1
    with pytest.raises(Unpreparable):
        looks(world.placed.pk, "other")


def test_what_was_right_is_not_built_again_for_the_same_values(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    @prepared
    def select(group: int) -> QuerySet[Device]:
        built.append(group)
        return Device.objects.filter(pk=group)

    monkeypatch.setattr(preparing, "checked", True)
    monkeypatch.setattr(preparing, "remembers", True)
    for group in (1, 2, 1, 2, 1):
        select(group)
    assert [group for group in built if group < preparing.MADE_UP] == [1, 2]
    monkeypatch.setattr(preparing, "remembers", False)
    select(1)
    assert built[-1] == 1


@pytest.mark.parametrize("remembers", [False, True])
def test_whoever_looks_at_a_value_is_found(db: None, monkeypatch: pytest.MonkeyPatch, remembers: bool) -> None:
    @prepared
    def select(group: int) -> QuerySet[Device]:
        rows = Device.objects.filter(pk=group)
        return rows if group != 3 else rows.filter(name="")

    monkeypatch.setattr(preparing, "checked", True)
    monkeypatch.setattr(preparing, "remembers", remembers)
    for group in (1, 2, 2):
        select(group)
    with pytest.raises(Unpreparable):
        select(3)


@pytest.mark.postgres
@pytest.mark.parametrize(("prepare", "kept"), [(prepared, 1), (prepared_by_values, 0)])
def test_a_plan_that_goes_by_values_is_not_kept(world: World, prepare: Any, kept: int) -> None:
    def build(beginning: str) -> QuerySet[Device]:
        return Device.objects.filter(description="once", name__startswith=beginning)

    ask = prepare(build)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        assert ask("A") == ask("B") == []
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%devices_device%'")
        assert cursor.fetchone() == (kept,)
