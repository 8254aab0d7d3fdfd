"""What an action asks for besides the devices. Choices start from what the user manages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import Exists, OuterRef

from devices import tags
from devices.bulk_actions.eligibility import Params
from devices.identity import serials
from devices.lifecycle.person_field import PersonField
from devices.models import BulkAction, Device, DeviceModel, Recipe, RecipeVersion
from devices.recipes.command_lines import find_declared, find_problem, read_declared
from devices.refusals import DEVICE_RETIRED, PERSON_NOT_ALLOWED
from devices.ties.listing import find_gateway
from lib.fields import RowField
from lib.refusals import Refusal
from tenants.models import Organisation
from tenants.picker import GroupField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenants.models import User


UNDECLARED = "It is not declared."


class ParamsForm(forms.Form):
    """Ask for nothing, as most kinds of action do."""

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, auto_id="set-%s", use_required_attribute=False)
        self.user = user

    def params(self) -> Params:
        return Params()


class MoveForm(ParamsForm):
    group = GroupField(
        label="Group",
        empty_label="Choose a group",
        error_messages={
            "required": "Choose the group into which they go.",
            "invalid_choice": "This group is gone, or can't take devices any more. Choose another.",
        },
    )
    keep = forms.BooleanField(
        label="Keep names, descriptions and tags",
        required=False,
        help_text="For moves between two groups of one customer. Otherwise what a tenant wrote stays behind.",
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        group = self.fields["group"]
        assert isinstance(group, GroupField)
        group.offer(self.user, "put")

    def params(self) -> Params:
        return Params(group=self.cleaned_data["group"].pk, keep=self.cleaned_data["keep"])


class UntagForm(ParamsForm):
    """Take any name: what came to a device before a rule can go."""

    tag = forms.CharField(label="Tag", max_length=tags.ENTRY_LENGTH, error_messages={"required": "Name the tag."})

    def params(self) -> Params:
        return Params(tag=self.cleaned_data["tag"])


class TagForm(UntagForm):
    value = forms.CharField(label="Value", required=False)

    def clean_tag(self) -> str:
        return tags.clean_name(self.cleaned_data["tag"])

    def clean_value(self) -> str:
        if "value" not in self.data:
            raise forms.ValidationError("Give the tag a value; it may be empty.")
        return tags.clean_value(self.cleaned_data["value"])

    def params(self) -> Params:
        return Params(tag=self.cleaned_data["tag"], value=self.cleaned_data["value"])


class ModelForm(ParamsForm):
    model = RowField(
        DeviceModel.objects.none(),
        label="Model",
        empty_label="Choose a model",
        error_messages={"required": "Choose a model.", "invalid_choice": "This model is gone. Choose another."},
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        offered = DeviceModel.objects.visible_to(self.user).available()
        self.fields["model"].queryset = offered  # type: ignore[attr-defined]

    def params(self) -> Params:
        return Params(model=self.cleaned_data["model"].pk)


class RecipeForm(ParamsForm):
    recipe = RowField(
        Recipe.objects.none(),
        label="Recipe",
        empty_label="Choose a recipe",
        error_messages={"required": "Choose a recipe.", "invalid_choice": "This recipe is gone. Choose another."},
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        offered = Recipe.objects.manageable_by(self.user).available()
        self.fields["recipe"].queryset = offered  # type: ignore[attr-defined]

    def params(self) -> Params:
        return Params(version=self.cleaned_data["recipe"].current.pk)


class ReissueForm(ParamsForm):
    END: ClassVar[list[tuple[str, str]]] = [
        ("use", "When a device uses its new credential for the first time"),
        ("now", "At once: the devices are cut off until they have the new ones"),
    ]
    old = forms.ChoiceField(
        choices=END,
        label="The old credentials end",
        initial="use",
        widget=forms.RadioSelect,
        error_messages={"required": "Say when the old credentials end."},
    )

    def params(self) -> Params:
        return Params(at_once=self.cleaned_data["old"] == "now")


class CommandForm(ParamsForm):
    """Ask for a command that some device of the user's takes, and what goes with it."""

    command = forms.ChoiceField(
        label="Command",
        error_messages={"required": "Choose a command.", "invalid_choice": "No device of yours takes this command."},
    )
    payload = forms.JSONField(
        label="Payload",
        required=False,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false"}),
        help_text='JSON, such as {"load": 200}; empty where the command takes none.',
        error_messages={"invalid": "This is no JSON."},
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        mine = Exists(Device.objects.manageable_by(user).filter(version=OuterRef("pk")))
        versions = RecipeVersion.objects.filter(mine, recipe__organisation=user.organisation_id)
        self._versions = list(versions.exclude(commands=[]).order_by("-pk"))
        labels = {each.name: each.label for version in self._versions for each in read_declared(version)}
        choices = [("", "Choose a command"), *sorted(labels.items(), key=lambda pair: pair[1].casefold())]
        self.fields["command"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not self.errors:
            problems = [self._find_problem(version) for version in self._versions]
            if problems and all(problems):
                self.add_error("payload", next(filter(None, filter(lambda each: each != UNDECLARED, problems))))
        return cleaned

    def _find_problem(self, version: RecipeVersion) -> str:
        """Return why devices of the version don't take it; empty where they do."""
        declared = find_declared(version, self.cleaned_data["command"])
        if declared is None:
            return UNDECLARED
        problem = find_problem(declared, self.cleaned_data["payload"])
        return problem[1] if problem else ""

    def params(self) -> Params:
        fit = tuple(sorted(version.pk for version in self._versions if not self._find_problem(version)))
        return Params(command=self.cleaned_data["command"], payload=self.cleaned_data["payload"], versions=fit)


class UntieForm(ParamsForm):
    gateway = forms.CharField(
        label="Serial of the gateway",
        required=False,
        max_length=serials.MAX_LENGTH * 2,  # as typed, in fours
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text="Empty: all that speak for them.",
    )

    def clean_gateway(self) -> Device | None:
        serial: str = self.cleaned_data["gateway"]
        if not serial.strip():
            return None
        try:
            return find_gateway(self.user, serial)
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal), code="invalid_choice") from None

    def params(self) -> Params:
        gateway: Device | None = self.cleaned_data["gateway"]
        return Params(gateway=gateway.serial, speaker=gateway.pk) if gateway else Params()


class TieForm(UntieForm):
    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        asked = self.fields["gateway"]
        asked.required, asked.help_text = True, ""
        asked.error_messages["required"] = "Give the serial of the gateway."

    def clean_gateway(self) -> Device | None:
        gateway = super().clean_gateway()
        if gateway is not None and gateway.retired_at is not None:
            raise forms.ValidationError(str(Refusal(DEVICE_RETIRED)), code="invalid_choice")
        return gateway


class GiveForm(ParamsForm):
    person = PersonField()

    def __init__(self, data: Mapping[str, str] | None = None, *, user: User) -> None:
        super().__init__(data, user=user)
        people: Any = self.fields["person"]
        people.offer(user)

    def clean_person(self) -> User | None:
        person: User | None = self.cleaned_data["person"]
        if person and not Organisation.objects.filter(users=self.user, personal_devices=True).exists():
            raise forms.ValidationError(str(Refusal(PERSON_NOT_ALLOWED)), code="invalid_choice")
        return person

    def params(self) -> Params:
        person: User | None = self.cleaned_data["person"]
        return Params(person=person.pk if person else 0)


FORMS: dict[str, type[ParamsForm]] = {
    BulkAction.Kind.MOVE: MoveForm,
    BulkAction.Kind.TAG: TagForm,
    BulkAction.Kind.UNTAG: UntagForm,
    BulkAction.Kind.MODEL: ModelForm,
    BulkAction.Kind.RECIPE: RecipeForm,
    BulkAction.Kind.REISSUE: ReissueForm,
    BulkAction.Kind.COMMAND: CommandForm,
    BulkAction.Kind.TIE: TieForm,
    BulkAction.Kind.UNTIE: UntieForm,
    BulkAction.Kind.PERSON: GiveForm,
}


def params_form(kind: str, data: Mapping[str, str] | None = None, *, user: User) -> ParamsForm:
    return FORMS.get(kind, ParamsForm)(data, user=user)


class ConfirmForm(forms.Form):
    """Ask once more: `digest` is the preview's; `typed` the number of devices, where a slip would hurt."""

    digest = forms.CharField(max_length=32, widget=forms.HiddenInput)
    typed = forms.CharField(max_length=12, required=False)

    def __init__(self, data: Mapping[str, str] | None = None, *, number: int, dangerous: bool) -> None:
        super().__init__(data, auto_id="confirm-%s", use_required_attribute=False)
        self.number, self.dangerous = number, dangerous
        self.fields["typed"].required = dangerous
        self.fields["typed"].error_messages["required"] = f"Type the number of devices that change: {number:,}."
        self.fields["typed"].label = f"Type {number:,} to confirm"
        self.fields["typed"].widget.attrs |= {"inputmode": "numeric", "autocomplete": "off"}

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if self.dangerous and typed.replace(",", "").strip() != str(self.number):
            raise forms.ValidationError(f"Type the number of devices that change: {self.number:,}.")
        return typed
