"""What doors do for devices that speak their vendor's MQTT: handed to the interpreters."""

from __future__ import annotations

from devices.broker.interpreter.callers import Doors
from provisioning.doors.activate.over_mqtt import activate, certify
from provisioning.doors.profile.over_mqtt import provision

DOORS = Doors(activate=activate, provision=provision, certify=certify)
