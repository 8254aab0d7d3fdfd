"""Which organisation a device asks for: by the host name `<organisation>.<domain>`, or by the path
`/o/<organisation>/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from lib.prepared import prepared
from lib.refusals import Refusal
from provisioning.doors.refusals import DOOR_UNKNOWN
from tenants.models import Organisation

if TYPE_CHECKING:
    from django.db.models import QuerySet


def find_organisation(host: str, named: str = "") -> Organisation | None:
    """Return the organisation that host or path name, or None where neither does. Raises Refusal where they name one
    that is not there, or two."""
    names = {name for name in (named, _read_host(host)) if name}
    if not names:
        return None
    found = _select_named(names.pop()) if len(names) == 1 else []
    if not found:
        raise Refusal(DOOR_UNKNOWN)
    return found[0]


@prepared
def _select_named(slug: str) -> QuerySet[Organisation]:
    return Organisation.objects.filter(slug=slug).defer("logo")


def _read_host(host: str) -> str:
    bare = host.lower().partition(":")[0].rstrip(".")
    for domain in settings.DEVICE_DOMAINS:
        name, _, rest = bare.partition(".")
        if rest == domain.lower().strip("."):
            return name
    return ""
