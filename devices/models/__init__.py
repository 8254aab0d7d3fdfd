"""What: the registry of devices, what they are, whose they are, and what happened to them."""

from devices.models.attention import Attention, AttentionQuerySet
from devices.models.broker_session import BrokerSession
from devices.models.bulk_action import BulkAction, BulkActionQuerySet, Touched, TouchedQuerySet
from devices.models.command import Command, CommandQuerySet, Listening
from devices.models.connected_stretch import ConnectedStretch
from devices.models.consumer import ConsumerPart, ConsumerProcess, ConsumerProcessQuerySet
from devices.models.credential import Credential, CredentialQuerySet, CredentialUse
from devices.models.delivery import Delivery, DeliveryQuerySet
from devices.models.device import Assignment, Connection, Device, DeviceQuerySet, new_device_id
from devices.models.device_count import GroupDeviceCount
from devices.models.event import Event, EventQuerySet
from devices.models.file import File, Part
from devices.models.import_job import Change, Import, ImportQuerySet, Problem
from devices.models.job import Job
from devices.models.label_rule import LabelName, LabelNameQuerySet, LabelRule, LabelRuleQuerySet
from devices.models.presence_secret import PresenceSecret
from devices.models.print_job import LabelPrintJob, LabelPrintJobQuerySet
from devices.models.recipe import (
    Attribute,
    DeviceModel,
    DeviceModelQuerySet,
    Recipe,
    RecipePicture,
    RecipeQuerySet,
    RecipeVersion,
)
from devices.models.refused_attempt import RefusedAttempt, RefusedAttemptQuerySet
from devices.models.tie import Tie, TieQuerySet

__all__ = [
    "Assignment",
    "Attention",
    "AttentionQuerySet",
    "Attribute",
    "BrokerSession",
    "BulkAction",
    "BulkActionQuerySet",
    "Change",
    "Command",
    "CommandQuerySet",
    "ConnectedStretch",
    "Connection",
    "ConsumerPart",
    "ConsumerProcess",
    "ConsumerProcessQuerySet",
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
    "GroupDeviceCount",
    "Import",
    "ImportQuerySet",
    "Job",
    "LabelName",
    "LabelNameQuerySet",
    "LabelPrintJob",
    "LabelPrintJobQuerySet",
    "LabelRule",
    "LabelRuleQuerySet",
    "Listening",
    "Part",
    "PresenceSecret",
    "Problem",
    "Recipe",
    "RecipePicture",
    "RecipeQuerySet",
    "RecipeVersion",
    "RefusedAttempt",
    "RefusedAttemptQuerySet",
    "Tie",
    "TieQuerySet",
    "Touched",
    "TouchedQuerySet",
    "new_device_id",
]
