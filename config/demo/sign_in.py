"""The demo's sign-in page offers its accounts, as long as their password is the well-known one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

if TYPE_CHECKING:
    from django.http import HttpRequest


def offer_accounts(request: HttpRequest) -> dict[str, object]:
    """Tell the sign-in page `demo_accounts`, (address, role and place) each, and `demo_password`; no other page.

    Once the demo's data are made, which its file of credentials tells: the page asks the database for nothing.
    """
    from config.demo.organisations import ACCOUNTS, PASSWORD  # they need the models

    if request.path != reverse("account_login") or "DEMO_PASSWORD" in os.environ:
        return {}
    if not (settings.VAR_DIR / "demo" / "devices.csv").exists():
        return {}
    accounts = [(email, f"{role.label} of {place}") for email, place, role in ACCOUNTS]
    return {"demo_accounts": accounts, "demo_password": PASSWORD}
