"""What people mend after a check, in the rows or in the recipe's format; then every row is checked again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import transaction

from devices.imports import refusals
from devices.imports.corrections import Corrections
from devices.imports.operations import start_check
from devices.imports.problem_groups import find_format
from devices.models import Import
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents
from lib.refusals import Refusal

if TYPE_CHECKING:
    from tenants.models import User


def correct(*, importing: Import, by: User, corrections: Corrections) -> None:
    """Have the file read with these corrections, besides those of before, and checked again. Raises ValidationError of
    `corrections`; Refusal where it is not checked."""
    with transaction.atomic():
        rows = Import.objects.select_for_update(no_key=True)
        before = rows.get(pk=importing.pk)  # what somebody else corrected meanwhile stays
        kept = Corrections.from_json(before.corrections).merge(corrections)
        _recheck(importing, by=by, corrections=kept.as_json())


def drop_corrections(*, importing: Import, by: User) -> None:
    """Have the file checked again as it was uploaded. Raises Refusal where it is not checked."""
    _recheck(importing, by=by, corrections=None)


def adopt_format(*, importing: Import, by: User, sample: str) -> None:
    """Let the recipe's serials look like this one of the file, in a new version, and check the file again by it.

    Raises Refusal where it is not checked, or the sample has no shape; ValidationError.
    """
    if (shape := find_format(sample)) is None:
        raise Refusal(refusals.FORMAT_UNCLEAR)
    with transaction.atomic():
        recipe = importing.version.recipe
        contents = replace(Contents.of(recipe.current), identity=shape.as_json())
        based_on = recipe.current.number
        made = recipes.change(recipe=recipe, name=recipe.name, contents=contents, based_on=based_on, by=by)
        _recheck(importing, by=by, version=made or recipe.current)


def _recheck(importing: Import, **fields: Any) -> None:
    if importing.state != Import.State.CHECKED or not start_check(importing, cause="", **fields):
        raise Refusal(refusals.IMPORT_NOT_CORRECTABLE)
