"""The settings of an organisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction

from lib import names, pictures
from tenants.audit import log as audit_log
from tenants.groups import operations as groups
from tenants.models import AuditEntry
from tenants.people import operations as people

if TYPE_CHECKING:
    from tenants.models import Organisation, User

SETTINGS = (
    "time_zone",
    "clock",
    "window_seconds",
    "allow_reprovisioning",
    "presence",
    "skip_presence",
    "personal_devices",
    "require_two_factor",
    "label_content",
    "label_symbology",
    "activation_hours",
    "result_hours",
    "kept_days",
    "colour",
    "logo",
)
WORDS = {
    "time_zone": "Time zone",
    "clock": "Clock",
    "window_seconds": "Window length",
    "allow_reprovisioning": "Re-provisioning",
    "presence": "Proof of presence",
    "skip_presence": "Registering without proof, by technicians",
    "personal_devices": "Devices of one person",
    "require_two_factor": "Two-factor sign-in for everybody",
    "label_content": "Label content",
    "label_symbology": "Codes read as labels",
    "activation_hours": "Activation time",
    "result_hours": "Time for downloads with secrets",
    "kept_days": "Days that reports are kept",
    "colour": "Colour",
    "logo": "Logo",
}


def change(*, organisation: Organisation, by: User, name: str | None = None, **settings: Any) -> list[str]:
    """Store the settings that differ, each recorded as old and new; return what changed, in words.

    A logo is kept as it is made anew from the picture given. Raises ValidationError by field.
    """
    if settings.get("logo"):
        settings["logo"] = _reduce_logo(settings["logo"])
    name = None if name is None else names.clean_name(name)
    with transaction.atomic():
        current = people.lock_organisation(organisation.root.path)
        if settings.get("require_two_factor") and not current.require_two_factor:
            _refuse_without_second_factor(by)
        differing = {
            field: settings[field] for field in SETTINGS if field in settings and _differs(current, field, settings)
        }
        before = {field: _describe_value(current, field) for field in differing}
        for field, value in differing.items():
            setattr(current, field, value)
        if differing:
            current.full_clean(validate_unique=False)
            current.save(update_fields=[*differing])
        for field in differing:
            facts = [before[field], _describe_value(current, field)]
            what = f"{WORDS[field]} changed from {facts[0]} to {facts[1]}"
            audit_log.record(
                AuditEntry.Kind.SETTING, group=current.root, by=by, what=what, about=current.name, **{field: facts}
            )
        renamed = name is not None and current.name != name
        if name is not None:
            groups.rename(group=current.root, name=name, by=by)
    return [*(["Name"] if renamed else []), *(WORDS[field] for field in differing)]


def _reduce_logo(logo: bytes) -> bytes:
    try:
        return pictures.reduce_picture(logo)
    except ValidationError as error:
        raise ValidationError({"logo": error.messages}) from None


def _refuse_without_second_factor(user: User) -> None:
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        raise ValidationError({"require_two_factor": "Turn it on for yourself first, or you would be kept out too."})


def _differs(current: Organisation, field: str, settings: dict[str, Any]) -> bool:
    stored = getattr(current, field)
    if field == "logo":
        return bytes(stored or b"") != bytes(settings[field] or b"")
    return bool(stored != settings[field])


def _describe_value(organisation: Organisation, field: str) -> str:
    """Return a value as the log has it: pictures by their digest."""
    if field == "logo":
        return organisation.logo_digest or "none"
    value = getattr(organisation, field)
    if isinstance(value, bool):
        return "on" if value else "off"
    return "for ever" if value is None else str(value)
