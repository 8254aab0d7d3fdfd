"""Who sends a large body, and may they: asked of the session or the token alone, before the body is read."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import reverse

from lib import streaming
from tenants.models import User
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from collections.abc import Hashable

    from django.http import HttpRequest

ROOM = 1 << 20  # for the rest of a form that brings a file
ROUTES = ("devices:import-new", "devices:api-imports")


class Sender(NamedTuple):
    """Hold who sends a body, and how many bytes of it are taken."""

    user: User | None
    most: int


def compute_largest_body() -> int:
    return int(settings.IMPORT_MAX_BYTES) + ROOM


def is_upload(scope: dict[str, Any]) -> bool:
    """Return whether this is where a file is uploaded."""
    return scope["method"] == "POST" and scope["path"] in {reverse(name) for name in ROUTES}


def identify_sender(scope: dict[str, Any]) -> Sender:
    """Find the sender by the session or the token; the views behind ask again, in full."""
    request = ASGIRequest(scope, BytesIO())
    try:
        user = _find_user_by_token(request) if "Authorization" in request.headers else _find_user_by_session(request)
        if user is None:
            return Sender(None, settings.ANONYMOUS_BODY_BYTES)
        may_import = is_upload(scope) and user.organisation_id is not None and user.owns_organisation
        return Sender(user, compute_largest_body() if may_import else settings.BODY_BYTES)
    finally:
        streaming.give_back_connection()


def _find_user_by_token(request: ASGIRequest) -> User | None:
    scheme, _, secret = request.headers["Authorization"].partition(" ")
    token = tokens.find_token(secret.strip()) if scheme.lower() == "bearer" else None
    return token.user if token else None


def _find_user_by_session(request: ASGIRequest) -> User | None:
    """Find the session's user. Another site's form brings none (SameSite); htmx's CSRF token (a header) is checked."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(request)
    return user if isinstance(user, User) and not _is_forged(request) else None


def _is_forged(request: ASGIRequest) -> bool:
    if settings.CSRF_HEADER_NAME not in request.META:
        return False
    check = CsrfViewMiddleware(_answer_nothing)
    check.process_request(request)
    return check.process_view(request, _answer_nothing, (), {}) is not None


def _answer_nothing(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


_going: Counter[Hashable] = Counter()


class Upload:
    """Count one of the uploads that go on at once."""

    def __init__(self, keys: list[Hashable]) -> None:
        self._keys = keys
        _going.update(keys)

    def end(self) -> None:
        _going.subtract(self._keys)
        for key in self._keys:
            if _going[key] <= 0:
                del _going[key]
        self._keys = []


def begin_upload(sender: Sender) -> Upload | None:
    """Begin an upload; return None where as many of this person or organisation go on in this process as may."""
    assert sender.user is not None
    person, organisation = ("person", sender.user.pk), ("organisation", sender.user.organisation_id)
    if _going[person] >= settings.UPLOADS_PERSON or _going[organisation] >= settings.UPLOADS_ORGANISATION:
        return None
    return Upload([person, organisation])
