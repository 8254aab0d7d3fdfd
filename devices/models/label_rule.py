"""What an organisation knows of its makers' labels: how fields are called, and which model a profile means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from devices.models.recipe import DeviceModel, Recipe
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class LabelRuleQuerySet(models.QuerySet["LabelRule"]):
    def manageable_by(self, user: User | AnonymousUser) -> LabelRuleQuerySet:
        """Return the organisation's, to its admins."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)


class LabelRule(models.Model):
    """Say which model a device is whose label has this profile, or this AppEUI (JoinEUI), and from which recipe it is
    made when it is added."""

    class Kind(models.TextChoices):
        PROFILE = "profile", "Profile"
        JOIN_EUI = "join_eui", "AppEUI or JoinEUI"

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="label_rules")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    value = models.CharField(max_length=64)  # as devices.identity.label_facts cleans it
    # Without a constraint: the former release, which runs on during an upgrade, deletes models and knows of no rule.
    model = models.ForeignKey(DeviceModel, models.CASCADE, related_name="label_rules", db_constraint=False)
    recipe = models.ForeignKey(Recipe, models.SET_NULL, null=True, blank=True, related_name="label_rules")

    objects = LabelRuleQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "kind", "value"], name="label_rule_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"


class LabelNameQuerySet(models.QuerySet["LabelName"]):
    def manageable_by(self, user: User | AnonymousUser) -> LabelNameQuerySet:
        """Return the organisation's, to its admins."""
        if not isinstance(user, User) or not user.owns_organisation:
            return self.none()
        return self.filter(organisation=user.organisation_id)


class LabelName(models.Model):
    """Say what a field of that name means in a label of JSON, or in the query of an address."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="label_names")
    name = models.CharField(max_length=64)  # folded
    fact = models.CharField(max_length=16)  # of devices.identity.label_facts.FACTS

    objects = LabelNameQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="label_name_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.fact}"
