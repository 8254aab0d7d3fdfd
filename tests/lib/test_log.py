"""What stands in the log's lines: whose they are, what ended a thread, and nothing that opens doors."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from contextvars import copy_context
from typing import Any

import pytest

from lib import log

TOKEN = "3-abcdef-0123456789"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"/accounts/password/reset/key/{TOKEN}/", "/accounts/password/reset/key/…/"),
        (f"GET https://a.example/invitations/{TOKEN}?x=1 200", "GET https://a.example/invitations/…?x=1 200"),
        (f"'/invitations/{TOKEN}'", "'/invitations/…'"),
        ("/invitations/accept/", "/invitations/accept/"),
        ("/invitations/", "/invitations/"),
        (f"/invitations/{TOKEN}/ /invitations/other", "/invitations/…/ /invitations/…"),
        ("/accounts/password/reset/", "/accounts/password/reset/"),
    ],
)
def test_links_that_still_work_are_written_without_their_token(text: str, masked: str) -> None:
    assert log.mask_links(text) == masked


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\x85b\u2028c\u2029d", "a\\x85b\\u2028c\\u2029d"),
        ("a\x9bb\x7f", "a\\x9bb\\x7f"),
        ("Öl 😀", "Öl 😀"),
    ],
)
def test_what_would_begin_a_line_is_written_as_an_escape(text: str, line: str) -> None:
    assert log.write_in_one_line(text) == line


def make_record(message: str, *args: object, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("site", logging.WARNING, "", 0, message, args, fields.pop("exc_info", None))
    record.created, record.msecs = 1_796_026_500.25, 250.0
    vars(record).update(fields)
    return record


def test_a_line_for_people_has_utc_and_the_ids_that_it_is_about() -> None:
    form = log.Masking("%(asctime)s %(levelname)s %(message)s")
    with log.about(device_id="d\n1", user_id=7):
        line = form.format(make_record("%s came", "it"))
    assert line == "2026-11-30 08:15:00,250 WARNING it came [device_id=d\\n1 user_id=7]"
    assert form.format(make_record("it came")) == "2026-11-30 08:15:00,250 WARNING it came"


def test_a_line_for_programs_is_one_object_with_milliseconds() -> None:
    with log.about(request_id="r1"):
        line = log.Json().format(make_record("“%s”\n", "Öl"))
    assert json.loads(line) == {
        "time": "2026-11-30T08:15:00.250Z",
        "level": "WARNING",
        "logger": "site",
        "message": "“Öl”\\n",
        "request_id": "r1",
    }


def test_a_stack_and_a_text_of_a_traceback_are_told_too() -> None:
    told = log.Masking("%(message)s").format(make_record("failed", exc_text="Trace\n  of it", stack_info="Stack"))
    assert told == "failed\n    Trace\n      of it\n    Stack"
    told = json.loads(log.Json().format(make_record("failed", exc_text="Trace", stack_info="Stack")))["exception"]
    assert told == "Trace\nStack"
    assert "exception" not in json.loads(log.Json().format(make_record("fine", exc_info=(None, None, None))))


@pytest.mark.parametrize(
    ("data", "ids"),
    [({"id": "t1"}, {"task_id": "t1"}), ({"id": 7}, {}), ({}, {}), ("t1", {}), (None, {})],
)
def test_celerys_own_lines_name_their_task(data: object, ids: dict[str, str]) -> None:
    assert log.read_ids(make_record("received", data=data)) == ids
    with log.about(device_id="d1"):
        assert log.read_ids(make_record("received", data=data)) == {"device_id": "d1", **ids}


def test_what_is_looked_up_is_asked_when_a_line_is_written() -> None:
    def scene() -> None:
        log.begin(request_id="r1")
        who: dict[str, log.Id] = {}
        log.look_up(lambda: who)
        assert log.gather() == {"request_id": "r1"}
        who["user_id"] = 7
        assert log.gather() == {"request_id": "r1", "user_id": 7}
        with log.about(device_id="d1"):
            assert log.gather() == {"request_id": "r1", "user_id": 7, "device_id": "d1"}
        log.end()
        assert log.gather() == {}
        log.look_up(lambda: who)
        assert log.gather() == {}

    copy_context().run(scene)


def test_what_is_noted_within_ends_with_it() -> None:
    def scene() -> None:
        log.begin(request_id="r1")
        with pytest.raises(KeyError), log.about(device_id="d1"):
            raise KeyError
        assert log.gather() == {"request_id": "r1"}
        log.note(user_id=7)
        assert log.gather() == {"request_id": "r1", "user_id": 7}

    copy_context().run(scene)


@pytest.fixture
def _own_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    captured: list[bool] = []
    monkeypatch.setattr(logging, "captureWarnings", captured.append)
    log.log_what_ends_the_process()
    assert captured == [True]


def end_with(error: BaseException) -> None:
    def fail() -> None:
        raise error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


@pytest.mark.usefixtures("_own_hooks")
def test_what_ends_a_thread_is_told_in_the_logs_own_format(caplog: pytest.LogCaptureFixture) -> None:
    end_with(ValueError("it broke"))
    end_with(SystemExit(1))
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("uncaught", "CRITICAL", "it broke")
    assert record.exc_info
    assert record.exc_info[0] is ValueError


@pytest.mark.usefixtures("_own_hooks")
def test_what_ends_the_process_is_told_but_for_the_one_who_ended_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "__excepthook__", lambda kind, *_: told.append(kind))
    error = RuntimeError("gone")
    sys.excepthook(RuntimeError, error, None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [record.getMessage() for record in caplog.records] == ["gone"]
    assert told == [KeyboardInterrupt]


def test_a_line_of_a_signals_handler_passes_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(os, "write", lambda number, data: out.write(data) if number == 2 else None)
    log.write_unlocked("stopping", "100% done\nforged")
    (line,) = out.getvalue().splitlines()
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "stopping",
        "message": "100% done\\nforged",
    }

    def fail(*_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", fail)
    log.write_unlocked("stopping", "nobody reads")
