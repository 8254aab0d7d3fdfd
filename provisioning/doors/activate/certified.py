"""Devices that authenticate by a TLS client certificate: the first request with one activates, the others are known by
it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from devices import refusals as device_refusals
from devices.credentials.certificates import find_by_certificate
from devices.identity import serials
from devices.models import Credential
from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.activate.operations import Asked, activate, choose_door, find_doors
from provisioning.doors.client_certificates import judge
from provisioning.doors.refused_attempts import note_refusal
from provisioning.doors.registration import find_device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from devices.models import Device
    from lib.refusals import Kind
    from provisioning.doors.client_certificates import Shown
    from tenants.models import Organisation

STRANGE = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


def require_names(credential: Credential, shown: Shown, names: Collection[str]) -> None:
    """Raise Refusal, which is counted, unless the device may say each of the names of itself: its serial, in any
    writing, or its device ID."""
    device = credential.device
    own = {serials.fold(device.serial), serials.fold(device.device_id)}
    with _counted(shown, device, None):
        if not {serials.fold(name) for name in names} <= own:
            raise Refusal(refusals.CERTIFICATE_OTHER)


def find_credential(shown: Shown, *, address: str | None, organisation: Organisation | None) -> Credential:
    """Return the live credential that the certificate is, with its device; one that was never seen activates its device
    by a door of the organisation. Raises Refusal, which is counted where it is known whom it is about."""
    fingerprint = shown.fingerprint
    known = Credential.objects.filter(access_key=fingerprint).select_related("device__organisation").first()
    with _counted(shown, known.device if known else None, organisation):
        judge(shown)
        if found := find_by_certificate(fingerprint):
            return found
        if known is not None:
            raise Refusal(_tell_why(known), hint="")
    asked = Asked(shown.identity, certificate=shown, by_certificate_alone=True)
    try:
        activate(asked=asked, address=address, organisation=organisation)
    except Refusal as refusal:  # is counted, and told to nobody who may be a stranger
        if found := find_by_certificate(fingerprint):  # meanwhile, by another request of the device's
            return found
        raise Refusal(refusals.DATA_CREDENTIAL) if refusal.status in STRANGE else refusal from None
    if found := find_by_certificate(fingerprint):
        return found
    raise Refusal(refusals.DATA_CREDENTIAL)


@contextmanager
def _counted(shown: Shown, device: Device | None, organisation: Organisation | None) -> Iterator[None]:
    """Count what is refused within at a door of the organisation, and at the device, if they are known."""
    try:
        yield
    except Refusal as refusal:
        with suppress(Refusal):
            whose = device.organisation if device else organisation
            asked = Asked(shown.identity, certificate=shown, by_certificate_alone=True)
            doors = find_doors(asked, whose)
            about = device or find_device(doors[0], shown.identity)
            door = choose_door(doors, asked, about)
            note_refusal(refusal, door=door, identity=shown.identity, device=about)
        told = refusal.kind in (refusals.CERTIFICATE_UNPROVED, refusals.CERTIFICATE_EARLY, refusals.CERTIFICATE_EXPIRED)
        raise refusal if told else Refusal(refusals.DATA_CREDENTIAL) from None


def _tell_why(known: Credential) -> Kind:
    if known.device.retired_at:
        return device_refusals.CONNECT_RETIRED
    if known.device.locked_at:
        return device_refusals.CONNECT_LOCKED
    return device_refusals.CONNECT_REVOKED if known.revoked_at else device_refusals.CONNECT_ENDED
