"""What the factory flashed into gateways, and its file of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firmware_sim.identity import BadInput, Identity, normalise_serial, read_factory_file, require_serial

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "serial,device_id,access_key,access_secret\n"


@pytest.mark.parametrize(
    ("given", "serial", "printed"),
    [
        ("7K3MQ2XW9TBC", "7K3MQ2XW9TBC", "7K3M Q2XW 9TBC"),
        ("7k3mq2xw9tbc", "7K3MQ2XW9TBC", "7K3M Q2XW 9TBC"),
        ("7k3mq2-xw9tbc", "7K3MQ2XW9TBC", "7K3MQ2-XW9TBC"),
        (" 7K3 MQ2XW9TBC", "7K3MQ2XW9TBC", " 7K3 MQ2XW9TBC"),
        ("A1", "A1", "A1"),
        ("12345", "12345", "1234 5"),
    ],
)
def test_a_serial_is_printed_in_groups(given: str, serial: str, printed: str) -> None:
    identity = Identity(given, "id1", "key", "secret")
    assert (identity.serial, identity.printed_serial) == (serial, printed)
    assert normalise_serial(printed) == serial


@pytest.mark.parametrize("serial", ["", " ", "-", "a/b", "a_b", "a.b", "ä1", "\uff11\uff12", "a\0b"])
def test_what_can_stand_on_no_label_is_refused(serial: str) -> None:
    with pytest.raises(ValueError, match="serial"):
        require_serial(serial)


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        (("", "id", "key", "secret"), "serial is empty"),
        (("A1", "", "key", "secret"), "device_id is empty"),
        (("A1", "id", "", "secret"), "access_key is empty"),
        (("A1", "id", "key", ""), "access_secret is empty"),
        (("A1", "id/+", "key", "secret"), "device_id has characters"),
        (("A1", "#", "key", "secret"), "device_id has characters"),
        (("A1", "ïd", "key", "secret"), "device_id has characters"),
    ],
)
def test_no_gateway_comes_without_all_of_it(fields: tuple[str, ...], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        Identity(*fields)


def read(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[Identity]:
    file = tmp_path / "result.csv"
    file.write_bytes(text.encode(encoding))
    return [*read_factory_file(file)]


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "A1,b,c,d\n",
        "\ufeff" + HEADER + "A1,b,c,d\r\n",
        "access_secret,name,serial,device_id,access_key\nd,Pump,A1,b,c\n",
        '"serial", "device_id", "access_key", "access_secret"\n"A1", "b", "c", "d"\n',
        HEADER + "\nA1 , b,c ,d\n\n",
        HEADER + "A1,b,c,d,and more\n",
    ],
)
def test_a_factorys_file_is_read_by_its_header(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [Identity("A1", "b", "c", "d")]


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "result.csv"
    file.write_text(HEADER + "A1,b,c,d\nA2,,c,d\n")
    rows = read_factory_file(file)
    assert next(rows).serial == "A1"
    with pytest.raises(BadInput, match="line 3: device_id is empty"):
        next(rows)


def test_the_same_serial_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 4: serial A1 is already on line 2"):
        read(tmp_path, HEADER + "A-1,b,c,d\nA2,b,c,d\na 1,b,c,d\n")


def test_another_encoding_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a UTF-8 CSV file"):
        read(tmp_path, HEADER + "Ä1,b,c,d\n", "latin-1")
