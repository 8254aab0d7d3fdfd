"""How the API shows devices, and what they are made of."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices import tags
from devices.identity import formats, serials
from devices.models import Attribute, Device, Event, RecipeVersion
from tenants.api.base import Serializer
from tenants.models import Presence

if TYPE_CHECKING:
    from devices.models import DeviceModel, Recipe


@extend_schema_field(
    {"oneOf": [{"type": "string", "maxLength": tags.VALUE_LENGTH}, {"type": "number"}, {"type": "boolean"}]}
)
class TagValue(serializers.CharField):
    """Read a text, or what JSON writes for a number, true or false."""


class Tags(serializers.DictField):
    """Read texts by their names."""

    child = TagValue(max_length=tags.VALUE_LENGTH, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Show early what the operation refuses, each at its tag. A row that is changed is the `instance` of `read`."""
        if not isinstance(data, dict):
            self.fail("not_a_dict", input_type=type(data).__name__)
        kept, wrong = tags.judge(data, getattr(self.root.instance, self.source or "", {}))
        if wrong:
            everything = {"": "non_field_errors"}
            raise serializers.ValidationError({everything.get(name, name): [cause] for name, cause in wrong.items()})
        return kept


class Named(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class DeviceShown(Serializer):
    serial = serializers.CharField()
    device_id = serializers.CharField(help_text="Its identity at the MQTT broker.")
    own_id = serializers.CharField(help_text="By which it goes at the door of approval; empty where it came by none.")
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(Device.Status.choices)
    needs_attention = serializers.BooleanField(help_text="Whether `attention/` of it lists something.")
    last_seen_at = serializers.DateTimeField(allow_null=True)
    group = Named(allow_null=True, help_text="Null while it waits for one.")
    person = Named(allow_null=True, help_text="Whose it is within the group; null where it is the whole group's.")
    model = Named(allow_null=True)
    tags = serializers.DictField(child=serializers.JSONField())
    registered_at = serializers.DateTimeField()
    recipe_version = serializers.IntegerField(help_text="The `number` of its recipe's version.")
    activated_at = serializers.DateTimeField(
        allow_null=True, help_text="When it connected first; null also if that was before it came to its group."
    )
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Unless it connects until then.")
    retired_at = serializers.DateTimeField(allow_null=True)
    former_serial = serializers.CharField(help_text="Of a retired device, once it was given free.")


class Secret(Serializer):
    access_key = serializers.CharField()
    access_secret = serializers.CharField(help_text="Shown this once, and stored nowhere.")


class DeviceAdded(DeviceShown):
    credential = Secret(allow_null=True, help_text="Null where the recipe's devices get theirs elsewhere.")


class EventShown(Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Event.Kind.choices)
    at = serializers.DateTimeField()
    by = serializers.CharField(
        allow_null=True, help_text="Null if no person did it, or one outside the groups that you reach."
    )


class ModelShown(Named):
    retired = serializers.BooleanField(help_text="Retired models are no longer offered.")


class AttributeShown(Serializer):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    type = serializers.ChoiceField(Attribute.Type.choices)
    unit = serializers.CharField()
    minimum = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    decimals = serializers.IntegerField(allow_null=True, help_text="Shown of a number; null: as they come.")
    reads_text = serializers.BooleanField(help_text="Whether a number written as text is read.")
    faults = serializers.CharField(help_text="Values that say that the device has a fault, with commas between them.")


class Identity(Serializer):
    kind = serializers.ChoiceField(formats.Kind.choices)
    prefix = serializers.CharField(
        required=False, max_length=formats.MAX_PREFIX, allow_blank=True, trim_whitespace=False
    )
    length = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=serials.MAX_LENGTH, help_text="After the prefix."
    )
    casing = serializers.ChoiceField(formats.Casing.choices, required=False)
    separator = serializers.ChoiceField(
        formats.Separator.choices, required=False, allow_blank=True, help_text="Between an address's bytes."
    )


class CommandLine(Serializer):
    name = serializers.CharField(max_length=64, help_text="By which devices know it.")
    label = serializers.CharField(required=False, max_length=120, allow_blank=True)  # type: ignore[assignment]
    role = serializers.ChoiceField(["viewer", "technician", "admin"], required=False, help_text="Who may send it.")
    answers = serializers.BooleanField(required=False, help_text="Whether devices answer it, and know it by its id.")
    seconds = serializers.IntegerField(required=False, min_value=5, max_value=7 * 24 * 3600, help_text="It waits.")
    schema = serializers.DictField(
        child=serializers.JSONField(), required=False, help_text="JSON Schema of its payload: docs/api.md, Commands."
    )


class VersionShown(Serializer):
    number = serializers.IntegerField()
    model = Named(allow_null=True)
    default_tags = serializers.DictField(child=serializers.JSONField())
    credential_kind = serializers.ChoiceField(RecipeVersion.CredentialKind.choices)
    expires = serializers.BooleanField(help_text="Whether devices that never connect expire.")
    presence = serializers.ChoiceField(
        Presence.choices, allow_blank=True, help_text="What proves presence; empty: as the organisation says."
    )
    identity = Identity(allow_null=True, help_text="The format of serials; null: the organisation's.")
    created_at = serializers.DateTimeField()
    attributes = AttributeShown(many=True)
    commands = CommandLine(many=True)


class RecipeShown(Named):
    retired = serializers.BooleanField(help_text="Retired recipes make no new devices.")


class RecipeWhole(RecipeShown):
    current = VersionShown(help_text="The version from which new devices are made.")


def serialize_model(row: DeviceModel) -> dict[str, Any]:
    return {"id": row.pk, "name": row.name, "retired": row.retired_at is not None}


def serialize_recipe(row: Recipe) -> dict[str, Any]:
    return {"id": row.pk, "name": row.name, "retired": row.retired_at is not None}


def serialize_device(row: Device) -> dict[str, Any]:
    return {
        "serial": row.serial,
        "device_id": row.device_id,
        "own_id": row.own_id,
        "name": row.name,
        "description": row.description,
        "status": row.status,
        "needs_attention": row.attention_mark != 0,
        "last_seen_at": row.last_seen_at,
        "group": serialize_reference(row.group),
        "person": {"id": row.person.pk, "name": str(row.person)} if row.person else None,
        "model": serialize_reference(row.model),
        "tags": row.tags,
        "registered_at": row.registered_at,
        "recipe_version": row.version.number,
        "activated_at": row.since_assigned(row.activated_at),
        "expires_at": None if row.activated_at else row.expires_at,
        "retired_at": row.retired_at,
        "former_serial": row.former_serial,
    }


def serialize_reference(row: Any) -> dict[str, Any] | None:
    return {"id": row.pk, "name": row.name} if row else None


def compute_etag(row: Device) -> str:
    """Return a hash of what can be changed, and of whose it is."""
    facts = [row.name, row.description, row.tags, row.model_id, row.assignment_id]
    return f'"{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]}"'


def serialize_event(row: Event, known: frozenset[int]) -> dict[str, Any]:
    by = str(row.by) if row.by and row.by_id in known else None
    return {"id": row.pk, "kind": row.kind, "at": row.at, "by": by}


def serialize_version(row: RecipeVersion) -> dict[str, Any]:
    plain = ("number", "default_tags", "credential_kind", "expires", "presence", "created_at", "commands")
    declared = [
        {name: getattr(attribute, name) for name in map(str, AttributeShown().fields)}
        for attribute in row.attributes.all()
    ]
    return {name: getattr(row, name) for name in plain} | {
        "model": serialize_reference(row.model),
        "identity": row.identity or None,
        "attributes": declared,
    }
