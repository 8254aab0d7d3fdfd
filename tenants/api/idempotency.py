"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a creation sent again creates nothing more.

The key is claimed in the transaction of the creation itself. A second request with it waits at the unique index
until the first is through, then gets the first's answer; where the first failed, nothing happened, no key is kept,
and the second is carried out. An answer with a secret is not kept: secrets are shown once (409 says what to do).
"""

from __future__ import annotations

import hashlib
import json
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from lib.refusals import Refusal
from tenants import refusals
from tenants.api.idempotency_records import claim_key, recall_answer
from tenants.api.problems import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

    from tenants.models import IdempotencyRecord, User

HEADER = "Idempotency-Key"
F = TypeVar("F", bound="Callable[..., Response]")


def idempotent(*, secret: bool = False) -> Callable[[F], F]:
    """Decorate the `post` that creates something; `secret` where the answer shows a secret."""

    def decorate(handler: F) -> F:
        @wraps(handler)
        def once(view: object, request: Request, *args: object, **kwargs: object) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return handler(view, request, *args, **kwargs)
            _check_key(key)
            return _carry_out_once(key, request, lambda: handler(view, request, *args, **kwargs), secret=secret)

        once.idempotent = True  # type: ignore[attr-defined]  # for the schema
        return cast("F", once)

    return decorate


def _carry_out_once(key: str, request: Request, carry_out: Callable[[], Response], *, secret: bool) -> Response:
    user = cast("User", request.user)
    digest = _hash_request(request, user)
    try:
        with transaction.atomic():
            record = claim_key(user=user, key=key, route=request.path, digest=digest)
            response = carry_out()
            _keep_answer(record, response, secret=secret)
            return response
    except IntegrityError:
        earlier = recall_answer(user=user, key=key)
        if earlier is None:
            raise
        return _answer_again(earlier, digest)


def _check_key(key: str) -> None:
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadQuery({HEADER: ["Send 1 to 255 printable characters, such as a UUID."]}, where="header")


def _hash_request(request: Request, user: User) -> bytes:
    """Hash the address, the token's reach and what was sent; files by their content."""
    digest = hashlib.sha256(f"{request.path}\n{sorted(user.grants)}\n".encode())
    files: Any = request.FILES
    data: Any = request.data
    plain = {name: value for name, value in data.items() if name not in files} if files else data
    digest.update(json.dumps(plain, sort_keys=True, cls=DjangoJSONEncoder).encode())
    for name in sorted(files):
        digest.update(name.encode())
        for chunk in files[name].chunks():
            digest.update(chunk)
        files[name].seek(0)
    return digest.digest()


def _keep_answer(record: IdempotencyRecord, response: Response, *, secret: bool) -> None:
    record.status = response.status_code
    record.location = response.get("Location", "")
    record.body = "" if secret else json.dumps(response.data, cls=JSONEncoder)  # as it was rendered
    record.save(update_fields=["status", "location", "body"])


def _answer_again(kept: IdempotencyRecord, digest: bytes) -> Response:
    if bytes(kept.digest) != digest:
        raise Refusal(refusals.IDEMPOTENCY_KEY_REUSED)
    if not kept.body:
        raise Refusal(refusals.SECRET_SHOWN_ONCE, members={"resource": kept.location})
    headers = {"Idempotent-Replayed": "true"} | ({"Location": kept.location} if kept.location else {})
    return Response(json.loads(kept.body), status=kept.status, headers=headers)
