"""The access table: every route x the cast -> status. A route that is missing from it fails.

Planted names of other tenants ("Canary …") never appear in a body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from provisioning import windows
from tests.provisioning.conftest import report_press
from tests.tenants.test_theme import PNG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client

    from tests.conftest import World

CAST = ("anonymous", "viewer", "technician", "admin", "owner", "sibling", "stranger")


class Row(NamedTuple):
    """Expected statuses in the order of `CAST`; `kwargs` and `data` are made from the world."""

    statuses: tuple[int, ...]
    method: str = "get"
    kwargs: Callable[[World], dict[str, object]] = lambda world: {}
    data: Callable[[World], dict[str, str]] = lambda world: {}


def everybody(status: int, *, anonymous: int | None = None) -> tuple[int, ...]:
    return (status if anonymous is None else anonymous, *[status] * 6)


def placed(world: World) -> dict[str, object]:
    return {"serial": world.placed.serial}


def window(world: World) -> dict[str, object]:
    opened = windows.open_window(device=world.waiting, by=world.technician)
    report_press(world.waiting)
    return {"key": opened.key}


def logo(world: World) -> dict[str, object]:
    world.kanarra.logo = PNG
    world.kanarra.save()
    return {"slug": world.kanarra.slug, "digest": world.kanarra.logo_digest}


def theme(world: World) -> dict[str, object]:
    return {"slug": world.kanarra.slug, "digest": world.kanarra.theme_digest}


#              anonymous viewer technician admin owner sibling stranger
MEMBERS = (302, 200, 200, 200, 200, 404, 404)
REGISTER = (302, 404, 200, 200, 200, 200, 200)
MY_WINDOW = (302, 404, 200, 404, 404, 404, 404)
API_WINDOW = (403, 404, 200, 404, 404, 404, 404)

SIGNED_IN = everybody(200, anonymous=302)
OPEN = everybody(200)
ELSEWHERE = everybody(302)  # to signing in, to proving once more who one is, to the file
BROKER = everybody(404)

TABLE: dict[str, Row] = {
    "healthz": Row(everybody(503)),
    "manifest": Row(OPEN),
    "service-worker": Row(OPEN),
    "offline": Row(OPEN),
    "favicon": Row(ELSEWHERE),
    "account_login": Row(everybody(302, anonymous=200)),
    "account_logout": Row(everybody(200, anonymous=302)),
    "account_reauthenticate": Row(SIGNED_IN),
    "account_inactive": Row(OPEN),
    "account_change_password": Row(SIGNED_IN),
    "account_reset_password": Row(OPEN),
    "account_reset_password_done": Row(OPEN),
    "account_reset_password_from_key": Row(OPEN, kwargs=lambda world: {"uidb36": "1", "key": "x-y"}),
    "account_reset_password_from_key_done": Row(OPEN),
    "mfa_index": Row(SIGNED_IN),
    "mfa_authenticate": Row(ELSEWHERE),
    "mfa_reauthenticate": Row(ELSEWHERE),
    "mfa_activate_totp": Row(ELSEWHERE),
    "mfa_deactivate_totp": Row((302, *[404] * 6)),
    "mfa_view_recovery_codes": Row((302, *[404] * 6)),
    "mfa_generate_recovery_codes": Row(ELSEWHERE),
    "mfa_download_recovery_codes": Row((302, *[404] * 6)),
    "tenants:account": Row(SIGNED_IN),
    "tenants:theme": Row((404, 200, 200, 200, 200, 200, 404), kwargs=theme),
    "tenants:logo": Row((404, 200, 200, 200, 200, 200, 404), kwargs=logo),
    "devices:list": Row(SIGNED_IN),
    "devices:tree": Row((302, 200, 200, 200, 200, 404, 404), kwargs=lambda world: {"pk": world.sadler.pk}),
    "devices:label": Row(MEMBERS, kwargs=placed),
    "devices:label-svg": Row(MEMBERS, kwargs=placed),
    "devices:rabbitmq-user": Row(BROKER, "post"),
    "devices:rabbitmq-vhost": Row(BROKER, "post"),
    "devices:rabbitmq-resource": Row(BROKER, "post"),
    "devices:rabbitmq-topic": Row(BROKER, "post"),
    "telemetry:dashboard": Row(MEMBERS, kwargs=placed),
    "telemetry:live": Row(MEMBERS, kwargs=placed),
    "telemetry:stream": Row(MEMBERS, kwargs=placed),
    "telemetry:series": Row(MEMBERS, kwargs=placed, data=lambda world: {"attribute": "rpm"}),
    "telemetry:export": Row(MEMBERS, kwargs=placed),
    "telemetry:events": Row(MEMBERS, kwargs=placed),
    "provisioning:register": Row(REGISTER),
    "provisioning:scan": Row((302, 404, 404, 404, 404, 404, 404), "post", data=lambda world: {"text": "NOSUCHDEVICE"}),
    "provisioning:window": Row(MY_WINDOW, kwargs=window),
    "provisioning:stream": Row((302, 404, 200, 404, 404, 404, 404), kwargs=window),
    "provisioning:place": Row((302, 404, 422, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:cancel": Row((302, 404, 302, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:label": Row((302, 302, 302, 302, 302, 404, 404), kwargs=placed),
    "provisioning:label-upper": Row((302, 302, 302, 302, 302, 404, 404), kwargs=placed),
    "provisioning:api-windows": Row(
        (403, 404, 404, 404, 404, 404, 404), "post", data=lambda world: {"text": "NOSUCHDEVICE"}
    ),
    "provisioning:api-window": Row(API_WINDOW, kwargs=window),
    "provisioning:api-complete": Row((403, 404, 400, 404, 404, 404, 404), "post", kwargs=window),
    "provisioning:api-cancel": Row(API_WINDOW, "post", kwargs=window),
}


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from routes(pattern.url_patterns, inner)
        elif pattern.name:
            yield f"{prefix}{pattern.name}"


def test_every_route_stands_in_the_table() -> None:
    assert set(routes(get_resolver().url_patterns)) == set(TABLE)


@pytest.mark.parametrize("name", sorted(TABLE))
@pytest.mark.parametrize("person", CAST)
def test_route(name: str, person: str, client: Client, world: World) -> None:
    row = TABLE[name]
    if person != "anonymous":
        client.force_login(getattr(world, person))
    url = reverse(name, kwargs=row.kwargs(world))
    how = {"content_type": "application/json"} if row.method == "post" and ":api-" in name else {}
    answer = getattr(client, row.method)(url, row.data(world), **how)
    assert answer.status_code == row.statuses[CAST.index(person)], answer
    if not answer.streaming and person in {"anonymous", "viewer", "technician", "admin"}:
        assert b"Canary" not in answer.content


# allauth copies a user's address into its own table when it first meets that user, wherever that is.
COPIED = "account_emailaddress"
READS = sorted(
    name for name, row in TABLE.items() if row.method == "get" and row.statuses[CAST.index("technician")] == 200
)
ABSENT = {"serial": "KPNOSUCHDEVICE", "key": "00000000-0000-4000-8000-000000000000", "pk": 999_999}


@pytest.mark.parametrize("name", READS)
def test_no_get_changes_a_row(name: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    url = reverse(name, kwargs=TABLE[name].kwargs(world))
    with CaptureQueriesContext(connection) as asked:
        client.get(url, TABLE[name].data(world))
    changes = [query["sql"] for query in asked if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [change for change in changes if "django_session" not in change and COPIED not in change] == []


@pytest.mark.parametrize("name", sorted(name for name, row in TABLE.items() if row.kwargs in {placed, window}))
def test_missing_and_forbidden_are_the_same_bytes(name: str, client: Client, world: World) -> None:
    row = TABLE[name]
    forbidden = row.kwargs(world)
    absent = {key: ABSENT[key] for key in forbidden}
    how = {"content_type": "application/json"} if row.method == "post" and ":api-" in name else {}
    client.force_login(world.stranger)

    def answer(kwargs: dict[str, object]) -> tuple[int, bytes, dict[str, str]]:
        given = getattr(client, row.method)(reverse(name, kwargs=kwargs), row.data(world), **how)
        return given.status_code, given.content, dict(given.headers)

    assert answer(forbidden) == answer(absent)
    assert answer(absent)[0] == 404


@pytest.mark.parametrize("name", sorted(name for name, row in TABLE.items() if row.kwargs is placed))
@pytest.mark.parametrize("serial", ["a\x00b", "\x00", "x" * 3000, "\u202e", "%", "..%2f"])
def test_no_serial_breaks_a_page(name: str, serial: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    assert client.get(reverse(name, kwargs={"serial": serial})).status_code == 404


@pytest.mark.parametrize("name", READS)
def test_what_is_made_for_a_session_stays_in_no_cache(name: str, client: Client, world: World) -> None:
    client.force_login(world.technician)
    answer = client.get(reverse(name, kwargs=TABLE[name].kwargs(world)), TABLE[name].data(world))
    public = name in {"manifest", "service-worker", "offline", "tenants:theme", "tenants:logo", "devices:label-svg"}
    assert public or "no-store" in answer["Cache-Control"]
