"""Forms over what is stored: saving one undoes nothing that somebody else saved since it was shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.safestring import SafeString

SHOWN = "shown"
LONGEST = 200  # characters of a value that is told


class StoredForm(forms.Form):
    """Change what is `stored`, by the names of the fields; without that it is an ordinary form, of what is new.

    Its template has `{{ form.shown }}`: what the page showed comes back with what was typed. A field that was not
    touched is as it is stored now, and not among `changes`. One that somebody else changed, too, is refused, and
    replaces theirs when it is sent again. Sent without that (by a program) every field counts as touched.
    """

    def __init__(self, *args: Any, stored: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_stored = stored is not None
        self.initial = {**self.initial, **(stored or {})}
        self.untouched: set[str] = set()
        for name, field in self.fields.items():
            if stored and hasattr(field, "stored"):
                field.stored = stored.get(name, "")

    @property
    def shown(self) -> SafeString | str:
        """Return what comes back with the form; nothing where it is of what is new."""
        if not self.is_stored:
            return ""
        return format_html('<input type="hidden" name="{}" value="{}">', self.add_prefix(SHOWN), self._write_stored())

    @property
    def changes(self) -> dict[str, Any]:
        """Return what is to be stored, of a valid form: what was cleaned of the fields that were touched."""
        return {name: value for name, value in self.cleaned_data.items() if name not in self.untouched}

    def full_clean(self) -> None:
        conflicts = self._merge() if self.is_bound and self.is_stored else []
        super().full_clean()
        for name in conflicts:
            now = self._describe_stored(name)
            self.add_error(
                name,
                f"Somebody else changed this meanwhile: it is {now} now. Save again to put yours in its place, or "
                "enter what it is now to leave it.",
            )

    def _merge(self) -> list[str]:
        """Take for each field that was not touched what is stored now; return those that both changed."""
        shown = _read_shown(self.data.get(self.add_prefix(SHOWN)))
        now, conflicts = self._read_stored(), []
        for name in now:
            bound, before = self[name], shown.get(name)
            typed = _write(bound.field, bound.data)
            if before is not None and typed == before:
                self.untouched.add(name)
                if now[name] != before:
                    self._put_stored(name)
            elif before is not None and before != now[name] != typed:
                conflicts.append(name)
        return conflicts

    def _read_stored(self) -> dict[str, str]:
        """Return what is stored, as a page would send it back; files are not shown."""
        fields = {name: field for name, field in self.fields.items() if not isinstance(field, forms.FileField)}
        return {name: _write(field, self.get_initial_for_field(field, name)) for name, field in fields.items()}

    def _write_stored(self) -> str:
        return json.dumps(self._read_stored(), ensure_ascii=False)

    def _put_stored(self, name: str) -> None:
        """Have it as if what is stored now had been sent."""
        data: Any = self.data
        field, sent, html_name = self.fields[name], data.copy(), self.add_prefix(name)
        for key in [key for key in sent if key == html_name or key.startswith(f"{html_name}-")]:  # of a picker, too
            del sent[key]
        value = field.prepare_value(self.get_initial_for_field(field, name))
        if isinstance(value, (list, tuple)):
            sent.setlist(html_name, value) if hasattr(sent, "setlist") else sent.update({html_name: value})
        elif not isinstance(field, forms.BooleanField):
            sent[html_name] = "" if value is None else str(value)
        elif value:
            sent[html_name] = "on"
        self.data = sent

    def _describe_stored(self, name: str) -> str:
        """Say in words what is stored; never of a switch, which both can only have turned the same way."""
        field, value = self.fields[name], self.get_initial_for_field(self.fields[name], name)
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            choices: Any = field.choices
            labels = {str(key): str(label) for key, label in choices if not isinstance(label, (list, tuple))}
            values = value if isinstance(value, (list, tuple)) else [value]
            return f"“{', '.join(labels.get(str(each), str(each)) for each in values)}”"
        text = str(value if isinstance(field, forms.ModelChoiceField) and value else field.prepare_value(value) or "")
        return f"“{text if len(text) <= LONGEST else text[: LONGEST - 1] + '…'}”" if text else "empty"


def _read_shown(text: Any) -> dict[str, str]:
    try:
        shown = json.loads(text or "{}")
    except (ValueError, RecursionError, TypeError):
        return {}
    return {name: value for name, value in shown.items() if isinstance(value, str)} if isinstance(shown, dict) else {}


def _write(field: forms.Field, value: Any) -> str:
    """Return a value, stored or sent, so that the same are the same text, whichever line ends a browser has sent."""
    if isinstance(field, forms.BooleanField):
        return "on" if value else ""
    value = field.prepare_value(value)
    if isinstance(value, (list, tuple)):
        return "\n".join(sorted(map(str, value)))
    return "" if value is None else str(value).replace("\r\n", "\n").strip()
