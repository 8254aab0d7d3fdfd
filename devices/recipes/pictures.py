"""A recipe's picture: where people find its devices' button, display or label. It stands beside all its versions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.db import transaction

from devices import events
from devices.models import Event, Recipe, RecipePicture
from lib import pictures

if TYPE_CHECKING:
    from tenants.models import User


def find_digest(recipe: int) -> str:
    """Return what the recipe's picture is known by; nothing where it has none."""
    return RecipePicture.objects.filter(pk=recipe).values_list("digest", flat=True).first() or ""


def find_picture(recipe: int, digest: str) -> bytes | None:
    """Return the picture, a JPEG; None for one that the recipe does not have (any more)."""
    kept = RecipePicture.objects.filter(pk=recipe, digest=digest).values_list("data", flat=True).first()
    return None if kept is None else bytes(kept)


def keep(*, recipe: Recipe, content: bytes, by: User) -> bool:
    """Keep the picture, small, in the place of a former one; return whether it is another. Raises ValidationError."""
    data = pictures.reduce_photo(content)
    digest = hashlib.sha256(data).hexdigest()[:16]
    with transaction.atomic():
        _lock(recipe)
        if find_digest(recipe.pk) == digest:
            return False
        RecipePicture.objects.update_or_create(recipe=recipe, defaults={"digest": digest, "data": data})
        _record(recipe, by, "picture uploaded")
    return True


def remove(*, recipe: Recipe, by: User) -> bool:
    """Remove the picture; return whether this call did."""
    with transaction.atomic():
        _lock(recipe)
        if not RecipePicture.objects.filter(recipe=recipe).delete()[0]:
            return False
        _record(recipe, by, "picture removed")
    return True


def _lock(recipe: Recipe) -> None:
    Recipe.objects.select_for_update(no_key=True, of=("self",)).get(pk=recipe.pk)


def _record(recipe: Recipe, by: User, act: str) -> None:
    told: dict[str, Any] = {"recipe": recipe.pk, "name": recipe.name, "act": act}
    events.record(Event.Kind.RECIPE_CHANGED, organisation=recipe.organisation_id, by=by, **told)
