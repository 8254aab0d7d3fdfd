"""Files as another program reads them: DuckDB, which shares no code with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.parquet import Column, Kind, ParquetWriter

if TYPE_CHECKING:
    from pathlib import Path

    from lib.parquet import Cell

COLUMNS = [
    Column("time", Kind.TIME, required=True),
    Column("rpm", Kind.NUMBER),
    Column("on", Kind.TRUTH),
    Column("state", Kind.TEXT),
]
ROW = st.tuples(
    st.integers(0, 4_000_000_000_000),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
)


def write(path: Path, columns: list[Column], *groups: list[tuple[Cell, ...]]) -> str:
    writer = ParquetWriter(columns, {"about": "é"})
    path.write_bytes(writer.begin() + b"".join(map(writer.write_rows, groups)) + writer.end())
    return str(path)


def read(path: str) -> list[tuple[Cell, ...]]:
    asked = "SELECT epoch_ms(time), * EXCLUDE (time) FROM read_parquet($path)"
    rows: list[tuple[Cell, ...]] = duckdb.connect().execute(asked, {"path": path}).fetchall()
    return rows


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet") / "rows.parquet"


@given(groups=st.lists(st.lists(ROW, min_size=1, max_size=40), max_size=20))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(path: Path, groups: list[list[tuple[Cell, ...]]]) -> None:
    assert read(write(path, COLUMNS, *groups)) == [row for group in groups for row in group]


def test_many_columns_and_long_groups(path: Path) -> None:
    """More columns and groups than a short list of the outline has, and more rows than a byte of a length tells."""
    columns = [COLUMNS[0], *(Column(f"c{n}", Kind.NUMBER) for n in range(200))]
    rows: list[tuple[Cell, ...]] = [
        (n, *(float(n * c) if (n + c) % 3 else None for c in range(200))) for n in range(700)
    ]
    assert read(write(path, columns, rows[:500], rows[500:501], rows[501:])) == rows


def test_types_and_what_it_is_about(path: Path) -> None:
    name = write(path, COLUMNS, [(0, None, None, None)])
    told = duckdb.connect().execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": name}).fetchall()
    assert [row[1] for row in told] == ["TIMESTAMP WITH TIME ZONE", "DOUBLE", "BOOLEAN", "VARCHAR"]
    about = duckdb.connect().execute("SELECT key, value FROM parquet_kv_metadata($path)", {"path": name}).fetchall()
    assert [(key.decode(), value.decode()) for key, value in about] == [("about", "é")]


def test_without_its_end_it_is_no_file(path: Path) -> None:
    writer = ParquetWriter(COLUMNS, {})
    path.write_bytes(writer.begin() + writer.write_rows([(0, 1.0, True, "x")]))
    with pytest.raises(duckdb.InvalidInputException):
        read(str(path))
