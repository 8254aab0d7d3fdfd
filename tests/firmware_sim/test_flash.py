"""What a gateway keeps over a restart is whole, its owner's alone, and nobody else's."""

from __future__ import annotations

import json
import stat
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from firmware_sim.flash import Draft, Kept, read_kept
from firmware_sim.identity import BadInput

KEPT = Kept("7k3m q2xw-9tbc", "66f0c0ffee66f0c0ffee0001", "key-1", "secret-1", "mqtts://b.example:8883", "LW:D0:…")


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    file = tmp_path / "firmware" / "own.json"
    with Draft(file) as draft:
        draft.keep(KEPT)
    assert read_kept(file, "7K3MQ2XW9TBC") == KEPT
    assert (permissions(file), permissions(file.parent)) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["own.json"]


def test_a_door_that_gives_nothing_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    with Draft(file):
        assert len([*tmp_path.iterdir()]) == 1
    assert [*tmp_path.iterdir()] == []
    assert read_kept(file, "7K3MQ2XW9TBC") is None


def test_of_several_starts_at_once_the_last_counts(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    with Draft(file) as first, Draft(file) as second:
        second.keep(KEPT)
        first.keep(replace(KEPT, access_key="key-2"))
    kept = read_kept(file, KEPT.serial)
    assert kept
    assert kept.access_key == "key-2"
    assert [path.name for path in tmp_path.iterdir()] == ["own.json"]


def test_no_room_is_told_before_a_door_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"Cannot keep anything in .* Name another file with --flash"):
        Draft(tmp_path / "file" / "own.json")


def test_what_can_not_be_written_in_the_end_is_told_as_lost(tmp_path: Path) -> None:
    folder = tmp_path / "own.json"
    with Draft(folder) as draft:
        folder.mkdir()
        with pytest.raises(BadInput, match="It is lost: an admin can give the device another one"):
            draft.keep(KEPT)
    assert [path.name for path in tmp_path.iterdir()] == ["own.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        json.dumps({**asdict(KEPT), "more": 1}),
        json.dumps({**asdict(KEPT), "device_id": ""}),
        json.dumps({**asdict(KEPT), "device_id": "a/b"}),
        json.dumps({**asdict(KEPT), "serial": None}),
        json.dumps({**asdict(KEPT), "access_key": ""}),
        "[" * 20_000,
    ],
)
def test_a_file_that_this_program_did_not_keep_is_not_believed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "own.json"
    file.write_text(text)
    with pytest.raises(BadInput, match="is no file that this program kept"):
        read_kept(file, KEPT.serial)


def test_another_gateways_file_is_not_this_ones(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps(asdict(KEPT)))
    with pytest.raises(BadInput, match="is of the gateway 7K3MQ2XW9TBC"):
        read_kept(file, "7K3MQ2XW9TBD")


def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Cannot read .* Name another file with --flash"):
        read_kept(tmp_path, KEPT.serial)


def test_an_earlier_programs_file_is_still_read(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    former = {name: value for name, value in asdict(KEPT).items() if name not in ("mqtt_url", "label")}
    file.write_text(json.dumps(former))
    assert read_kept(file, KEPT.serial) == replace(KEPT, mqtt_url="", label="")


def test_its_secret_is_not_told_by_chance() -> None:
    assert "secret-1" not in repr(KEPT)
    assert "secret-1" not in repr(KEPT.identity)
