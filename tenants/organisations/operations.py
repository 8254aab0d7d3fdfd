"""The settings of an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction

from lib import names, pictures
from tenants.audit import log as audit_log
from tenants.groups import operations as groups
from tenants.people import operations as people

if TYPE_CHECKING:
    from tenants.models import Organisation, User

SETTINGS = (
    "window_seconds",
    "allow_reprovisioning",
    "require_two_factor",
    "label_content",
    "activation_hours",
    "result_hours",
    "colour",
    "logo",
)
WORDS = {
    "window_seconds": "Window length",
    "allow_reprovisioning": "Re-provisioning",
    "require_two_factor": "Two-factor sign-in for everybody",
    "label_content": "Label content",
    "activation_hours": "Activation time",
    "result_hours": "Time for downloads with secrets",
    "colour": "Colour",
    "logo": "Logo",
}


def change(*, organisation: Organisation, by: User, name: str | None = None, **given: Any) -> list[str]:
    """Store the settings that differ, each recorded as old and new; returns what changed, in words.

    A logo is kept as it is made anew from the picture given. Raises ValidationError by field.
    """
    if given.get("logo"):
        given["logo"] = _reduced(given["logo"])
    name = None if name is None else names.clean_name(name)
    with transaction.atomic():
        current = people.lock(organisation.root.path)
        if given.get("require_two_factor") and not current.require_two_factor:
            _refuse_without_second_factor(by)
        differing = {field: given[field] for field in SETTINGS if field in given and _differs(current, field, given)}
        before = {field: _shown(current, field) for field in differing}
        for field, value in differing.items():
            setattr(current, field, value)
        if differing:
            current.full_clean(validate_unique=False)
            current.save(update_fields=[*differing])
        for field in differing:
            facts = [before[field], _shown(current, field)]
            what = f"{WORDS[field]} changed from {facts[0]} to {facts[1]}"
            audit_log.record(group=current.root, by=by, what=what, about=current.name, **{field: facts})
        renamed = name is not None and current.name != name
        if name is not None:
            groups.rename(group=current.root, name=name, by=by)
    return [*(["Name"] if renamed else []), *(WORDS[field] for field in differing)]


def _reduced(logo: bytes) -> bytes:
    try:
        return pictures.reduced(logo)
    except ValidationError as error:
        raise ValidationError({"logo": error.messages}) from None


def _refuse_without_second_factor(user: User) -> None:
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise ValidationError({"require_two_factor": "Turn it on for yourself first, or you would be kept out too."})


def _differs(current: Organisation, field: str, given: dict[str, Any]) -> bool:
    was = getattr(current, field)
    if field == "logo":
        return bytes(was or b"") != bytes(given[field] or b"")
    return bool(was != given[field])


def _shown(organisation: Organisation, field: str) -> str:
    """A value as the log has it: pictures by their digest."""
    if field == "logo":
        return organisation.logo_digest or "none"
    value = getattr(organisation, field)
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
