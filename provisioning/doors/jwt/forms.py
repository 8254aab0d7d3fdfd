"""What an admin says of a door of signed tokens, and the keys that sign them."""

from __future__ import annotations

from typing import Any

from django import forms

from lib.fields import OneLineField
from lib.stored_form import StoredForm
from provisioning.doors.jwt import keys


class JwtForm(StoredForm):
    issuer = OneLineField(
        max_length=200,
        help_text="The iss of its tokens, such as factory.example. It is your organisation's alone, for good.",
        error_messages={"required": "Name the issuer of its tokens."},
    )
    algorithms = forms.MultipleChoiceField(
        choices=[(name, name) for name in keys.ALGORITHMS],
        initial=["ES256"],
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": "Choose an algorithm at least.",
            "invalid_choice": f"Choose among {', '.join(keys.ALGORITHMS)}.",
            "invalid_list": f"Choose among {', '.join(keys.ALGORITHMS)}.",
        },
    )
    audience = OneLineField(
        required=False, max_length=200, help_text="The aud that its tokens have to name. Empty: any or none."
    )
    expires = forms.BooleanField(
        label="Tokens have to expire", required=False, help_text="Else one without exp counts until its key is ended."
    )
    once = forms.BooleanField(
        label="Each token counts once", required=False, help_text="By its jti, which each token then has to have."
    )
    leeway = forms.IntegerField(
        label="Leeway of clocks, in seconds",
        required=False,
        min_value=0,
        max_value=600,
        initial=30,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Write a whole number from 0 to 600."),
    )

    def __init__(self, *args: Any, kept: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, stored=kept or None, **kwargs)
        self.kept = kept
        if kept:
            del self.fields["issuer"]

    @property
    def settings(self) -> dict[str, Any]:
        """Return what the door keeps."""
        values = self.cleaned_data
        issuer = self.kept["issuer"] if self.kept else values["issuer"]
        return {**values, "issuer": issuer, "leeway": values["leeway"] or 0}


class KeyForm(forms.Form):
    name = OneLineField(
        label="Key ID",
        required=False,
        max_length=200,
        help_text="The kid by which tokens name it, if they do. A JWKS brings its own.",
    )
    text = forms.CharField(
        label="Public key or JWKS",
        required=False,
        max_length=keys.LONGEST_FILE,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text="PEM, or a JWKS in JSON. Never a private key.",
    )
    file = forms.FileField(label="Or a file with it", required=False)
    secret = forms.CharField(
        label="Or a shared secret (HS256)",
        required=False,
        max_length=keys.LONGEST_SECRET,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="At least 32 characters. Whoever has it can make tokens: a pair of keys is safer.",
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        name, text, file, secret = (values[each] for each in ("name", "text", "file", "secret"))
        if sum(map(bool, (text, file, secret))) != 1:
            raise forms.ValidationError("Give one: a public key, a file with keys, or a shared secret.")
        try:
            values["given"] = (
                [keys.read_secret(secret, name)]
                if secret
                else keys.read_public_keys(text or self._read_file(file), name)
            )
        except ValueError as error:
            where = "secret" if secret else "file" if file else "text"
            raise forms.ValidationError({where: str(error)}) from None
        return values

    def _read_file(self, file: Any) -> str:
        if file.size > keys.LONGEST_FILE:
            raise forms.ValidationError({"file": "This file is too large for keys."})
        try:
            return str(file.read().decode())
        except ValueError:
            raise forms.ValidationError({"file": keys.NO_KEY}) from None
