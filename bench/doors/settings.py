"""The site's settings, with the bare views of bench.doors.urls beside its own."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.doors.urls"
