"""Doors for tests, and what devices send to them."""

from __future__ import annotations

from typing import Any

import jwt
from django.test import Client

from provisioning.doors.approval import decisions
from provisioning.doors.approval import operations as approval
from provisioning.doors.jwt import keys
from provisioning.models import Door, DoorKey, JwtIssuer, ProvisioningOperation
from tenants.models import Role, User
from tests import builders

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


# Approval --------------------------------------------------------------------------------------


def make_approval_door(version: Any, *, identity: str = "", **fields: Any) -> tuple[Door, str]:
    """A door of approval, and a provisioning token of it."""
    organisation = version.recipe.organisation
    settings = {"waits": 60, "token_days": 90, "credential_days": 30, **fields.pop("settings", {})}
    shown = {"kind": Door.Kind.APPROVAL, "name": fields.pop("name", "Field"), "recipe": version.recipe}
    door = Door.objects.create(organisation=organisation, settings=settings, **shown, **fields)
    return door, make_provisioning_token(door, identity)


def make_provisioning_token(door: Door, identity: str = "") -> str:
    maker = User.objects.filter(organisation=door.organisation).first() or builders.make_user(
        f"maker@{door.organisation.slug}.example", door.organisation.root, Role.ADMIN
    )
    return approval.make_token(door=door, by=maker, identity=identity)[1]


class Sdk:
    """What the vendor's SDK sends, byte for byte as it was seen, one connection a request."""

    def __init__(self, token: str, **extra: Any) -> None:
        self.token, self.extra, self.registration = token, extra, ""

    def send(self, method: str, path: str, body: str, token: str = "") -> Any:
        headers: dict[str, Any] = {"HTTP_ACCEPT": "*/*", "HTTP_USER_AGENT": "ureq/2.12.1"}
        headers["HTTP_AUTHORIZATION"] = f"DeviceToken {token or self.token}"
        return Client().generic(method, path, body.encode(), "application/json", **headers, **self.extra)

    def init(self, own_id: str = "") -> Any:
        body = f'{{"deviceId":"{own_id}"}}' if own_id else "{}"
        return self.send("POST", "/provisioning-operations/init", body)

    def complete(self, operation: str) -> Any:
        body = f'{{"provisioningOperationId":"{operation}"}}'
        return self.send("PUT", "/provisioning-operations/complete", body)

    def register(self, token: str) -> Any:
        return self.send("PUT", "/devices/register", '{"connectionStringType":"SharedAccessSignature"}', token)

    def refresh(self, token: str) -> Any:
        return self.send("PUT", "/devices/registration-tokens/refresh", f'{{"registrationToken":"{token}"}}')

    def get_approved(self, by: User, own_id: str = "", **fields: Any) -> str:
        """Ask to come in, be approved, and return the registration token."""
        started = self.init(own_id).json()["provisioningOperationId"]
        approve(started, by, **fields)
        return str(self.complete(started).json()["registrationToken"])


def get_operation(key: str) -> ProvisioningOperation:
    return ProvisioningOperation.objects.select_related("door", "token").get(key=key)


def approve(key: str, by: User, **fields: Any) -> None:
    """As somebody who stands before the device."""
    operation = get_operation(key)
    decisions.approve_operation(operation=operation, by=by, **{"code": str(operation), **fields})
