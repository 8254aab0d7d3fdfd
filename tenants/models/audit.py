"""What happened to groups, people, tokens and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.functions import Now

from tenants.models.people import User
from tenants.models.tree import Group, Organisation, Role, under

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def matching(self, reader: User, *, who: str = "", q: str = "") -> AuditEntryQuerySet:
        """Select what somebody did of whom the reader may know, and whose name or address contains `who`; with `q` in
        its words."""
        rows = self.filter(by__in=User.objects.known_to(reader).called(who)) if who else self.all()
        return rows.filter(what__icontains=q) if q else rows

    def visible_to(self, user: User | AnonymousUser) -> AuditEntryQuerySet:
        """Select what happened to groups that the user manages; for an admin of the whole organisation, all of it."""
        if not isinstance(user, User) or user.organisation_id is None:
            return self.none()
        entries = self.filter(organisation=user.organisation_id)
        return entries if user.owns_organisation else entries.filter(under(user.reach(Role.ADMIN), "group__path"))

    def hand_up(self, group: Group, to: Group) -> None:
        """Give what is said of a group to the one above it; then it may be deleted."""
        self.filter(group=group).update(group=to)


class AuditEntry(models.Model):
    """Record an immutable fact about groups, people, tokens or settings. Devices have events of their own."""

    class Kind(models.TextChoices):
        GROUP = "group", "Group"
        PERSON = "person", "Person"
        INVITATION = "invitation", "Invitation"
        TOKEN = "token", "API token"
        SETTING = "setting", "Setting"

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="changes")
    # Whoever manages this group may read it, wherever the group lies by now. An id is never given out twice, a path is.
    # None, of entries older than this column: for the organisation's own admins.
    group = models.ForeignKey(Group, models.PROTECT, null=True, related_name="changes")
    group_name = models.CharField(max_length=120, db_default="")  # of what it is about, as it was called then
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.GROUP, db_default=Kind.GROUP)
    what = models.CharField(max_length=300)  # in words: "Sadler-Isberg renamed to Sadler"
    data = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=Now())

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"]),
            # The journal's: of all, of a kind, of a group, of a person.
            models.Index(fields=["organisation", "at", "id"], name="entry_journal"),
            models.Index(fields=["organisation", "kind", "at", "id"], name="entry_of_kind"),
            models.Index(fields=["group", "at", "id"], name="entry_of_group"),
            models.Index(fields=["by", "at", "id"], name="entry_of_person"),
        ]

    def __str__(self) -> str:
        return self.what

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("Changes are immutable.")
        super().save(*args, **kwargs)
