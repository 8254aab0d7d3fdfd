"""The door of activation over MQTT: the same operation, for a device that publishes its identity alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from provisioning.doors.activate import operations
from provisioning.doors.activate.device_views import GUESSES
from provisioning.doors.device_http import guesses_counted
from provisioning.doors.organisations import find_organisation

if TYPE_CHECKING:
    from devices.broker.interpreter.callers import Caller


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
