"""How: the windows in which devices are provisioned, the doors by which they come into the registry, and the hooks that
tell back ends."""

from provisioning.models.content import DoorContent, DoorContentQuerySet
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
    express_state,
    is_open,
    read_state,
    select_key,
)
from provisioning.models.hook import (
    Hook,
    HookCall,
    HookFeed,
    HookQuerySet,
    HookRun,
    HookRunQuerySet,
    HookSender,
    is_free,
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
    "DoorContent",
    "DoorContentQuerySet",
    "DoorKey",
    "DoorKeyQuerySet",
    "DoorQuerySet",
    "DoorRefusal",
    "DoorRegistration",
    "DoorVendor",
    "Hook",
    "HookCall",
    "HookFeed",
    "HookQuerySet",
    "HookRun",
    "HookRunQuerySet",
    "HookSender",
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
    "express_state",
    "is_free",
    "is_open",
    "read_state",
    "select_key",
]
