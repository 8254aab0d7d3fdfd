"""What an activated device writes and reads over HTTP: into and out of the same state as over MQTT.

docs/protocol.md, "State over HTTP".
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models.functions import Now

from devices import refusals as device_refusals
from devices.connections import presence
from devices.credentials import operations as credentials
from devices.credentials import standing
from devices.credentials.tokens import derive_access_key, find_by_token
from devices.identity import serials
from devices.models import Credential, Device
from devices.mqtt.limits import Debts, Pace
from devices.mqtt.messages import Message
from devices.mqtt.text_values import read_types, read_value, write_value
from lib.parsing import is_storable
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.activate import certified
from provisioning.doors.refused_attempts import note_refusal
from provisioning.models import Door, DoorRegistration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from devices.mqtt.messages import Value
    from lib.refusals import Kind
    from provisioning.doors.client_certificates import Shown
    from tenants.models import Organisation

    Latest = Mapping[str, tuple[Value, int]]

MOST_MOMENTS = 2_000  # of a request
MOST_COLONS = 8  # in an identity and a password: where the one ends, nothing says
TOO_FAST_SECONDS = 30
_MOMENT = re.compile(r"-?\d{1,12}(\.\d{0,9})?", re.ASCII)

debts = Debts()


class Site(NamedTuple):
    """Hold what the site's other rooms do with messages, and know of a device: handed down by config."""

    ingest: Callable[[Sequence[Message]], None]
    read_latest: Callable[[Device], Latest]


def authenticate(
    *, token: str, authorization: str, certificate: Shown | None, address: str | None, organisation: Organisation | None
) -> Credential:
    """Return the live credential that was sent, as a token, by `Authorization` or, without those, as a TLS client
    certificate, with its device. Raises Refusal, which is counted at the device that it is about, if one is known."""
    scheme, _, sent = authorization.strip().partition(" ")
    if not token and scheme.lower() == "token":
        token = sent.strip()
    if token:
        credential = find_by_token(token) or _refuse_token(token)
    elif scheme.lower() == "basic":
        credential = _find_by_password(sent.strip(), organisation)
    elif certificate is not None:
        credential = certified.find_credential(certificate, address=address, organisation=organisation)
    else:
        raise Refusal(refusals.DATA_NO_CREDENTIAL)
    if organisation is not None and credential.device.organisation_id != organisation.pk:
        raise Refusal(refusals.DATA_CREDENTIAL)
    if credential.limited:
        raise Refusal(refusals.DATA_TOO_FAST, retry_seconds=TOO_FAST_SECONDS)
    if standing.is_use_due(credential):
        standing.note_use(credential)
        presence.record_seen({credential.device_id: read_now(credential.device)})
    return credential


def write(site: Site, device: Device, values: Iterable[tuple[str, str]]) -> None:
    """Store what the device reports, as of now. Raises Refusal where it sends too fast."""
    _count(device, 1)
    now, types = read_now(device), read_types(device.version_id)
    data = {name: read_value(text, types.get(name)) for name, text in values}
    site.ingest([_build_message(device, {"data": data}, now)])


def record(site: Site, device: Device, values: Sequence[tuple[str, str]]) -> None:
    """Store what the device reports of several moments: `alias=…`, then seconds since the epoch (or, negative, before
    now) and the value then, as often as it likes. Raises Refusal; then nothing is stored."""
    now, types = read_now(device), read_types(device.version_id)
    moments: dict[datetime, dict[str, object]] = {}
    for alias, times in _read_sections(values, now).items():
        for at, text in times.items():
            moments.setdefault(at, {})[alias] = read_value(text, types.get(alias))
    if len(moments) > MOST_MOMENTS:
        raise Refusal(refusals.DATA_TOO_MANY, most=MOST_MOMENTS)
    _count(device, len(moments))
    bodies = ({"time": at.isoformat(), "data": data} for at, data in sorted(moments.items()))
    site.ingest([_build_message(device, body, now) for body in bodies])


def choose(latest: Latest, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the values that there are of these names, as texts."""
    return [(name, write_value(latest[name][0])) for name in names if name in latest]


def read_now(device: Device) -> datetime:
    """Return the database's time."""
    now: Any = Device.objects.filter(pk=device.pk).annotate(now=Now()).values_list("now", flat=True).first()
    return now or datetime.now(UTC)


def _build_message(device: Device, body: Mapping[str, object], now: datetime) -> Message:
    return Message(device.device_id, json.dumps(body).encode(), now, came_after=now)


def _count(device: Device, messages: int) -> None:
    for _ in range(messages):
        if debts.add(device.device_id, time.monotonic()) is Pace.BEYOND:
            raise Refusal(refusals.DATA_TOO_FAST, retry_seconds=TOO_FAST_SECONDS)


def _read_sections(values: Sequence[tuple[str, str]], now: datetime) -> dict[str, dict[datetime, str]]:
    """Return alias -> moment -> value. Raises Refusal, also where one moment of an alias has two values."""
    sections: dict[str, dict[datetime, str]] = {}
    conflicts: dict[str, list[str]] = {}
    alias = None
    for name, value in values:
        if name == "alias":
            alias = value
            continue
        if alias is None or (at := _read_moment(name, now)) is None:
            raise Refusal(refusals.DOOR_UNREADABLE, what="alias=…, then seconds since the epoch and values")
        if sections.setdefault(alias, {}).setdefault(at, value) != value:
            conflicts.setdefault(alias, []).append(name)
    if conflicts:
        raise Refusal(refusals.DATA_CONFLICT, members={"conflicts": conflicts})
    return sections


def _read_moment(text: str, now: datetime) -> datetime | None:
    """Return the moment, to the millisecond."""
    if not _MOMENT.fullmatch(text):
        return None
    since = now if text.startswith("-") else datetime(1970, 1, 1, tzinfo=UTC)
    try:
        at = since + timedelta(milliseconds=round(float(text) * 1000))
    except OverflowError:
        return None
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _find_by_password(sent: str, organisation: Organisation | None) -> Credential:
    """Return the live credential of which `identity:password` was sent. Raises Refusal."""
    try:
        text = b64decode(sent, validate=True).decode()
    except ValueError:
        raise Refusal(refusals.DATA_CREDENTIAL) from None
    ends = [at for at, character in enumerate(text) if character == ":"][:MOST_COLONS]
    pairs = [(text[:at], text[at + 1 :]) for at in ends]
    devices = _find_devices([identity for identity, _ in pairs], organisation)
    for identity, password in pairs:
        for device in devices:
            if device.serial_key == serials.fold(identity):
                for access_key in Credential.objects.live().of(device).values_list("access_key", flat=True):
                    if found := credentials.find_credential(access_key=access_key, access_secret=password):
                        return found
    if devices:
        raise _count_refused(devices[0], device_refusals.CONNECT_WRONG_SECRET)
    raise Refusal(refusals.DATA_CREDENTIAL)


def _find_devices(identities: Sequence[str], organisation: Organisation | None) -> list[Device]:
    """Return the devices that may be meant: of the organisation that was named, else of those whose doors take
    passwords."""
    keys = [serials.fold(each) for each in identities if len(each) <= serials.MAX_LENGTH and is_storable(each)]
    if not keys:
        return []
    taking = Door.objects.filter(kind=Door.Kind.ACTIVATE, settings__authentication="password")
    devices = Device.objects.filter(serial_key__in=keys)
    if organisation is not None:
        return list(devices.filter(organisation=organisation))
    return list(devices.filter(organisation__in=taking.values("organisation")))


def _refuse_token(token: str) -> Credential:
    """Raise Refusal, counted at the device whose token it is or was."""
    known = Credential.objects.filter(access_key=derive_access_key(token)).select_related("device").first()
    if known is None:
        raise Refusal(refusals.DATA_CREDENTIAL)
    reason = device_refusals.CONNECT_REVOKED if known.revoked_at else device_refusals.CONNECT_ENDED
    if known.device.retired_at:
        reason = device_refusals.CONNECT_RETIRED
    elif known.device.locked_at:
        reason = device_refusals.CONNECT_LOCKED
    raise _count_refused(known.device, reason)


def _count_refused(device: Device, reason: Kind) -> Refusal:
    """Return the one refusal that devices hear, once it is counted at the door that let the device in, and at the
    device."""
    row = DoorRegistration.objects.filter(device=device).select_related("door").first()
    if row is not None:
        note_refusal(Refusal(reason, hint=""), door=row.door, identity=device.serial, device=device)
    return Refusal(refusals.DATA_CREDENTIAL)
