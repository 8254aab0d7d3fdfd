"""How: the windows in which devices are provisioned, and the doors by which they come into the registry."""

from provisioning.models.door import (
    Door,
    DoorKey,
    DoorKeyQuerySet,
    DoorQuerySet,
    DoorRefusal,
    DoorRegistration,
    DoorVendor,
    JwtIssuer,
    State,
    UsedToken,
    is_open,
    read_state,
)
from provisioning.models.operation import (
    ProvisioningOperation,
    ProvisioningOperationQuerySet,
    RegistrationToken,
    RegistrationTokenQuerySet,
    build_operations_topic,
)
from provisioning.models.window import Window, WindowQuerySet, build_topic

__all__ = [
    "Door",
    "DoorKey",
    "DoorKeyQuerySet",
    "DoorQuerySet",
    "DoorRefusal",
    "DoorRegistration",
    "DoorVendor",
    "JwtIssuer",
    "ProvisioningOperation",
    "ProvisioningOperationQuerySet",
    "RegistrationToken",
    "RegistrationTokenQuerySet",
    "State",
    "UsedToken",
    "Window",
    "WindowQuerySet",
    "build_operations_topic",
    "build_topic",
    "is_open",
    "read_state",
]
