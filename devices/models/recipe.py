"""Templates for devices, and the table of supported models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from lib.prepared import prepared
from tenants.models import Organisation, Presence, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

ATTRIBUTE_NAME = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}\Z"
RESERVED_NAMES = {"presenceAnswer", "commandAnswer"}
"""What a device says beside its values, which are never kept: docs/decisions/0039 and 0041."""
ATTRIBUTE_NAME_CAUSE = "Begin with a letter; then letters, digits, and . _ - fit."


class DeviceModelQuerySet(models.QuerySet["DeviceModel"]):
    def visible_to(self, user: User | AnonymousUser) -> DeviceModelQuerySet:
        """Return the table of the organisation in which the user has any role."""
        if not isinstance(user, User) or not user.reach():
            return self.none()
        return self.filter(organisation=user.organisation_id)

    def manageable_by(self, user: User | AnonymousUser) -> DeviceModelQuerySet:
        """Return the table of the organisation whose admin the user is."""
        return self.visible_to(user) if isinstance(user, User) and user.owns_organisation else self.none()

    def available(self, *, keep: int | None = None) -> DeviceModelQuerySet:
        """Return those that are not retired, and the one that something has already."""
        return self.filter(Q(retired_at=None) | Q(pk=keep))


class DeviceModel(models.Model):
    """Record an entry of the organisation's table of supported device models."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="device_models")
    name = models.CharField(max_length=120)
    retired_at = models.DateTimeField(null=True, blank=True)  # no longer offered; devices that have it keep it

    objects = DeviceModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="model_name_once")]

    def __str__(self) -> str:
        return self.name


class RecipeQuerySet(models.QuerySet["Recipe"]):
    def manageable_by(self, user: User | AnonymousUser) -> RecipeQuerySet:
        """Return the organisation's, to its admins: devices are added to the whole of it."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)

    def available(self) -> RecipeQuerySet:
        """Return those from which devices are still made."""
        return self.filter(retired_at=None)


class Recipe(models.Model):
    """Record a template for devices. What it says stands in versions: a device keeps the one it was made from."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="recipes")
    name = models.CharField(max_length=120)
    retired_at = models.DateTimeField(null=True, blank=True)  # no longer offered for new devices
    columns = models.JSONField(default=dict, blank=True)  # header of an imported file -> field, as mapped last

    objects = RecipeQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="recipe_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def current(self) -> RecipeVersion:
        """Return the version from which new devices are made."""
        return select_last_version(self.pk)[0]


class RecipePicture(models.Model):
    """Keep a picture of where people find what a device asks of them: its button, its display, its label."""

    recipe = models.OneToOneField(Recipe, models.CASCADE, primary_key=True, related_name="picture", db_constraint=False)
    digest = models.CharField(max_length=16)
    data = models.BinaryField()  # a JPEG

    def __str__(self) -> str:
        return f"{self.recipe_id}: {self.digest}"


class RecipeVersion(models.Model):
    """Record what a recipe says at one time; never changed once made."""

    class CredentialKind(models.TextChoices):
        ACCESS_KEY = "access-key", "Access key and secret, made when it is added"
        CERTIFICATE = "certificate", "X.509 certificate from the factory"
        ACTIVATION = "activation", "None yet: the device fetches it when it activates"

    recipe = models.ForeignKey(Recipe, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(default=1)
    model = models.ForeignKey(DeviceModel, models.PROTECT, null=True, blank=True, related_name="recipe_versions")
    default_tags = models.JSONField(default=dict, blank=True)
    credential_kind = models.CharField(max_length=12, choices=CredentialKind.choices, default=CredentialKind.ACCESS_KEY)
    # Whether devices that never connect expire after the organisation's activation window.
    expires = models.BooleanField(default=False)
    commands = models.JSONField(default=list, blank=True, db_default=[])  # devices.recipes.command_lines
    identity = models.JSONField(default=dict, blank=True)  # devices.identity.formats; empty: the organisation's format
    # Empty: as the organisation says.
    presence = models.CharField(max_length=16, choices=Presence.choices, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recipe", "number"], name="recipe_version_once")]

    def __str__(self) -> str:
        return f"{self.recipe} {self.number}"


@prepared
def select_last_version(recipe: int) -> models.QuerySet[RecipeVersion]:
    related = RecipeVersion.objects.filter(recipe=recipe).select_related("recipe__organisation", "model")
    return related.order_by("-number")[:1]


class Attribute(models.Model):
    """Declare a named value that devices report, with type, unit and the range that is expected of a number."""

    class Type(models.TextChoices):
        NUMBER = "number", "Number"
        STRING = "string", "Text"
        BOOLEAN = "boolean", "Yes or no"
        GPS = "gps", "GPS position"

    version = models.ForeignKey(RecipeVersion, models.CASCADE, related_name="attributes")
    name = models.CharField(max_length=64, validators=[RegexValidator(ATTRIBUTE_NAME)])
    label = models.CharField(max_length=120)
    type = models.CharField(max_length=8, choices=Type.choices, default=Type.NUMBER)
    unit = models.CharField(max_length=16, blank=True)
    minimum = models.FloatField(null=True, blank=True)
    maximum = models.FloatField(null=True, blank=True)
    decimals = models.PositiveSmallIntegerField(null=True, blank=True)  # shown of a number; null: as they come
    reads_text = models.BooleanField(default=False, db_default=False)  # a number written as text is read
    faults = models.CharField(max_length=120, blank=True, default="", db_default="")  # values that are a fault: "a, b"
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="attribute_name_once"),
            models.CheckConstraint(
                condition=Q(minimum=None) | Q(maximum=None) | Q(minimum__lte=F("maximum")),
                name="attribute_range_is_one",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def span(self) -> str:
        """Return the expected range in words; empty without one."""
        low, high = (
            None if end is None else f"{end:,.12g}".replace("-", "\u2212") for end in (self.minimum, self.maximum)
        )
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""

    def is_outside(self, value: object) -> bool:
        """Return whether the value is a number outside the expected range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.minimum is not None and value < self.minimum) or (
            self.maximum is not None and value > self.maximum
        )

    @property
    def fault_values(self) -> list[str]:
        """Return the values, as text, that say that the device has a fault."""
        return list(filter(None, (text.strip() for text in self.faults.split(","))))

    def is_fault(self, value: object) -> bool:
        """Return whether the value says that the device has a fault."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return any(is_number(text) and float(text) == value for text in self.fault_values)
        written = str(value).lower() if isinstance(value, bool) else value
        return written in self.fault_values

    @property
    def is_watched(self) -> bool:
        """Return whether some value of it would need attention."""
        return bool(self.faults) or self.minimum is not None or self.maximum is not None


def is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
