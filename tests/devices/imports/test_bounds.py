"""Files made to be slow or large to read: what is looked at is bounded, in the page's process and in the worker."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from devices import imports
from devices.models import Import
from tests.devices.imports.conftest import problems, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

pytestmark = pytest.mark.django_db

MB = 1 << 20


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\n" * 4 * MB, 422),
        (b"Serial,Name" + b"\n" * 4 * MB, 422),
        (b"Serial,Name\nS1,One" + b"\n" * 4 * MB, 200),
        (b"Serial,Name\n" + b'"\n",' * MB, 422),
        (b"Serial,Name\n" + b"x" * 4 * MB, 200),
        (b"Serial,Name\nS1,One\n" + b"," * 4 * MB, 200),
        (b"Serial;Name\n" + b"\x81\n" * 2 * MB, 200),
    ],
    ids=["newlines", "newlines below", "newlines at the end", "one row", "one cell", "commas", "odd"],
)
def test_a_page_looks_at_the_beginning_alone(client: Client, world: World, data: bytes, status: int) -> None:
    client.force_login(world.owner)
    file = SimpleUploadedFile("x.csv", data)
    began = time.process_time()
    sent = {"recipe": str(world.version.recipe_id), "file": file}
    answer = client.post(reverse("devices:import-new"), sent, follow=True)
    assert time.process_time() - began < 4  # of the web's processor: 20 s once
    assert answer.status_code == status


def test_a_file_of_empty_lines_is_no_import(check: Callable[..., Import], settings: Settings) -> None:
    settings.IMPORT_MAX_ROWS = 1000
    few = check("Serial\nS1" + "\n" * 900 + "\nS2")
    assert (few.state, few.total, few.refused) == (Import.State.CHECKED, 2, 0)
    many = check("Serial\nS1" + "\n" * 500_000 + "\nS2")
    assert many.total <= 1000  # by which the worker makes its table of serials
    assert many.state == Import.State.FAILED
    assert many.cause == "More than 1,000 rows are empty, up to row 1,004. Delete the empty ones."


def test_rows_of_any_length_take_little_memory(world: World, upload: Callable[..., Import]) -> None:
    wide = ",".join(["x" * 2000] * 100)
    importing = upload("Serial,Name\nS1,One\n" + f"{wide}\n" * 150 + "," * 200_000 + "\nS2,Two")
    read = {"columns": importing.columns, "encoding": importing.encoding, "delimiter": importing.delimiter}
    options: dict[str, Any] = {**read, "group": None, "all_or_nothing": False, "name_pattern": ""}
    assert imports.match(importing=importing, by=world.owner, **options)
    with at_most(25):
        importing = work(importing)
    assert (importing.state, importing.total, importing.refused) == (Import.State.CHECKED, 153, 151)
    assert "200,001 cells" in problems(importing)[-1][2]


def test_batches_of_long_rows_lose_none(run: Run) -> None:
    importing = run("Serial,Description\n" + "".join(f"S{n},{'x' * 90_000}\n" for n in range(200)) + "T1,\n")
    assert (importing.total, importing.made, importing.refused) == (201, 1, 200)
    assert [row for row, _, _ in problems(importing)] == list(range(2, 202))
