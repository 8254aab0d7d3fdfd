"""A label whose QR code proves who holds it: TR005 with an owner token."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from firmware_sim.doors import Given
from firmware_sim.flash import Kept
from firmware_sim.identity import BadInput
from firmware_sim.owner_token import DOORS, compute_checksum, write_label

GIVEN = Given("7k3m q2xw-9tbc", "0wner-T0ken", "66f0c0ffee66f0c0ffee0001", "key-1", "secret-1")


def walk(given: Given) -> Kept:
    walking = DOORS["owner-token"].walk(given)
    with pytest.raises(StopIteration) as done:
        next(walking)
    kept: Kept = done.value.value
    return kept


def test_it_asks_nobody_and_keeps_what_its_factory_gave() -> None:
    assert not DOORS["owner-token"].asks
    kept = walk(GIVEN)
    assert kept.identity.serial == "7K3MQ2XW9TBC"
    assert (kept.device_id, kept.access_key, kept.access_secret) == ("66f0c0ffee66f0c0ffee0001", "key-1", "secret-1")
    assert kept.label == write_label(GIVEN.serial, GIVEN.token)


def test_the_label_has_the_token_the_serial_and_a_checksum() -> None:
    label = write_label("7k3m q2xw-9tbc", "0wner-T0ken")
    found = re.fullmatch(r"LW:D0:0{16}:([0-9A-F]{16}):FFFF0001:O0wner-T0ken:S7K3MQ2XW9TBC:C([0-9A-F]{4})", label)
    assert found
    assert int(found[2], 16) == compute_checksum(label.rpartition(":C")[0])
    assert write_label("7K3MQ2XW9TBC", "0wner-T0ken") == label
    assert write_label("7K3MQ2XW9TBD", "0wner-T0ken")[6:40] != label[6:40]


@pytest.mark.parametrize(("text", "checksum"), [("", 0xFFFF), ("123456789", 0x4B37), ("A", 0x707F)])
def test_the_checksum_is_modbuss(text: str, checksum: int) -> None:
    assert compute_checksum(text) == checksum


@pytest.mark.parametrize(
    "token", ["", "short-7", "x" * 101, "with a space", "colon:inside", "ümlaut-in-it", "line\nfeed-in"]
)
def test_what_can_be_no_owner_token_is_refused(token: str) -> None:
    with pytest.raises(BadInput, match="Bad --token"):
        walk(replace(GIVEN, token=token))


@pytest.mark.parametrize("token", ["8-signs.", "x" * 100, "!\"#$%&'()*+,-./;<=>?@[]^_`{|}~"])
def test_any_visible_sign_but_a_colon_may_be_in_it(token: str) -> None:
    assert f":O{token}:S" in walk(replace(GIVEN, token=token)).label


def test_what_its_factory_gave_is_not_told_by_chance() -> None:
    assert "0wner" not in repr(GIVEN)
    assert "secret-1" not in repr(GIVEN)
    assert "0wner" not in repr(walk(GIVEN))
