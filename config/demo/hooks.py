"""The hooks of the demo's maker, to two back ends on this machine, and what those have to know."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from config.demo.hook_receiver import FILE
from lib.private_file import open_private
from lib.refusals import Refusal
from provisioning.hooks import messages, operations
from provisioning.models import Hook
from tenants.models import Organisation, User

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import HttpRequest

HOST = "localhost"


class BackEnd(NamedTuple):
    """Describe a hook of the demo; its path tells it from those that a visitor makes."""

    name: str
    path: str
    refuses_once: bool


BACK_ENDS = (
    BackEnd("Asset register", "/demo/asset-register", refuses_once=False),
    BackEnd("Maintenance planning", "/demo/maintenance", refuses_once=True),
)


def renew_hooks(folder: Path, slug: str, *, port: int) -> None:
    """Make the hooks, where the organisation never had any, and lead those that are left to this port: what a visitor
    changed or ended stays so. Write for the receiver what it has to know of them."""
    organisation = Organisation.objects.get(slug=slug)
    admin = User.objects.filter(organisation=organisation).earliest("pk")
    if not Hook.objects.filter(organisation=organisation).exists():
        with transaction.atomic():
            for each in BACK_ENDS:
                url = f"https://{HOST}:{port}{each.path}"
                operations.create_hook(organisation=organisation, name=each.name, url=url, by=admin)
    told = {}
    for hook in Hook.objects.filter(organisation=organisation).working():
        if (back_end := _find_back_end(hook)) is not None:
            with suppress(Refusal):  # ended meanwhile
                operations.change_hook(hook=hook, fields={"url": f"https://{HOST}:{port}{back_end.path}"}, by=admin)
            secret = _read_secret(hook) or operations.renew_secret(hook=hook, by=admin)
            told[back_end.path] = {"name": hook.name, "secret": secret, "refuses_once": back_end.refuses_once}
    with open_private(folder / FILE) as out:
        json.dump(told, out, indent=2)


def _find_back_end(hook: Hook) -> BackEnd | None:
    parts = urlsplit(hook.url)
    found = (each for each in BACK_ENDS if each.path == parts.path and parts.hostname == HOST and not parts.query)
    return next(found, None)


def _read_secret(hook: Hook) -> str:
    """Return it as it was shown; empty where the demo's own secret changed."""
    keys = messages.unseal_keys(hook, with_former=False)
    return messages.PREFIX + base64.b64encode(keys[0]).decode() if keys else ""


def explain_receivers(request: HttpRequest) -> dict[str, object]:
    """Tell the page of hooks whether the demo's back ends are there, by `demo_back_ends`; no other page."""
    match = request.resolver_match
    if match is None or match.view_name != "provisioning:hooks":
        return {}
    return {"demo_back_ends": (settings.VAR_DIR / "demo" / FILE).exists()}
