"""Doors for tests, and what devices send to them."""

from __future__ import annotations

from typing import Any

import jwt
from django.test import Client

from provisioning.doors.jwt import keys
from provisioning.models import Door, DoorKey, JwtIssuer

SECRET = "a shared secret of thirty-two bytes, or more"


def make_jwt_door(version: Any, *, issuer: str = "factory.example", **fields: Any) -> Door:
    """A door of signed tokens with one shared secret."""
    organisation = version.recipe.organisation
    JwtIssuer.objects.get_or_create(name=issuer, organisation=organisation)
    settings = {"issuer": issuer, "algorithms": ["HS256"], **fields.pop("settings", {})}
    shown = {"kind": Door.Kind.JWT, "name": fields.pop("name", "Factory"), "recipe": version.recipe}
    door = Door.objects.create(organisation=organisation, settings=settings, **shown, **fields)
    add_key(door, keys.read_secret(SECRET))
    return door


def add_key(door: Door, given: keys.Given) -> DoorKey:
    return DoorKey.objects.create(door=door, name=given.name, algorithm=given.algorithm, material=keys.keep(given))


def sign(claims: dict[str, Any] | None = None, key: Any = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    return jwt.encode({"iss": "factory.example", **(claims or {})}, key, algorithm, headers=headers or None)


def call(body: Any, path: str = "/api/register-device", **extra: Any) -> Any:
    return Client().post(path, body, content_type="application/json", **extra)


def register(identity: str, token: str | None = None, **extra: Any) -> Any:
    return call({"token": token or sign(), "manufacturerId": identity}, **extra)
