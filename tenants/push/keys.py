"""The site's key pair for web push: made when the first browser asks for it, and kept sealed."""

from __future__ import annotations

from email.utils import parseaddr
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from lib import key_wrapping, web_push
from tenants.models import PushKey, PushSubscription

if TYPE_CHECKING:
    from lib.web_push import Key

ONLY = 1


def find_key() -> Key | None:
    """Return it; None where none was made yet, or no secret of the site opens it any more."""
    row = PushKey.objects.filter(pk=ONLY).first()
    scalar = key_wrapping.unseal(row.sealed) if row else None
    return web_push.build_key(scalar) if scalar else None


@transaction.atomic
def find_or_make_key() -> Key:
    """Return it. One that can't be opened is replaced, and with it end all that browsers subscribed to."""
    made = web_push.make_key()
    sealed = key_wrapping.seal(web_push.read_scalar(made))
    row, is_new = PushKey.objects.get_or_create(pk=ONLY, defaults={"sealed": sealed})
    if is_new:
        return made
    held = PushKey.objects.select_for_update(no_key=True).get(pk=row.pk)
    if scalar := key_wrapping.unseal(held.sealed):
        return web_push.build_key(scalar)
    PushSubscription.objects.all().delete()
    PushKey.objects.filter(pk=held.pk).update(sealed=sealed)
    return made


def find_contact() -> str:
    """Return where push services find whoever runs this site: some take no message without it."""
    site = next((url for url in settings.SITE_URLS if url.startswith("https://")), "")
    return site.rstrip("/") or f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"
