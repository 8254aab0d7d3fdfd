from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest


def organisation(request: HttpRequest) -> dict[str, object]:
    """Tell templates whose site this looks like, and whether to offer registration; nothing to strangers."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or user.organisation is None:
        return {}
    return {
        "organisation": user.organisation,
        "clock": user.find_clock(),
        "may_register": bool(user.reach(Role.TECHNICIAN)),
        "is_admin": bool(user.reach(Role.ADMIN)),
        "is_owner": user.owns_organisation,
    }
