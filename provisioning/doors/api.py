"""Doors for programs: made, watched and ended as on their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.response import Response

from devices.access import get_device
from devices.api.serializers import Named
from devices.recipes.operations import find_available_recipes
from lib.paging import NEWEST_FIRST
from provisioning.doors import operations
from provisioning.doors.access import get_door, get_door_key
from provisioning.doors.approval import registration_tokens
from provisioning.doors.forms import MOST, MOST_NETWORKS, read_networks
from provisioning.doors.jwt import issuing, keys
from provisioning.doors.kinds import KINDS
from provisioning.models import Door, DoorKey, DoorRefusal, DoorRegistration, State
from tenants.access import require_owner
from tenants.api.base import ApiView, Serializer
from tenants.api.fields import OneLine
from tenants.api.idempotency import idempotent
from tenants.api.paging import page
from tenants.api.problems import convert_form_errors
from tenants.api.schema import describe_list, describe_operation
from tenants.api.scoped import Choice
from tenants.models import Group

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from tenants.models import User

TAG = "Doors"


def find_groups(user: User) -> Any:
    return Group.objects.registrable_by(user)


class DoorChange(Serializer):
    name = OneLine(required=False, max_length=120)
    group = Choice(find_groups, required=False, allow_null=True, help_text="Into which its devices come at once.")
    admits = serializers.ChoiceField(
        Door.Admits.choices, required=False, help_text="`new`: devices that nobody added; `listed`: only such; `any`."
    )
    pattern = OneLine(required=False, max_length=120, allow_blank=True, help_text="Of identities, such as `KG2-*`.")
    networks = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, max_length=MOST_NETWORKS, help_text="From which."
    )
    cap = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=MOST, help_text="Devices.")
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    settings = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="Of a `jwt` door: `issuer`, `algorithms`, `audience`, `expires`, `once`, `leeway`; of a `profile` "
        "door: `activates`, `hardware_id`, `renews`, `tags`; of an `activate` door: `hours`, `authentication` "
        "(`token`, `password`, `certificate`), `authorities` (PEM), `vendor`, `model`; of an `approval` door: `waits` "
        "(minutes), `token_days`, `credential_days`.",
    )

    def validate_networks(self, networks: list[str]) -> list[str]:
        return read_networks(networks)


class DoorNew(DoorChange):
    name = OneLine(max_length=120)
    kind = serializers.ChoiceField(Door.Kind.choices)
    recipe = Choice(find_available_recipes)


class DoorShown(Serializer):
    key = serializers.UUIDField()
    kind = serializers.ChoiceField(Door.Kind.choices)
    name = serializers.CharField()
    state = serializers.ChoiceField(State.choices)
    recipe = Named()
    group = Named(allow_null=True)
    admits = serializers.ChoiceField(Door.Admits.choices)
    pattern = serializers.CharField()
    networks = serializers.ListField(child=serializers.CharField())
    cap = serializers.IntegerField(allow_null=True)
    made = serializers.IntegerField(help_text="Devices so far.")
    settings = serializers.DictField(child=serializers.JSONField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class RefusalShown(Serializer):
    reason = serializers.CharField(help_text="A code of the catalogue of refusals.")
    detail = serializers.CharField()
    next_step = serializers.CharField()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    sample = serializers.CharField(help_text="How the identity begins that was claimed last.")


class MadeShown(Serializer):
    serial = serializers.CharField()
    device_id = serializers.CharField()
    key = serializers.IntegerField(allow_null=True, help_text="The `id` of the key by which it came.")
    is_new = serializers.BooleanField(help_text="False: it was added before.")
    at = serializers.DateTimeField()


class KeyShown(Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="Of a key that signs: its `kid`.")
    algorithm = serializers.CharField()
    state = serializers.ChoiceField(State.choices)
    made = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class TokenNew(Serializer):
    identity = OneLine(
        required=False, max_length=90, help_text="Of the only device that it is for; of an `approval` door."
    )
    cap = serializers.IntegerField(required=False, min_value=1, max_value=MOST, help_text="Devices; so, too.")
    expires_at = serializers.DateTimeField(required=False, help_text="Works until then; so, too.")


class TokenMade(Serializer):
    id = serializers.IntegerField()
    token = serializers.CharField(help_text="Shown once.")


class Revoke(Serializer):
    serial = OneLine(max_length=64, help_text="Of a device that came by it.")


class KeyNew(Serializer):
    name = OneLine(required=False, max_length=200, allow_blank=True, help_text="Its `kid`, unless a JWKS brings one.")
    public_keys = serializers.CharField(
        required=False, max_length=keys.LONGEST_FILE, help_text="A public key in PEM, or a JWKS."
    )
    secret = serializers.CharField(
        required=False, max_length=keys.LONGEST_SECRET, trim_whitespace=False, help_text="Shared, for HS256."
    )

    def validate(self, attrs: dict[str, Any]) -> list[keys.Given]:
        if ("public_keys" in attrs) is ("secret" in attrs):
            raise serializers.ValidationError("Send one: `public_keys` or `secret`.")
        field, name = ("secret" if "secret" in attrs else "public_keys"), attrs.get("name", "")
        try:
            secret = attrs.get("secret")
            return [keys.read_secret(secret, name)] if secret else keys.read_public_keys(attrs["public_keys"], name)
        except ValueError as error:
            raise serializers.ValidationError({field: [str(error)]}) from None


class Doors(ApiView):
    @describe_list(TAG, "List doors", DoorShown)
    def get(self, request: Request) -> Response:
        """Return the ways by which devices get themselves into your registry. Newest first."""
        rows = Door.objects.manageable_by(require_owner(self.user)).with_state().select_related("recipe", "group")
        return page(request, rows, NEWEST_FIRST).answer(_show)

    @describe_operation(TAG, "Make a door", request=DoorNew, responses={201: DoorShown})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make a door, for admins of the whole organisation. One of signed tokens needs keys, too."""
        user = require_owner(self.user)
        assert user.organisation is not None
        sent = self.read(DoorNew)
        name = sent.pop("kind")
        kind = KINDS[name]
        nothing: dict[str, Any] = {"group": None, "admits": kind.admits, "pattern": "", "networks": [], "cap": None}
        fields = {**nothing, "expires_at": None, **sent, "settings": _read_settings(kind, sent.get("settings", {}))}
        made = operations.create_door(
            organisation=user.organisation, kind=name, fields=fields, by=user, prepare=kind.prepare
        )
        location = reverse("provisioning:api-door", kwargs={"key": made.key})
        return Response(_show(get_door(user, made.key)), status=201, headers={"Location": location})


class OneDoor(ApiView):
    @describe_operation(TAG, "Read a door", responses=DoorShown)
    def get(self, request: Request, key: UUID) -> Response:
        return Response(_show(get_door(self.user, key)))

    @describe_operation(TAG, "Change a door", request=DoorChange, responses=DoorShown)
    def patch(self, request: Request, key: UUID) -> Response:
        """Change what is sent. Its kind, its recipe and the issuer of its tokens stay."""
        door = get_door(self.user, key)
        sent = self.read(DoorChange, instance=door, shown=_show(door))
        if "settings" in sent:
            together = {**door.settings, **sent["settings"]}
            sent["settings"] = _read_settings(KINDS[door.kind], together, kept=door.settings)
        operations.change_door(door=door, fields=sent, by=self.user)
        return Response(_show(get_door(self.user, key)))


class EndDoor(ApiView):
    @describe_operation(TAG, "End a door", request=None, responses=DoorShown)
    def post(self, request: Request, key: UUID) -> Response:
        """Let nobody in by it any more, for good. The devices that it made stay."""
        operations.end_door(door=get_door(self.user, key), by=self.user)
        return Response(_show(get_door(self.user, key)))


class DoorDevices(ApiView):
    @describe_list(TAG, "List what a door made", MadeShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return the devices that came by it, and by which key, also after it was ended. Newest first."""
        rows = DoorRegistration.objects.of(get_door(self.user, key))
        return page(request, rows, NEWEST_FIRST).answer(_show_made)


class DoorRefusals(ApiView):
    @describe_list(TAG, "List what a door refused", RefusalShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return why it refused devices, a row for each reason."""
        rows = DoorRefusal.objects.of(get_door(self.user, key))
        return page(request, rows, NEWEST_FIRST).answer(_show_refusal)


class DoorKeys(ApiView):
    @describe_list(TAG, "List a door's keys", KeyShown)
    def get(self, request: Request, key: UUID) -> Response:
        """Return the keys by which callers are known at it, those that were ended too. Newest first."""
        return page(request, DoorKey.objects.of(get_door(self.user, key)).with_state(), NEWEST_FIRST).answer(_show_key)

    @describe_operation(TAG, "Add keys to a door", request=KeyNew, responses={201: KeyShown(many=True)})
    @idempotent()
    def post(self, request: Request, key: UUID) -> Response:
        """Let tokens count that these keys sign: a door of signed tokens takes 20."""
        door = get_door(self.user, key, kind=Door.Kind.JWT)
        given: Any = self.read(KeyNew)
        made = issuing.add_signing_keys(door=door, given=given, by=self.user)
        rows = DoorKey.objects.of(door).with_state().filter(pk__in=[each.pk for each in made])
        location = reverse("provisioning:api-door-keys", kwargs={"key": door.key})
        return Response([_show_key(each) for each in rows], status=201, headers={"Location": location})


class DoorTokens(ApiView):
    @describe_operation(TAG, "Make a token of a door", request=TokenNew, responses={201: TokenMade})
    @idempotent(secret=True)
    def post(self, request: Request, key: UUID) -> Response:
        """Make one more token that devices of a `profile` or an `approval` door show. It is in this answer only."""
        door = get_door(self.user, key)
        if (make := KINDS[door.kind].make_token) is None:
            raise Http404
        sent = self.read(TokenNew)
        if door.kind != Door.Kind.APPROVAL and sent:
            raise serializers.ValidationError({name: ["Only tokens of an `approval` door have this."] for name in sent})
        made, token = make(door=door, by=self.user, **sent)
        location = reverse("provisioning:api-door-keys", kwargs={"key": door.key})
        return Response({"id": made.pk, "token": token}, status=201, headers={"Location": location})


class RevokeAtDoor(ApiView):
    @describe_operation(TAG, "Revoke a registration token", request=Revoke, responses={204: None})
    def post(self, request: Request, key: UUID) -> Response:
        """End the registration token of a device that came by an `approval` door, and its credentials. It asks for
        approval then."""
        door = get_door(self.user, key, kind=Door.Kind.APPROVAL)
        device = get_device(self.user, self.read(Revoke)["serial"])
        registration_tokens.revoke(door=door, device=device, by=self.user)
        return Response(status=204)


class EndDoorKey(ApiView):
    @describe_operation(TAG, "End a door's key", request=None, responses={204: None})
    def post(self, request: Request, key: UUID, pk: int) -> Response:
        """Let nobody in by it any more. What it made stays."""
        operations.end_key(key=get_door_key(self.user, key, pk), by=self.user)
        return Response(status=204)


def _read_settings(kind: Any, sent: dict[str, Any], **how: Any) -> dict[str, Any]:
    """Return a kind's own settings as its form has them. Raises ValidationError at each."""
    usual = {name: field.initial for name, field in kind.form.base_fields.items() if field.initial is not None}
    form = kind.form({**usual, **sent}, **how)
    if not form.is_valid():
        raise convert_form_errors(form)
    settings: dict[str, Any] = form.settings
    return settings


def _show(door: Door) -> dict[str, Any]:
    same = ("key", "kind", "name", "state", "admits", "pattern", "networks", "cap", "made", "settings")
    times = ("created_at", "expires_at", "ended_at", "last_used_at")
    group = {"id": door.group.pk, "name": door.group.name} if door.group else None
    shown = {name: getattr(door, name) for name in (*same, *times)}
    return shown | {"recipe": {"id": door.recipe.pk, "name": door.recipe.name}, "group": group}


def _show_key(key: DoorKey) -> dict[str, Any]:
    names = ("name", "algorithm", "state", "made", "created_at", "ended_at", "last_used_at")
    return {"id": key.pk, **{name: getattr(key, name) for name in names}}


def _show_made(row: DoorRegistration) -> dict[str, Any]:
    made = {"serial": row.device.serial, "device_id": row.device.device_id}
    return {**made, "key": row.key_id, "is_new": row.is_new, "at": row.at}


def _show_refusal(row: DoorRefusal) -> dict[str, Any]:
    told = {"detail": row.message, "next_step": row.next_step}
    return {name: getattr(row, name) for name in ("reason", "count", "first_at", "last_at", "sample")} | told
