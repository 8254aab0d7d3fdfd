"""The tenant tree, and the settings of its roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from treebeard.mp_tree import MP_Node, MP_NodeManager, MP_NodeQuerySet

from lib import theme, zones

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AnonymousUser

    from tenants.models.people import User


class Role(models.IntegerChoices):
    """List the roles; each includes the ones below it."""

    VIEWER = 10, "viewer"
    TECHNICIAN = 20, "technician"
    ADMIN = 30, "admin"


def under(paths: Iterable[str], field: str = "path") -> Q:
    """Match rows whose tree path lies in one of the subtrees; no paths, no rows."""
    scope = Q(pk__in=[])
    for path in paths:
        scope |= Q(**{f"{field}__startswith": path})
    return scope


class GroupQuerySet(MP_NodeQuerySet):
    def visible_to(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> GroupQuerySet:
        """Select the subtrees in which the user has at least this role."""
        scoped: GroupQuerySet = self.filter(under(user.reach(role) if user.is_authenticated else ()))
        return scoped

    def manageable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.visible_to(user, Role.ADMIN)

    def registrable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        """Select the leaves into which the user may place devices."""
        leaves: GroupQuerySet = self.visible_to(user, Role.TECHNICIAN).filter(numchild=0, archived_at=None)
        return leaves


class GroupManager(MP_NodeManager):
    def get_queryset(self) -> GroupQuerySet:
        ordered: GroupQuerySet = GroupQuerySet(self.model, using=self._db).order_by("path")
        return ordered

    def visible_to(self, user: User | AnonymousUser, role: Role = Role.VIEWER) -> GroupQuerySet:
        scoped: GroupQuerySet = self.get_queryset().visible_to(user, role)
        return scoped

    def manageable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.get_queryset().manageable_by(user)

    def registrable_by(self, user: User | AnonymousUser) -> GroupQuerySet:
        return self.get_queryset().registrable_by(user)


class Group(MP_Node):
    """Hold a node of the tenant tree. A root is an organisation; only leaves hold devices."""

    name = models.CharField(max_length=120)
    # Kept for the history of the devices that were in it; nothing is placed in it any more.
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[GroupManager] = GroupManager()

    def __str__(self) -> str:
        return self.name

    @property
    def takes_devices(self) -> bool:
        """Tell whether devices can be placed in it."""
        return self.numchild == 0 and self.archived_at is None

    @property
    def root_path(self) -> str:
        return str(self.path[: self.steplen])

    @property
    def parent_path(self) -> str:
        return str(self.path[: -self.steplen])


class Presence(models.TextChoices):
    """What proves that somebody is there, before a device is placed."""

    PRESS = "press", "Press of the device's button"
    CLAIM_CODE = "claim-code", "Claim code from the label"
    ROTATING_CODE = "rotating-code", "Rotating code on the device's display"
    CHALLENGE = "challenge", "Digits entered at the device, which signs them"
    NONE = "none", "Nothing"


class Organisation(models.Model):
    """Hold the settings of a root group: the isolation border."""

    class LabelContent(models.TextChoices):
        SERIAL = "serial", "The serial alone"
        URL = "url", "This site's address for the device"

    class LabelSymbology(models.TextChoices):
        QR_CODE = "qr-code", "QR codes alone"
        DATA_MATRIX = "data-matrix", "QR codes and Data Matrix"
        CODE_128 = "code-128", "QR codes, Data Matrix and Code 128"

    root = models.OneToOneField(Group, models.PROTECT, related_name="organisation")
    slug = models.SlugField(unique=True)
    window_seconds = models.PositiveIntegerField(default=300, validators=[MinValueValidator(30)])
    allow_reprovisioning = models.BooleanField(default=False)
    presence = models.CharField(max_length=16, choices=Presence.choices, default="press", db_default="press")
    # Whether technicians may register what asks for no proof; else admins alone may.
    skip_presence = models.BooleanField(default=False, db_default=False)
    # Whether a device may be one person's, below its group (docs/decisions/0044).
    personal_devices = models.BooleanField(default=False, db_default=False)
    # Devices that never connect expire after it, where their recipe says so.
    activation_hours = models.PositiveIntegerField(default=48, validators=[MinValueValidator(1)])
    result_hours = models.PositiveIntegerField(
        default=24, validators=[MinValueValidator(1)]
    )  # for results with secrets
    # How long reports are kept, in days; for ever, if null. What was reported before is deleted.
    kept_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    # Of people who chose none, and of what devices report without one.
    time_zone = models.CharField(max_length=64, default="UTC", db_default="UTC", validators=[zones.validate_zone])
    clock = models.CharField(max_length=2, choices=zones.Clock.choices, default="24", db_default="24")
    require_two_factor = models.BooleanField(default=False, db_default=False)  # else its people reach nothing
    label_content = models.CharField(max_length=8, choices=LabelContent.choices, default=LabelContent.SERIAL)
    # What the scanner reads as a label; else it is named.
    label_symbology = models.CharField(
        max_length=16, choices=LabelSymbology.choices, default="qr-code", db_default="qr-code"
    )
    identity = models.JSONField(default=dict, blank=True)  # format of serials; empty: Handover's own
    colour = models.CharField(max_length=7, default="#0f5cc0", validators=[RegexValidator(r"^#[0-9a-f]{6}\Z")])
    logo = models.BinaryField(null=True, blank=True, validators=[theme.validate_logo])
    logo_digest = models.CharField(max_length=12, blank=True, editable=False)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the digest beside the logo, so that pages can name the picture without reading it."""
        if "logo" in self.__dict__:
            self.logo_digest = theme.digest(bytes(self.logo)) if self.logo else ""
            if "logo" in (fields := kwargs.get("update_fields") or ()):
                kwargs["update_fields"] = {*fields, "logo_digest"}
        super().save(*args, **kwargs)

    @property
    def theme_digest(self) -> str:
        return theme.digest(theme.render_stylesheet(self.colour).encode())

    @property
    def name(self) -> str:
        return self.root.name
