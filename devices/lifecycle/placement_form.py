"""Putting devices into a group straight away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from tenants.picker import GroupField

if TYPE_CHECKING:
    from tenants.models import User


class PlacingForm(forms.Form):
    """Ask for a group to put devices into straight away, instead of leaving that to a technician."""

    group = GroupField(
        required=False,
        empty_label="None: a technician places them",
        error_messages={"invalid_choice": "This group can't take devices (any more). Choose another one."},
    )

    def offer_groups(self, user: User) -> None:
        group = self.fields["group"]
        assert isinstance(group, GroupField)
        group.offer(user, "place")
