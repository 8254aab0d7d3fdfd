"""Putting devices into a group straight away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms

from tenants.picker import GroupField

if TYPE_CHECKING:
    from tenants.models import User


class PlacingForm(forms.Form):
    """A group to put devices into straight away, instead of leaving that to a technician."""

    group = GroupField(
        required=False,
        empty_label="None: a technician places them",
        error_messages={"invalid_choice": "This group can't take devices (any more). Choose another one."},
    )

    def offer_groups(self, user: User) -> None:
        group = self.fields["group"]
        assert isinstance(group, GroupField)
        group.offer(user, "place")

    def refuse(self, error: forms.ValidationError) -> None:
        """What an operation says, beside the field that it is about, else above the form."""
        said = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        for field, texts in said.items():
            self.add_error(field if field in self.fields else None, texts)
