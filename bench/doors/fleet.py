"""A registry with many devices, a door of each kind, and what is sent to it."""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTING = 100
FORM = "application/x-www-form-urlencoded"
SECRET = "a shared secret of thirty-two bytes, or more"


class Sent(NamedTuple):
    """Hold a request, one of its kind, and which status is a success."""

    method: str
    path: str
    body: str
    kind: str = "application/json"
    headers: dict[str, str] = {}
    status: int = 200


Make = Callable[[], Sent]


class Pair(NamedTuple):
    """Hold what makes the requests of a door, and of the bare view."""

    door: Make
    bare: Make


def make_serials() -> Iterator[str]:
    return (f"B{number:09d}" for number in itertools.count())


def list_devices(version: Any, names: Iterator[str], number: int) -> list[Any]:
    from devices.identity import serials
    from devices.models import Device

    made: list[Any] = []
    for begin in range(0, number, 5000):
        taken = list(itertools.islice(names, min(5000, number - begin)))
        rows = [
            Device(
                organisation=version.recipe.organisation, version=version, serial=name, serial_key=serials.fold(name)
            )
            for name in taken
        ]
        made += Device.objects.bulk_create(rows)
    return made


def fill(number: int, known: int) -> tuple[dict[str, Pair], list[str]]:
    """Make the fleet and a door of each kind; return them, and the IDs of devices that report."""
    from django.core.management import call_command
    from django.db import connection

    from devices.models import Credential
    from tenants.models import Role
    from tests import builders

    call_command("migrate", verbosity=0)
    organisation = builders.make_organisation("Bench")
    version = builders.make_recipe(organisation)
    version.identity = {"kind": "opaque"}
    version.save()
    by = builders.make_user("admin@bench.example", organisation.root, Role.ADMIN)
    names = make_serials()
    fleet = list_devices(version, names, number)
    for begin in range(0, number, 5000):
        Credential.objects.bulk_create(
            Credential(device=device, access_key=secrets.token_hex(16), secret_hash=secrets.token_bytes(32))
            for device in fleet[begin : begin + 5000]
        )
    pairs = make_pairs(version, by, names, known)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    return pairs, [device.device_id for device in fleet[:REPORTING]]


def make_pairs(version: Any, by: Any, names: Iterator[str], known: int) -> dict[str, Pair]:
    from provisioning.doors.approval import operations as approval
    from provisioning.doors.jwt import keys
    from provisioning.doors.profile import operations as profile
    from provisioning.models import Door, DoorKey, JwtIssuer

    organisation = version.recipe.organisation

    def open_door(kind: str, **fields: Any) -> Door:
        return Door.objects.create(organisation=organisation, kind=kind, name=kind, recipe=version.recipe, **fields)

    lock = threading.Lock()

    def take() -> str:
        with lock:
            return next(names)

    JwtIssuer.objects.create(name="bench", organisation=organisation)
    signed = open_door(Door.Kind.JWT, settings={"issuer": "bench", "algorithms": ["HS256"]})
    given = keys.read_secret(SECRET)
    DoorKey.objects.create(door=signed, name="", algorithm=given.algorithm, material=keys.keep(given))
    shared = open_door(Door.Kind.PROFILE)
    token = profile.make_token(door=shared, by=by)[1]
    approved = open_door(Door.Kind.APPROVAL, settings={"waits": 60, "token_days": 90, "credential_days": 30})
    key = approval.make_token(door=approved, by=by)[0]
    listed = open_door(Door.Kind.ACTIVATE, admits="listed", settings={"hours": 48, "authentication": "token"})
    registration = iter(make_registration_tokens(approved, key, by, known))
    waiting, bare_waiting = (iter(list_devices(version, names, known)) for _ in range(2))
    path = f"/o/{organisation.slug}/provision/activate"

    def insert() -> Sent:
        return Sent("POST", "/bare/insert", json.dumps({"door": signed.pk, "serial": take()}))

    def update() -> Sent:
        return Sent("POST", "/bare/update", json.dumps({"door": listed.pk, "serial": next_of(bare_waiting).serial}))

    def next_of(made: Iterator[Any]) -> Any:
        with lock:
            return next(made)

    jwt = sign()
    return {
        "signed token": Pair(
            lambda: Sent("POST", "/api/register-device", json.dumps({"token": jwt, "manufacturerId": take()})), insert
        ),
        "shared token": Pair(
            lambda: Sent("POST", "/ztp/cloudlocate/credentials", json.dumps({"token": token, "hardwareId": take()})),
            insert,
        ),
        "approval": Pair(
            lambda: Sent(
                "PUT",
                "/devices/register",
                "{}",
                headers={"Authorization": f"DeviceToken {next_of(registration)}"},
            ),
            insert,
        ),
        "activation": Pair(lambda: Sent("POST", path, f"id={next_of(waiting).serial}", FORM), update),
    }


def sign() -> str:
    import jwt

    return jwt.encode({"iss": "bench"}, SECRET, "HS256")


def make_registration_tokens(door: Any, key: Any, by: Any, number: int) -> list[str]:
    """Let so many devices be approved already."""
    from django.db.models.functions import Now
    from django.utils.timezone import now

    from provisioning.doors.approval.registration_tokens import hash_token
    from provisioning.models import ProvisioningOperation, RegistrationToken

    later = now() + timedelta(days=1)
    same = {"organisation": door.organisation, "door": door, "token": key, "by": by, "expires_at": later}
    operations = ProvisioningOperation.objects.bulk_create(
        ProvisioningOperation(
            identity=f"dev-{index:08d}", code=f"{index:08d}", outcome="approved", decided_at=Now(), **same
        )
        for index in range(number)
    )
    tokens = [secrets.token_urlsafe(32) for _ in operations]
    RegistrationToken.objects.bulk_create(
        RegistrationToken(operation=operation, token_hash=hash_token(token), expires_at=later)
        for operation, token in zip(operations, tokens, strict=True)
    )
    return tokens
