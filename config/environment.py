"""The variables of the settings: the process's own, then those of `.env` beside manage.py."""

from __future__ import annotations

import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

FILE = Path(__file__).resolve().parent.parent / ".env"


def load() -> environ.Env:
    """Return the environment with what `.env` adds; the demo has defaults of its own and reads none."""
    env = environ.Env()
    if not env.bool("DEMO", default=False) and FILE.exists():
        if not os.access(FILE, os.R_OK):
            raise ImproperlyConfigured(f"{FILE} can't be read by this account: make it the owner (chown) of the file.")
        env.read_env(FILE)
    return env
