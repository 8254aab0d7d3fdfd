"""The door of activation over MQTT: the same operations, for a device that publishes its identity alone, and for one
that comes by its certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from lib.refusals import Refusal
from provisioning.doors import refusals
from provisioning.doors.activate import certified, operations
from provisioning.doors.activate.device_views import GUESSES
from provisioning.doors.client_certificates import read_der
from provisioning.doors.device_http import guesses_counted
from provisioning.doors.organisations import find_organisation

if TYPE_CHECKING:
    from collections.abc import Collection

    from devices.broker.interpreter.callers import Caller
    from devices.models import Credential


def activate(identity: str, caller: Caller) -> str:
    """Return the token of the device that is let in. Raises Refusal, counted at the door; guesses are counted of the
    address, as over HTTP.

    The organisation is the one that the host name of its TLS connection says, else `MQTT_ORGANISATION`.
    """
    with guesses_counted(caller.address or None, GUESSES):
        organisation = find_organisation(caller.host) or find_organisation("", settings.MQTT_ORGANISATION)
        asked = operations.Asked(identity.strip())  # without a vendor: of no organisation there is no door
        issued = operations.activate(asked=asked, address=caller.address or None, organisation=organisation)
    return issued.access_secret


def certify(caller: Caller, names: Collection[str]) -> Credential:
    """Return the credential that a connection's certificate is, with its device, which the first one activates. Raises
    Refusal, counted at door and device: also where the device says `names` of itself that are not its own."""
    with guesses_counted(caller.address or None):
        named = find_organisation(caller.host)
        shown = read_der(caller.certificate, is_proved=caller.is_proved)
        meant = named or find_organisation("", settings.MQTT_ORGANISATION)
        credential = certified.find_credential(shown, address=caller.address or None, organisation=meant)
        if named is not None and credential.device.organisation_id != named.pk:
            raise Refusal(refusals.DATA_CREDENTIAL)
        certified.require_names(credential, shown, names)
    return credential
