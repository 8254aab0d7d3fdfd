"""Signing one browser out."""

from __future__ import annotations

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.account.views import LogoutView

from tenants.accounts import known_devices
from tenants.push import operations as push


class SignOut(LogoutView):  # type: ignore[misc]
    def logout(self) -> None:
        """End what this browser is told, too, even where its session ran out meanwhile; not for whoever only turns
        back while signing in."""
        if LOGIN_SESSION_KEY not in self.request.session:
            session = self.request.session.session_key or ""
            push.end_here(session=session, browsers=known_devices.list_devices(self.request))
        super().logout()
