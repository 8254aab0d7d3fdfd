"""A token that somebody signed for devices: read with suspicion, and checked by the keys of a door.

A token says by itself only which issuer to ask for; whose it is, which algorithm counts and which keys there are says
the door. What a header offers besides (`jwk`, `jku`, `x5u`, `x5c`) is not looked at. Sources: RFC 7515, 7519, 8725.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence  # of a NamedTuple
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from lib.parsing import is_storable
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.jwt import keys
from provisioning.models import Door, DoorKey

if TYPE_CHECKING:
    from lib.refusals import Kind

LONGEST = 8_192  # characters of a token
MOST_KEYS = 20  # of a door
LONGEST_NAME = 200  # of an issuer, of a key, of a token
PART = re.compile(r"[A-Za-z0-9_-]+\Z", re.ASCII)


class Read(NamedTuple):
    """Hold what a token says of itself before anything of it is believed."""

    text: str
    algorithm: str
    key_name: str
    issuer: str


class Keyed(NamedTuple):
    """Hold a door, and the keys by which it knows who signs."""

    door: Door
    keys: Sequence[DoorKey]


class Checked(NamedTuple):
    """Hold what a door's key signed."""

    door: Door
    key: DoorKey
    claims: dict[str, Any]


def read_token(text: object) -> Read:
    """Read the token's header and issuer. Raises Refusal."""
    if not isinstance(text, str) or not text:
        raise _unreadable("there is none")
    if len(text) > LONGEST:
        raise _unreadable(f"it is longer than {LONGEST} characters")
    parts = text.split(".")
    if len(parts) != 3 or not all(map(PART.match, parts)):
        raise _unreadable("it has not three parts in base64url")
    header, claims = _read_part(parts[0]), _read_part(parts[1])
    if "crit" in header:
        raise _unreadable("its header has `crit`, which asks for what we don't know")
    if header.get("b64") is False:
        raise _unreadable("its header has `b64`, which leaves out what it claims")
    algorithm, name, issuer = header.get("alg"), header.get("kid", ""), claims.get("iss")
    if not isinstance(algorithm, str) or not isinstance(name, str) or len(name) > LONGEST_NAME:
        raise _unreadable("its header names no algorithm, or no key, in text")
    if not isinstance(issuer, str) or not 0 < len(issuer) <= LONGEST_NAME or not is_storable(issuer):
        raise _unreadable("it names no issuer")
    return Read(text, algorithm, name, issuer)


def check_token(token: Read, doors: Sequence[Keyed]) -> Checked:
    """Find the key of these doors that signed the token, and check what it says. Raises Refusal.

    `doors` are one organisation's, and its issuer's.
    """
    taking = [keyed for keyed in doors if token.algorithm in keyed.door.settings["algorithms"]]
    if not taking:
        raise Refusal(refusals.DOOR_TOKEN_ALGORITHM)
    _require_whole(token)
    for door, key in _list_candidates(token, taking):
        try:
            return Checked(door, key, _decode(token, door, key))
        except InvalidSignatureError:
            continue
        except Refusal as refusal:
            raise AtDoor(door, refusal) from None
    raise Refusal(refusals.DOOR_TOKEN_SIGNATURE)


def _require_whole(token: Read) -> None:
    """Raise Refusal where a part is not as base64url writes it: each has one writing (RFC 4648, 3.5)."""
    for name, part in zip(("header", "part of claims", "signature"), token.text.split("."), strict=True):
        try:
            written = base64.urlsafe_b64encode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        except binascii.Error:
            written = b""
        if written.decode().rstrip("=") != part:
            raise _unreadable(f"its {name} is no base64url: it is cut, longer than it was made, or changed")


class AtDoor(Exception):
    """Say at which of several doors a token is refused whose signature is right."""

    def __init__(self, door: Door, refusal: Refusal) -> None:
        super().__init__(door, refusal)
        self.door, self.refusal = door, refusal


def _list_candidates(token: Read, doors: Sequence[Keyed]) -> list[tuple[Door, DoorKey]]:
    """Return the keys of the token's algorithm: those of its name, else those without one, or all for a token that
    names none."""
    own = [(door, key) for door, keys_ in doors for key in keys_ if key.algorithm == token.algorithm]
    if token.key_name:
        own = [each for each in own if each[1].name == token.key_name] or [each for each in own if not each[1].name]
    return own[: MOST_KEYS * len(doors)]


def _decode(token: Read, door: Door, key: DoorKey) -> dict[str, Any]:
    """Return what the token claims. Raises InvalidSignatureError, and Refusal for what is wrong besides."""
    audience, once = door.settings.get("audience") or None, door.settings.get("once")
    required = ["iss", *(["exp"] if door.settings.get("expires") else []), *(["jti"] if once else [])]
    try:
        claims: dict[str, Any] = jwt.decode(
            token.text,
            keys.load(key),
            algorithms=[key.algorithm],
            audience=audience,
            issuer=token.issuer,
            leeway=door.settings.get("leeway", 0),
            options={"require": required, "verify_aud": bool(audience), "enforce_minimum_key_length": True},
        )
    except InvalidSignatureError:
        raise
    except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refusal(**_explain(error)) from None
    return claims


def _explain(error: Exception) -> dict[str, Any]:
    kinds: dict[type[Exception], Kind] = {
        ExpiredSignatureError: refusals.DOOR_TOKEN_EXPIRED,
        ImmatureSignatureError: refusals.DOOR_TOKEN_EARLY,
        InvalidAudienceError: refusals.DOOR_TOKEN_AUDIENCE,
    }
    if (kind := kinds.get(type(error))) is not None:
        return {"kind": kind}
    if isinstance(error, MissingRequiredClaimError):
        missing = {"exp": refusals.DOOR_TOKEN_ENDLESS, "jti": refusals.DOOR_TOKEN_UNNAMED}
        return {"kind": missing.get(error.claim, refusals.DOOR_TOKEN_AUDIENCE)}
    return {"kind": refusals.DOOR_TOKEN_UNREADABLE, "what": "a claim of it has a wrong type or value"}


def _read_part(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        content = json.loads(raw.decode(), object_pairs_hook=_make_object, parse_constant=_refuse_constant)
    except (binascii.Error, ValueError, RecursionError):
        raise _unreadable("a part of it is no JSON, or says something twice") from None
    if not isinstance(content, dict):
        raise _unreadable("a part of it is no JSON object")
    return content


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("the same key twice")
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _unreadable(what: str) -> Refusal:
    return Refusal(refusals.DOOR_TOKEN_UNREADABLE, what=what)
