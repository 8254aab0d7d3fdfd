"""Whether a sign-in still stands, for what goes on after its request: live streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.sessions.models import Session
from django.db.models import Exists
from django.db.models.functions import Now

from tenants.models import User

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase
    from django.db.models import QuerySet


def standing(user: User, session: SessionBase) -> QuerySet[User]:
    """The user, for as long as nobody disabled them, ended their sessions or changed their password, and they are
    signed in with this very session, a row as `SESSION_ENGINE`'s default has it. Evaluated anew by whoever asks."""
    here = Session.objects.filter(session_key=session.session_key or "", expire_date__gt=Now())
    return User.objects.filter(Exists(here), pk=user.pk, is_active=True, epoch=user.epoch)
