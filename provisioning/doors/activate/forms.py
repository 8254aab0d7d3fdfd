"""What an admin says of a door of activation, and which devices it is opened for again."""

from __future__ import annotations

from typing import Any

from django import forms

from devices.identity import serials
from lib.fields import OneLineField
from lib.stored_form import StoredForm
from provisioning.doors.activate import content
from provisioning.doors.activate.operations import CERTIFICATE, HOURS, LONGEST_HOURS, PASSWORD, TOKEN
from provisioning.doors.client_certificates import read_authorities, write_pem

MOST_SERIALS = 500
LONGEST_AUTHORITIES = 20_000  # characters


class ActivateForm(StoredForm):
    hours = forms.IntegerField(
        label="Activation window, in hours",
        min_value=1,
        max_value=LONGEST_HOURS,
        initial=HOURS,
        help_text="From when a device was added, or opened again, until it has to have activated itself.",
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), f"Write a whole number from 1 to {LONGEST_HOURS:,}."
        ),
    )
    authentication = forms.ChoiceField(
        label="Devices authenticate with",
        choices=[
            (TOKEN, "A token that they get"),
            (PASSWORD, "A password that they choose"),
            (CERTIFICATE, "A TLS client certificate that they have"),
        ],
        initial=TOKEN,
        help_text="Devices that are activated already keep what they have.",
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose token, password or certificate."),
    )
    authorities = forms.CharField(
        label="Certificate authorities",
        required=False,
        max_length=LONGEST_AUTHORITIES,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM, of those that sign devices' certificates; where it is empty, devices may sign their own.",
    )
    vendor = OneLineField(
        required=False,
        max_length=120,
        help_text="As old firmware says it, where no host name says whose it is. It is your organisation's alone, for "
        "good.",
    )
    model = OneLineField(
        label="Vendor's model",
        required=False,
        max_length=120,
        help_text="As old firmware says it: this door is for that model alone then.",
    )

    def __init__(self, *args: Any, kept: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, stored=kept or None, **kwargs)
        self.kept = kept
        if kept:
            del self.fields["vendor"]

    def clean_authorities(self) -> str:
        text: str = self.cleaned_data["authorities"]
        try:
            return text and "".join(write_pem(each) for each in read_authorities(text))
        except ValueError:
            message = "Give certificates in PEM, each from -----BEGIN CERTIFICATE----- on, and no key."
            raise forms.ValidationError(message) from None

    @property
    def settings(self) -> dict[str, Any]:
        """Return what the door keeps."""
        vendor = self.kept.get("vendor", "") if self.kept else self.cleaned_data["vendor"]
        return {**self.cleaned_data, "vendor": vendor}


class SerialsForm(forms.Form):
    serials = forms.CharField(
        max_length=MOST_SERIALS * (serials.MAX_LENGTH + 2),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=f"One on each line, {MOST_SERIALS} at most.",
        error_messages={"required": "Write a serial at least."},
    )

    def clean_serials(self) -> list[str]:
        lines = self.cleaned_data["serials"].replace(",", "\n").splitlines()
        listed = [line.strip() for line in lines if line.strip()]
        if len(listed) > MOST_SERIALS:
            raise forms.ValidationError(f"At most {MOST_SERIALS} serials at once.")
        return listed


class ContentForm(forms.Form):
    """Ask for a file that the door's devices may download."""

    file = forms.FileField(
        help_text=f"{content.LARGEST:,} bytes at most.",
        error_messages={
            "required": "Choose a file.",
            "invalid": "Choose a file.",
            "missing": "Choose a file.",
            "empty": "This file is empty. Choose another one.",
        },
    )
    name = OneLineField(
        required=False,
        max_length=120,
        help_text="As devices ask for it; empty: the file's own. One with the same name is replaced.",
    )
    content_type = OneLineField(label="Type", required=False, max_length=80, help_text=f"Empty: {content.USUAL_TYPE}.")
    meta = OneLineField(
        label="Note for devices",
        required=False,
        max_length=200,
        help_text="They read it before they download: a version.",
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > content.LARGEST:
            raise forms.ValidationError(f"A file has {content.LARGEST:,} bytes at most, this one {file.size:,}.")
        return file

    def clean_content_type(self) -> str:
        text = self.cleaned_data["content_type"] or content.USUAL_TYPE
        if not content.TYPE.fullmatch(text):
            raise forms.ValidationError(f"Write a media type, such as {content.USUAL_TYPE}.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        name = cleaned.get("name") or (cleaned["file"].name if "file" in cleaned else "x")
        if "name" in cleaned and not content.NAME.fullmatch(name):
            self.add_error(
                "name", "A name has letters and digits of ASCII, dashes, underscores and dots, and begins with no dot."
            )
        return {**cleaned, "name": name}

    @property
    def content(self) -> dict[str, Any]:
        """Return what is uploaded."""
        told = {name: self.cleaned_data[name] for name in ("name", "content_type", "meta")}
        return {**told, "data": self.cleaned_data["file"].read()}
