"""The format of serials, as a form asks for it: of a recipe, or of the whole organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from devices.identity import formats, serials
from devices.identity.formats import Format, Kind, Separator
from lib.stored_form import StoredForm

if TYPE_CHECKING:
    from collections.abc import Mapping

SEPARATORS = {Separator.COLON: "colon", Separator.DASH: "dash", Separator.NONE: "none"}
WRITTEN = {name: separator for separator, name in SEPARATORS.items()}


class IdentityForm(StoredForm):
    """Ask for a format. After validation `stored_json` is its JSON; empty stands for `usual`, to which the first choice
    falls back.

    Shown by `devices/recipes/_formats.html` (with `identity`), with live examples from `devices:recipe-format`.
    """

    kind = forms.ChoiceField(label="Kind", required=False)
    prefix = forms.CharField(  # type: ignore[assignment]
        label="Prefix",
        required=False,
        max_length=formats.MAX_PREFIX,
        strip=False,
        help_text="What every serial begins with, exactly as it is written: GW-",
    )
    length = forms.IntegerField(
        label="Length after the prefix",
        required=False,
        min_value=1,
        max_value=serials.MAX_LENGTH,
        help_text="In characters. Without it any length fits, and Handover can't make such serials itself.",
    )
    casing = forms.ChoiceField(label="Letters A to F in", required=False, choices=formats.Casing.choices)
    separator = forms.ChoiceField(
        label="Between the bytes",
        required=False,
        choices=[(SEPARATORS[Separator(value)], label) for value, label in Separator.choices],
    )
    sample = forms.CharField(label="Try a serial", required=False, max_length=formats.MAX_GIVEN, strip=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        stored: object = None,
        usual: Format,
        whose: str = "",
        **kwargs: Any,
    ) -> None:
        """Take in `whose` the name of the first choice, "The organisation's format"; without it there is none."""
        own = _read_format(stored)
        super().__init__(
            data,
            prefix="identity",
            stored=_build_initial(own or (None if whose else usual)),
            use_required_attribute=False,
            **kwargs,
        )
        kind: Any = self.fields["kind"]
        kind.choices = [("", whose), *Kind.choices] if whose else Kind.choices
        self.usual = usual
        self.format = own or usual

    def clean(self) -> dict[str, Any]:
        chosen = {name: self.cleaned_data.get(name) for name in ("kind", "prefix", "length", "casing", "separator")}
        if not chosen["kind"]:
            self.format = self.usual
        elif not self.errors:
            self._refuse_impossible(chosen)
        return self.cleaned_data

    def _refuse_impossible(self, chosen: dict[str, Any]) -> None:
        try:
            plain = Format(chosen["kind"], chosen["prefix"] or "")
        except ValueError as error:
            self.add_error("prefix", str(error))
            return
        separator = WRITTEN.get(chosen["separator"], Separator.COLON)
        try:
            self.format = Format(plain.kind, plain.prefix, chosen["length"], chosen["casing"] or "any", separator)
        except ValueError as error:
            self.add_error("length", str(error))

    @property
    def stored_json(self) -> dict[str, Any]:
        return self.format.as_json() if self.cleaned_data.get("kind") else {}

    @property
    def valid_format(self) -> Format | None:
        """Return the format as far as it is filled in; None if it is impossible."""
        return self.format if not self.is_bound or self.is_valid() else None

    @property
    def tried_serial(self) -> str:
        return self.cleaned_data.get("sample", "") if self.is_bound and self.is_valid() else ""

    @property
    def trouble(self) -> str | None:
        """Say why the tried serial does not fit; None if it does."""
        return self.format.problem(self.tried_serial)


def _read_format(stored: object) -> Format | None:
    try:
        return Format.from_json(stored) if stored else None
    except ValueError:
        return None


def _build_initial(known: Format | None) -> dict[str, Any]:
    if known is None:
        return {"kind": ""}
    chosen = {"kind": known.kind, "prefix": known.prefix, "length": known.length, "casing": known.casing}
    return chosen | {"separator": SEPARATORS[Separator(known.separator)]}
