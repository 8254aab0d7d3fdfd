"""Values that the people-facing API can't accept: each is told with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import ValidationError

if TYPE_CHECKING:
    from django import forms


class BadQuery(ValidationError):
    """Report errors of query parameters, or with `where` of headers: name -> messages."""

    def __init__(self, detail: object, *, where: str = "parameter") -> None:
        super().__init__(detail)  # type: ignore[arg-type]
        self.where = where


def convert_form_errors(form: forms.BaseForm) -> ValidationError:
    """Return a form's errors as the API's; those of the whole form become `non_field_errors`."""
    messages = {name: [str(message) for message in errors] for name, errors in form.errors.items()}
    if "__all__" in messages:
        messages["non_field_errors"] = messages.pop("__all__")
    return ValidationError(messages)
