"""Sessions in the database that end when nobody used them for a while, and in any case after a longer one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from lib.prepared import prepared

if TYPE_CHECKING:
    from django.db.models import QuerySet

STARTED = "started"  # when somebody signed in, in seconds


class SessionStore(db.SessionStore):
    """Store sessions as Django does; the row's end is what counts, whatever the cookie says."""

    def _get_session_from_db(self) -> Session | None:
        found = next(iter(_select_session(self.session_key)), None) if self.session_key else None
        if found and found.expire_date > timezone.now():
            return found
        self._session_key = None
        return None

    def save(self, must_create: bool = False) -> None:
        loaded = getattr(self, "_session_cache", {})  # asking for it would read the row
        if SESSION_KEY in loaded and STARTED not in loaded:
            self[STARTED] = time.time()
        super().save(must_create)

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        idle = timezone.now() + timedelta(minutes=settings.SESSION_IDLE_MINUTES)
        if not (started := self.get(STARTED)):
            return idle
        return min(idle, datetime.fromtimestamp(started, UTC) + timedelta(seconds=settings.SESSION_COOKIE_AGE))


@prepared
def _select_session(key: str) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key)
