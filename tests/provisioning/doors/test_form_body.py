"""What firmware sends as a form is read, encoded or raw, in UTF-8 or Latin-1."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.doors.activate.form_body import parse_form, parse_names, write_form

READ = [
    (b"rpm=1800.5", [("rpm", "1800.5")]),
    (b"rpm=1&load=2\r\n", [("rpm", "1"), ("load", "2")]),
    (b"a b=c%20d+e", [("a b", "c d+e")]),
    (b"engineState=a b&c=d+e%20\xfc", [("engineState", "a b"), ("c", "d+e ü")]),
    ("engineState=ü".encode(), [("engineState", "ü")]),
    (b"engineState=%C3%BC", [("engineState", "ü")]),
    (b"engineState=%FC", [("engineState", "ü")]),
    (b'data_in={"rpm": 1800, "x": "a&b"}', [("data_in", '{"rpm": 1800, "x": "a&b"}')]),
    (b'config_io={"a": "b c&d=e"}&rpm=1', [("config_io", '{"a": "b c&d=e"}'), ("rpm", "1")]),
    (b'x={"a": 1&rpm=2', [("x", '{"a": 1'), ("rpm", "2")]),
    (b'x="a&b"c&rpm=2', [("x", '"a'), ('b"c', ""), ("rpm", "2")]),
    (b"x=a=b==&y", [("x", "a=b=="), ("y", "")]),
    (b"x=100%&y=%zz", [("x", "100%"), ("y", "%zz")]),
    (b"&&=&", [("", "")]),
    (b"", []),
]


@pytest.mark.parametrize(("body", "read"), READ)
def test_a_body_is_read(body: bytes, read: list[tuple[str, str]]) -> None:
    assert parse_form(body) == read


@given(st.binary())
def test_whatever_comes_is_read(body: bytes) -> None:
    for name, value in parse_form(body):
        assert isinstance(name + value, str)


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_what_is_encoded_comes_back(values: list[tuple[str, str]]) -> None:
    assert parse_form(write_form(values).encode()) == values


def test_names_are_listed_once() -> None:
    assert parse_names("rpm&load&rpm&&x=1&%C3%BC") == ["rpm", "load", "x", "ü"]
    assert parse_names("") == []


def test_a_body_that_is_made_to_be_slow_is_not() -> None:
    began = time.process_time()
    parse_form(b'a={"": "' * 8000 + b"&" * 8000)
    parse_form(b'a=["&' * 13000)
    parse_form(b"a=" + b"[" * 65000)
    assert time.process_time() - began < 2
