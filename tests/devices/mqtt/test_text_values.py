"""Values that come as texts mean what the device's recipe declares; what fits no type is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from devices.mqtt import text_values
from devices.mqtt.text_values import read_value, write_value

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from devices.mqtt.messages import Value
    from tests.conftest import World


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" 7\n", 7),
        ("+7", 7),
        ("-7", -7),
        ("007", 7),
        ("7.", 7.0),
        (".5", 0.5),
        ("-1.5e3", -1500.0),
        ("1E-2", 0.01),
        ("12345678901234567890", 12345678901234567890),
    ],
)
def test_a_number_is_read(text: str, value: float) -> None:
    found = read_value(text, "number")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["", ".", "-", "1,5", "1 2", "1e", "e1", "0x10", "nan", "inf", "true", "\u0661", "1_0", "1e1000", "9" * 41]
)
def test_what_is_no_number_stays_a_text(text: str) -> None:
    assert read_value(text, "number") == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        (" 1 ", True),
        ("False", False),
        ("0", False),
        ("yes", "yes"),
        ("", ""),
        ("2", "2"),
    ],
)
def test_a_truth_is_read(text: str, value: object) -> None:
    assert read_value(text, "boolean") is value


@pytest.mark.parametrize("kind", ["string", "gps", None, "new"])
def test_any_other_type_takes_the_text_as_it_is(kind: str | None) -> None:
    assert read_value(" 7 ", kind) == " 7 "


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (0.5, "0.5"), (True, "true"), (False, "false"), ("a “b”", "a “b”"), ("", "")]
)
def test_a_value_is_written_as_it_is_read(value: Value, text: str) -> None:
    assert write_value(value) == text
    kind = {bool: "boolean", str: "string"}.get(type(value), "number")
    assert read_value(text, kind) == value


def test_a_versions_attributes_are_asked_for_once(
    world: World, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_values, "_declared", {})
    with django_assert_num_queries(2):
        for version in (world.version.pk, world.other_version.pk, world.version.pk):
            found = text_values.read_types(version)
            assert found == {"rpm": "number", "load": "number", "engineState": "string", "registerButton": "boolean"}
    with django_assert_num_queries(1):
        assert text_values.read_types(0) == {}
