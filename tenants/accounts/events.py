"""Recording what happens to accounts, with where it came from: the request's address and device, if there is one."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from allauth.account.adapter import get_adapter
from allauth.core import context
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models.functions import Now

from tenants.accounts import known_devices, mails
from tenants.models import AccountEvent

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenants.models import User

KNOWN_FOR = timedelta(days=90)
STRANGERS_KEPT = timedelta(days=1)
LOOKED_AT = 200
Kind = AccountEvent.Kind
BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(Firefox|FxiOS)/"),
    ("Chrome", r"(Chrome|CriOS)/"),
    ("Safari", r"Safari/"),
)
SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("Mac", r"Mac OS X"),
    ("Linux", r"Linux"),
)


def record(kind: Kind, *, user: User | None, mail: bool = False, **data: object) -> AccountEvent:
    """Write a fact, in the transaction that makes it one; with `mail`, the person is told soon.

    Where `data` has a `by`, somebody else did it, and from where is not the person's to know.
    """
    request: HttpRequest | None = None if data.get("by") else context.request
    return AccountEvent.objects.create(
        user=user,
        organisation_id=user.organisation_id if user else None,
        kind=kind,
        address=address_of(request),
        device=device_name(request.headers.get("User-Agent", "")) if request else "",
        data={name: value for name, value in data.items() if value},
        unsent=mail and user is not None and mails.is_mail_configured(),
    )


def record_sign_in(user: User) -> None:
    """Write it; mail it if the device is new to an account that has others."""
    new = _is_new(user)
    record(Kind.SIGNED_IN, user=user, mail=new, new=new)


def clear_old() -> None:
    """Delete events after ACCOUNT_EVENT_DAYS; after a day those of unknown addresses: nobody may read them."""
    AccountEvent.objects.filter(user=None, at__lt=Now() - STRANGERS_KEPT).delete()
    AccountEvent.objects.filter(at__lt=Now() - timedelta(days=settings.ACCOUNT_EVENT_DAYS)).delete()


def address_of(request: HttpRequest | None) -> str | None:
    try:
        return str(get_adapter().get_client_ip(request)) if request else None
    except (PermissionDenied, ImproperlyConfigured):  # none, as on a socket of the machine
        return None


def device_name(agent: str) -> str:
    """Return browser and system in two words, else how the agent begins."""
    browser = next((name for name, pattern in BROWSERS if re.search(pattern, agent)), "")
    system = next((name for name, pattern in SYSTEMS if re.search(pattern, agent)), "")
    if browser or system:
        return " on ".join(filter(None, [browser, system]))
    return "".join(char for char in agent if char.isprintable())[:40]


def _is_new(user: User) -> bool:
    """Decide whether there were sign-ins lately, but none with such a device from such a network."""
    request = context.request
    if request is None or known_devices.find_device(request, user.email):
        return False
    sign_ins = AccountEvent.objects.of(user).filter(kind=Kind.SIGNED_IN, at__gt=Now() - KNOWN_FOR)
    known = list(sign_ins.values_list("device", "address")[:LOOKED_AT])
    here = device_name(request.headers.get("User-Agent", "")), _find_neighbourhood(address_of(request))
    return bool(known) and here not in {(device, _find_neighbourhood(address)) for device, address in known}


def _find_neighbourhood(address: str | None) -> str:
    """Return an address's neighbourhood, /16, or /32 of IPv6: a phone that moves about is not new each time."""
    if not address:
        return ""
    prefix = 16 if ipaddress.ip_address(address).version == 4 else 32
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
