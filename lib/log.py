"""Log lines without what opens doors: links that still work are paths, and paths are in messages and tracebacks."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

LINKS = re.compile(r"(/accounts/password/reset/key/|/invitations/(?!accept/))[^\s/?#\"'<>]+")


def mask_links(text: str) -> str:
    return LINKS.sub(r"\1…", text)


class Masking(logging.Formatter):
    """Format as the library does, without the tokens of links in message, traceback or stack. In UTC."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return mask_links(super().format(record))
