"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a creation sent again creates nothing more.

The key is claimed in the transaction of the creation itself. A second request with it waits at the unique index
until the first is through, then gets the first's answer; where the first failed, nothing happened, no key is kept,
and the second is carried out. An answer with a secret is not kept: secrets are shown once (409 says what to do).
"""

from __future__ import annotations

import hashlib
import json
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from tenants.api.problems import Problem
from tenants.replays import claim, recall

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from tenants.models import Replay

HEADER = "Idempotency-Key"
V = TypeVar("V")
P = ParamSpec("P")
Handler = "Callable[Concatenate[V, Request, P], Response]"


def idempotent(handler: Callable[Concatenate[V, Request, P], Response] | None = None, *, secret: bool = False) -> Any:
    """Decorates the `post` that creates something; `secret` where the answer shows a secret."""
    if handler is None:
        return lambda handler: idempotent(handler, secret=secret)

    @wraps(handler)
    def once(view: V, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        _check(key)
        given = {"user": request.user, "key": key, "route": request.path, "digest": _digest(request)}
        try:
            with transaction.atomic():
                replay = claim(**given)
                response = handler(view, request, *args, **kwargs)
                _keep(replay, response, secret=secret)
                return response
        except IntegrityError:
            kept = recall(user=given["user"], key=key)
            if kept is None:
                raise
            return _again(kept, given["digest"])

    once.idempotent = True  # type: ignore[attr-defined]  # for the schema
    return once


def _check(key: str) -> None:
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise ValidationError({HEADER: ["Send 1 to 255 printable characters, such as a UUID."]})


def _digest(request: Request) -> bytes:
    """Of the address, the token's reach and what was sent; files by their content."""
    digest = hashlib.sha256(f"{request.path}\n{sorted(request.user.grants)}\n".encode())
    files = request.FILES
    plain = {name: value for name, value in request.data.items() if name not in files} if files else request.data
    digest.update(json.dumps(plain, sort_keys=True, cls=DjangoJSONEncoder).encode())
    for name in sorted(files):
        digest.update(name.encode())
        for chunk in files[name].chunks():
            digest.update(chunk)
        files[name].seek(0)
    return digest.digest()


def _keep(replay: Replay, response: Response, *, secret: bool) -> None:
    replay.status = response.status_code
    replay.location = response.get("Location", "")
    replay.body = None if secret else json.loads(json.dumps(response.data, cls=DjangoJSONEncoder))
    replay.save(update_fields=["status", "location", "body"])


def _again(kept: Replay, digest: bytes) -> Response:
    if bytes(kept.digest) != digest:
        raise Problem("idempotency-key-reused")
    if kept.body is None:
        raise Problem("secret-shown-once", resource=kept.location)
    headers = {"Idempotent-Replayed": "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(kept.body, status=kept.status, headers=headers)
