"""Which format of serials counts: the recipe's, its organisation's, or Handover's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from devices.identity.formats import OWN, Format, Kind
from devices.models import RecipeVersion
from tenants.audit import log as audit_log
from tenants.models import Organisation

if TYPE_CHECKING:
    from tenants.models import User


def format_of(version: RecipeVersion) -> Format:
    """The format of the recipe, else of its organisation, else Handover's own."""
    for stored in (version.identity, version.recipe.organisation.identity):
        if stored:
            try:
                return Format.from_json(stored)
            except ValueError:
                continue
    return OWN


def makes_checked_serials(organisation: Organisation | None) -> bool:
    """Whether serials with Handover's check characters, and nothing before them, are among the organisation's."""
    if organisation is None:
        return False
    stored = {_kind_and_prefix(organisation.identity)} if organisation.identity else {(Kind.OWN, "")}
    of_recipes = RecipeVersion.objects.filter(recipe__organisation=organisation).exclude(identity={})
    return (Kind.OWN, "") in stored | set(map(_kind_and_prefix, of_recipes.values_list("identity", flat=True)))


def _kind_and_prefix(stored: dict[str, Any]) -> tuple[str, str]:
    return stored.get("kind", Kind.OWN), stored.get("prefix", "")


def choose_format(*, organisation: Organisation, identity: dict[str, Any], by: User) -> bool:
    """Make it the format of the organisation's serials made and imported from now on. Whether this call changed it."""
    words = Format.from_json(identity).words()
    with transaction.atomic():
        rows = Organisation.objects.filter(pk=organisation.pk).exclude(identity=identity)
        if rows.update(identity=identity) != 1:
            return False
        audit_log.record(group=organisation.root, by=by, what=f"Format of serials set: {words}")
    return True
