from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import pytest

from devices import imports
from devices.credentials import deliveries
from devices.models import Import
from tenants.models import Role
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from devices.models import RecipeVersion
    from tenants.models import User
    from tests.conftest import World

    Run = Callable[..., Import]


@pytest.fixture
def version(world: World) -> RecipeVersion:
    """Any letters and digits make a serial."""
    world.version.identity = {"kind": "opaque"}
    world.version.save()
    return world.version


@pytest.fixture
def upload(world: World, version: RecipeVersion) -> Callable[..., Import]:
    def one(text: str | bytes) -> Import:
        data = text if isinstance(text, bytes) else text.encode()
        return imports.upload(by=world.owner, version=version, name="serials.csv", chunks=[data])

    return one


@pytest.fixture
def check(world: World, upload: Callable[..., Import]) -> Callable[..., Import]:
    """Uploaded, matched as guessed but for what is given, and checked as a worker does."""

    def one(text: str | bytes, **options: Any) -> Import:
        importing = upload(text)
        defaults: dict[str, Any] = {
            "columns": importing.columns,
            "encoding": importing.encoding,
            "delimiter": importing.delimiter,
            "group": None,
            "all_or_nothing": False,
            "name_pattern": "",
        }
        assert imports.match(importing=importing, by=world.owner, **defaults | options)
        return work(importing)

    return one


@pytest.fixture
def run(world: World, check: Callable[..., Import]) -> Callable[..., Import]:
    def one(text: str | bytes, **options: Any) -> Import:
        importing = check(text, **options)
        assert imports.start(importing=importing, by=world.owner)
        return work(importing)

    return one


@pytest.fixture
def second(world: World) -> User:
    """Another admin of the whole organisation."""
    return builders.make_user("second@kanarra.example", world.kanarra.root, Role.ADMIN)


def work(importing: Import) -> Import:
    imports.work(importing.pk)
    return Import.objects.get(pk=importing.pk)


def table(lines: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader("".join(lines).splitlines(keepends=True)))


def result(importing: Import) -> list[dict[str, str]]:
    assert importing.delivery is not None
    return table(imports.write_result_csv(importing, deliveries.unseal_key(importing.delivery)))


def problems(importing: Import) -> list[tuple[int, str, str]]:
    return list(importing.problems.values_list("row", "column", "cause"))
