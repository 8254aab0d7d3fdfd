"""Choosing whose a device is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.lifecycle import persons
from lib.fields import OneLineField
from lib.refusals import Refusal
from lib.stored_form import StoredForm

if TYPE_CHECKING:
    from devices.models import Device
    from tenants.models import Group, User

EVERYBODY = "Everybody of the group"


class PersonField(OneLineField):
    """Take the e-mail address of whose the device is, or nothing: a list of few people, a text where there are many."""

    user: User

    def __init__(self, **kwargs: Any) -> None:
        said = "Of the group, only that person and the admins see the device then."
        super().__init__(label="Who sees it", required=False, max_length=254, help_text=said, **kwargs)

    def offer(self, user: User, group: Group | None = None) -> None:
        """Offer the people whom the user knows, themselves first; of a group that is known already, who has a role."""
        self.user = user
        people = list(persons.list_known(user, group)[: persons.OFFERED + 1])
        if len(people) > persons.OFFERED:
            self.help_text = f"Empty: everybody of the group. Else one person's e-mail address. {self.help_text}"
            self.widget = forms.EmailInput({"autocomplete": "off", "maxlength": 254})
            return
        mine = [(user.email, f"Only me ({user})")] if user in people else []
        others = [(person.email, f"Only {person}") for person in people if person != user]
        self.widget = forms.Select(choices=[("", EVERYBODY), *mine, *others])

    def clean(self, value: Any) -> Any:
        email = super().clean(value)
        if not email:
            return None
        try:
            return persons.find_person(self.user, email)
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal), code="invalid_choice") from None


class PersonForm(StoredForm):
    name = OneLineField(
        label="Name",
        max_length=120,
        help_text="What else was written about the device so far, and what it reported, stays with whoever has it now.",
        error_messages={"required": "Give the device a name."},
    )
    person = PersonField()
    field_order = ("person", "name")

    def __init__(self, data: Any, *, user: User, device: Device) -> None:
        stored = {"name": device.name, "person": device.person.email if device.person else ""}
        super().__init__(data, stored=stored, auto_id="person-%s", use_required_attribute=False)
        field: Any = self.fields["person"]
        field.offer(user, device.group)
