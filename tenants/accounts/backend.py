from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.core.exceptions import PermissionDenied

from tenants.models import User
from tenants.models.people import find_person


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """Load a session's person with their organisation, which every page names."""

    def authenticate(self, *request: Any, **credentials: Any) -> User:
        """Return whose password this is. Raises PermissionDenied: no other backend tries it again."""
        user: User | None = super().authenticate(*request, **credentials)
        if user is None:
            raise PermissionDenied
        return user

    def get_user(self, user_id: int) -> User | None:
        user = find_person(user_id)
        return user if user and self.user_can_authenticate(user) else None
