from __future__ import annotations

from typing import TYPE_CHECKING

from tenants.models import Organisation, Role, User

if TYPE_CHECKING:
    from django.http import HttpRequest


def organisation(request: HttpRequest) -> dict[str, object]:
    """Whose site this looks like, and whether to offer registration; nothing to strangers."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or user.organisation_id is None:
        return {}
    mine = Organisation.objects.select_related("root").defer("logo").get(pk=user.organisation_id)
    return {
        "organisation": mine,
        "may_register": bool(user.reach(Role.TECHNICIAN)),
        "is_admin": bool(user.reach(Role.ADMIN)),
        "is_owner": user.owns_organisation,
    }
