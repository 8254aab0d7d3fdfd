"""Connects that were refused, told of the device that they were meant for, if one is known: why, how often, when.

They are only put down where a question is answered (lib.late_counts), which waits for nothing. So the database has two
queries and one statement a second of it, however many strangers knock and however often.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, Q, Value, When
from django.db.models.functions import Now

from devices import refusals
from devices.connections.refused_attempts import Counted, record_attempts
from devices.credentials import certificates
from devices.credentials import operations as credentials
from devices.models import Credential, Device
from lib.late_counts import LateCounts
from lib.parsing import remove_nul
from lib.refusals import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lib.refusals import Kind

DOOR = "mqtt"
SECRET_LENGTH, KEY_LENGTH, ID_LENGTH = 43, 32, 24  # as they are issued: no secret has another one


class Refused(NamedTuple):
    """Hold a connect that was refused. Of what it sent as a secret only the hash and the length are kept."""

    username: str
    client_id: str
    secret_hash: bytes
    secret_length: int


def note_refusal(username: str, password: str, client_id: str) -> None:
    """Put down a connect that this process refused; from any thread, and at once."""

    def make() -> Refused:
        is_ticket = certificates.is_ticket(username, password)
        shown = bytes.fromhex(username) if is_ticket else credentials.hash_secret(password)
        return Refused(username, client_id, shown, len(password))

    refused_connects.note((username, client_id), make)


def count_refusals(refused: Iterable[tuple[Refused, int]]) -> None:
    """Count them at the devices that they were meant for."""
    record_attempts(explain_refusals(refused))


def make_counts() -> LateCounts[Refused]:
    return LateCounts(count_refusals, of="refused connects")


refused_connects = make_counts()


def explain_refusals(refused: Iterable[tuple[Refused, int]]) -> list[Counted]:
    """Return what can be told of devices that are known by access key, or else by client id; two queries."""
    refused = list(refused)
    by_key = _find_credentials({remove_nul(each.username) for each, _ in refused})
    others = {remove_nul(each.client_id) for each, _ in refused if each.username not in by_key}
    by_id = {device.device_id: device for device in Device.objects.filter(device_id__in=others)}
    counted: dict[tuple[int, str], Counted] = {}
    for each, times in refused:
        if (credential := by_key.get(each.username)) is not None:
            device, reason = credential.device, _explain_known(each, credential)
        elif (found := by_id.get(each.client_id)) is not None:
            device, reason = found, _explain_unknown_key(each)
        else:
            continue
        if reason is not None:
            before = counted.get((device.pk, reason[0].code))
            times += before.times if before else 0
            counted[device.pk, reason[0].code] = Counted(device.pk, device.assignment_id, DOOR, *reason, times)
    return list(counted.values())


def _find_credentials(access_keys: set[str]) -> dict[str, Credential]:
    barred = [
        When(device__retired_at__isnull=False, then=Value(refusals.CONNECT_RETIRED.code)),
        When(device__locked_at__isnull=False, then=Value(refusals.CONNECT_LOCKED.code)),
        When(Device.has_expired("device__"), then=Value(refusals.CONNECT_TOO_LATE.code)),
        When(revoked_at__isnull=False, then=Value(refusals.CONNECT_REVOKED.code)),
        When(Q(expires_at__lte=Now()), then=Value(refusals.CONNECT_ENDED.code)),
    ]
    annotations: dict[str, Any] = {"barred": Case(*barred, default=Value(""))}
    keys = Credential.objects.filter(access_key__in=access_keys)
    return {each.access_key: each for each in keys.select_related("device").annotate(**annotations)}


def _explain_known(refused: Refused, credential: Any) -> tuple[Kind, Mapping[str, Any]] | None:
    """Say why, with the facts of the words: what is wrong with what it sent comes before what is wrong with the
    device. None where nothing is (any more)."""
    if not hmac.compare_digest(bytes(credential.secret_hash), refused.secret_hash):
        return refusals.CONNECT_WRONG_SECRET, {"hint": _tell_length(refused.secret_length, SECRET_LENGTH, "secrets")}
    if credential.barred:
        return CATALOGUE[credential.barred], {}
    if refused.client_id != credential.device.device_id:
        return refusals.CONNECT_WRONG_CLIENT_ID, {"hint": _tell_client_id(refused, credential.device)}
    return None


def _explain_unknown_key(refused: Refused) -> tuple[Kind, Mapping[str, Any]]:
    return refusals.CONNECT_UNKNOWN_KEY, {"hint": _tell_length(len(refused.username), KEY_LENGTH, "access keys")}


def _tell_length(length: int, right: int, what: str) -> str:
    """Tell of a length that none of ours has, and nothing of one that they all have."""
    if length == right:
        return ""
    if not length:
        return " It sent none."
    return f" It sent {length} character{'' if length == 1 else 's'}, {what} have {right}."


def _tell_client_id(refused: Refused, device: Device) -> str:
    """Tell what it is instead, in words: what was sent may be a secret."""
    known = {"": "none", device.serial: "its serial", refused.username: "its access key"}
    if instead := known.get(refused.client_id):
        return f" It sent {instead}."
    return _tell_length(len(refused.client_id), ID_LENGTH, "device IDs")
