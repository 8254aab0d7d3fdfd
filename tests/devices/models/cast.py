"""Who of the cast is shown something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now

from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

CAST = ("owner", "admin", "technician", "viewer", "sibling", "stranger")


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def ago(**span: float) -> Any:
    """Return the database's time so long ago."""
    return Now() - timedelta(**span)


def who(world: World, scope: Callable[[User], Any]) -> set[str]:
    """Return those, by name, for whom the scope holds anything."""
    return {name for name in CAST if scope(fresh(getattr(world, name))).exists()}
