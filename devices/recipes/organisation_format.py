"""Which format of serials counts: the recipe's, its organisation's, or Handover's own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import transaction

from devices.identity.formats import OWN, Format, Kind
from devices.models import RecipeVersion
from tenants.audit import log as audit_log
from tenants.models import AuditEntry, Organisation

if TYPE_CHECKING:
    from tenants.models import User


def format_of(version: RecipeVersion) -> Format:
    """Return the format of the recipe, else of its organisation, else Handover's own."""
    for stored in (version.identity, version.recipe.organisation.identity):
        if stored:
            try:
                return Format.from_json(stored)
            except ValueError:
                continue
    return OWN


def makes_checked_serials(organisation: Organisation | None) -> bool:
    """Decide whether serials with Handover's check characters, and nothing before them, are among the
    organisation's."""
    if organisation is None:
        return False
    stored = {_kind_and_prefix(organisation.identity)} if organisation.identity else {(Kind.OWN, "")}
    of_recipes = RecipeVersion.objects.filter(recipe__organisation=organisation).exclude(identity={})
    return (Kind.OWN, "") in stored | set(map(_kind_and_prefix, of_recipes.values_list("identity", flat=True)))


def fits_formats(organisation: Organisation | None, text: str) -> bool:
    """Return whether one of the organisation's formats, that does not take any letters and digits, takes the text."""
    if organisation is None:
        return False
    of_recipes = RecipeVersion.objects.filter(recipe__organisation=organisation).exclude(identity={})
    for stored in (organisation.identity, *of_recipes.values_list("identity", flat=True)):
        with suppress(ValueError):
            fitting = Format.from_json(stored) if stored else OWN
            if not fitting.takes_nearly_all and fitting.problem(text) is None:
                return True
    return False


def list_serial_lengths(organisation: Organisation | None) -> list[int]:
    """Return how many characters the organisation's serials have, by its formats; nothing where one leaves it open."""
    if organisation is None:
        return []
    of_recipes = RecipeVersion.objects.filter(recipe__organisation=organisation).values_list("identity", flat=True)
    default = organisation.identity or {}
    stored = [default, *(identity or default for identity in of_recipes)]
    try:
        lengths = {Format.from_json(identity).length_kept if identity else OWN.length_kept for identity in stored}
    except ValueError:
        return []
    return [] if None in lengths else sorted(length for length in lengths if length)


def _kind_and_prefix(stored: dict[str, Any]) -> tuple[str, str]:
    return stored.get("kind", Kind.OWN), stored.get("prefix", "")


def choose_format(*, organisation: Organisation, identity: dict[str, Any], by: User) -> bool:
    """Make it the format of the organisation's serials made and imported from now on. Whether this call changed it."""
    words = Format.from_json(identity).describe()
    with transaction.atomic():
        rows = Organisation.objects.filter(pk=organisation.pk).exclude(identity=identity)
        if rows.update(identity=identity) != 1:
            return False
        audit_log.record(
            AuditEntry.Kind.SETTING, group=organisation.root, by=by, what=f"Format of serials set: {words}"
        )
    return True
