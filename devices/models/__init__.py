"""What: the registry of devices, what they are, whose they are, and what happened to them."""

from devices.models.broker_session import BrokerSession
from devices.models.bulk_action import Action, ActionQuerySet, Touched, TouchedQuerySet
from devices.models.credential import Credential, CredentialQuerySet, CredentialUse
from devices.models.delivery import Delivery, DeliveryQuerySet
from devices.models.device import Assignment, Connection, Device, DeviceQuerySet, new_device_id
from devices.models.device_count import Tally
from devices.models.event import Event, EventQuerySet
from devices.models.file import File, Part
from devices.models.import_job import Import, ImportQuerySet, Problem
from devices.models.job import Job
from devices.models.print_job import Sheet, SheetQuerySet
from devices.models.recipe import Attribute, DeviceModel, DeviceModelQuerySet, Recipe, RecipeQuerySet, RecipeVersion

__all__ = [
    "Action",
    "ActionQuerySet",
    "Assignment",
    "Attribute",
    "BrokerSession",
    "Connection",
    "Credential",
    "CredentialQuerySet",
    "CredentialUse",
    "Delivery",
    "DeliveryQuerySet",
    "Device",
    "DeviceModel",
    "DeviceModelQuerySet",
    "DeviceQuerySet",
    "Event",
    "EventQuerySet",
    "File",
    "Import",
    "ImportQuerySet",
    "Job",
    "Part",
    "Problem",
    "Recipe",
    "RecipeQuerySet",
    "RecipeVersion",
    "Sheet",
    "SheetQuerySet",
    "Tally",
    "Touched",
    "TouchedQuerySet",
    "new_device_id",
]
