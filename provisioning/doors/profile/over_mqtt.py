"""The door of a shared token over MQTT, as ThingsBoard's devices ask for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioning.doors.device_http import guesses_counted, read_identity, read_text
from provisioning.doors.organisations import find_organisation
from provisioning.doors.profile import operations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.broker.interpreter.callers import Caller

OWN = "ACCESS_TOKEN"


def provision(sent: Mapping[str, Any], caller: Caller) -> str:
    """Return the token of a new device: `{"provisionDeviceSecret": <the door's token>, "deviceName"?: <its identity>}`.
    Raises Refusal, counted at the door. Tokens that are none are counted of the address, as over HTTP."""
    address = caller.address or None
    chooses = sent.get("credentialsType") not in (None, "", OWN) or bool(sent.get("token"))
    with guesses_counted(address):
        return operations.hand_out_token(
            token=read_text(sent, "provisionDeviceSecret"),
            hardware_id=read_identity(sent, "deviceName"),
            chooses=chooses,
            address=address,
            organisation=find_organisation(caller.host),
        )
