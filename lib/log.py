"""Log lines: one line each whatever is in the message, with the ids that they are about, without what opens doors.

Links that still work are paths, and paths are in messages and tracebacks.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Id = str | int
    Look = Callable[[], Mapping[str, Id]]

LINKS = re.compile(r"(/accounts/password/reset/key/|/invitations/(?!accept/))[^\s/?#\"'<>]+")
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What ends a line, moves a terminal's cursor, or is read as the end of a line by who collects logs."""
INDENT = "    "


def mask_links(text: str) -> str:
    return LINKS.sub(r"\1…", text)


def write_in_one_line(text: str) -> str:
    """Return the text with what would begin another line written as an escape: nobody else's words look like a line."""
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


# What lines are about -------------------------------------------------------------------------


class About:
    """Hold what one request, task or device's message is known to be about; more is noted as it is found out."""

    def __init__(self, **ids: Id) -> None:
        self.ids: dict[str, Id] = ids
        self.look: Look | None = None  # asked for more when a line is written

    def gather(self) -> dict[str, Id]:
        return {**self.ids, **(self.look() if self.look else {})}


_about: ContextVar[About | None] = ContextVar("about", default=None)


def begin(**ids: Id) -> None:
    """Say what the lines of this context (a request's coroutine and its threads, a task's thread) are about."""
    _about.set(About(**ids))


def end() -> None:
    _about.set(None)


@contextmanager
def about(**ids: Id) -> Iterator[None]:
    """Say so of the lines within, beside what is known already."""
    token = _about.set(About(**gather(), **ids))
    try:
        yield
    finally:
        _about.reset(token)


def note(**ids: Id) -> None:
    """Note what has been found out: where nothing was begun, nothing is noted."""
    if (known := _about.get()) is not None:
        known.ids.update(ids)


def look_up(look: Look) -> None:
    """Have `look`, which asks nobody, tell more ids when a line is written."""
    if (known := _about.get()) is not None:
        known.look = look


def gather() -> dict[str, Id]:
    """Return the ids that lines of now have: request_id, user_id, organisation_id, device_id, task_id, where known."""
    known = _about.get()
    return known.gather() if known else {}


# Formats --------------------------------------------------------------------------------------


class Masking(logging.Formatter):
    """Format for people, without the tokens of links in message, traceback or stack. In UTC.

    A message is one line; a traceback's lines are indented, so that none of them looks like another message.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.message = write_in_one_line(record.getMessage())
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        ids = " ".join(f"{name}={write_in_one_line(str(value))}" for name, value in read_ids(record).items())
        text = self.formatMessage(record) + (f" [{ids}]" if ids else "")
        for block in self.list_blocks(record):
            text += "".join(f"\n{INDENT}{write_in_one_line(line)}" for line in block.split("\n"))
        return mask_links(text)

    def list_blocks(self, record: logging.LogRecord) -> list[str]:
        """Return traceback and stack, where there are any."""
        trace = self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else record.exc_text
        return [each for each in (trace, record.stack_info) if each]


class Json(Masking):
    """Format for programs: one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": mask_links(write_in_one_line(record.getMessage())),
        }
        if blocks := self.list_blocks(record):
            fields["exception"] = mask_links("\n".join(blocks))
        return json.dumps(fields | read_ids(record))


def read_ids(record: logging.LogRecord) -> dict[str, Id]:
    """Return what the line is about; Celery's own lines name the task beside the message."""
    data = getattr(record, "data", None)
    task = {"task_id": data["id"]} if isinstance(data, dict) and isinstance(data.get("id"), str) else {}
    return gather() | task


def write_unlocked(logger: str, text: str) -> None:
    """Write a line of JSON past all handlers: from a signal's, which may have come while one of those was writing."""
    record = logging.LogRecord(logger, logging.INFO, "", 0, "%s", (text,), None)
    with suppress(OSError):
        os.write(2, f"{Json().format(record)}\n".encode())


def log_what_ends_the_process() -> None:
    """Have the log tell warnings and what nothing caught, in its own format."""
    logging.captureWarnings(True)
    log = logging.getLogger("uncaught")

    def tell(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            log.critical("%s", error, exc_info=(kind, error, trace))

    def tell_of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            tell(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook = tell, tell_of_thread
