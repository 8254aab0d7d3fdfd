"""Tokens: never more than their maker has, shown once, gone when revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants.models import ApiToken, AuditEntry, Membership, Role
from tenants.refusals import TOKEN_TOO_MUCH
from tenants.tokens import operations as tokens
from tests.access import table
from tests.access.main import window
from tests.refused import refused

if TYPE_CHECKING:
    from tenants.models import Group, User
    from tests.conftest import World

ME = "/api/v1/me/"
# Less windows, which are their technician's alone.
READS = sorted(
    name for name, row in table().items() if ":api-" in name and row.method == "get" and row.kwargs is not window
)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def secret_of(user: User, group: Group, role: Role = Role.VIEWER) -> str:
    return tokens.create(by=user, name="Script", group=group, role=role).secret


def devices(client: Client, secret: str) -> set[str]:
    answer = client.get("/api/v1/devices/", headers=bearer(secret))
    return {row["name"] for row in answer.json()["results"]}


def test_a_token_acts_for_its_user_within_its_scope(client: Client, world: World) -> None:
    whole = secret_of(world.owner, world.kanarra.root, Role.ADMIN)
    narrow = secret_of(world.owner, world.anaheim)
    me = client.get(ME, headers=bearer(narrow)).json()
    assert (me["email"], me["token"]["name"]) == (world.owner.email, "Script")
    assert me["grants"] == [{"group": world.anaheim.pk, "name": world.anaheim.name, "role": "viewer"}]
    assert devices(client, whole) == {"Waiting gateway", "Anaheim One", "Canary Boise One"}
    assert devices(client, narrow) == {"Anaheim One"}


def read_body(answer: Any) -> bytes:
    @async_to_sync
    async def collect() -> bytes:
        return b"".join([part async for part in answer])

    return collect() if answer.streaming else bytes(answer.content)


@pytest.mark.parametrize("name", READS)
def test_a_narrowed_token_gets_what_a_viewer_gets(name: str, client: Client, world: World) -> None:
    """An admin's token for viewing Anaheim, beside a viewer of Anaheim."""
    viewer = world.viewer
    viewer.memberships.update(group=world.anaheim)
    row = table()[name]
    url, data = reverse(name, kwargs=row.kwargs(world)), row.data(world)
    seen = [client.get(url, data, headers=bearer(secret_of(user, world.anaheim))) for user in (world.admin, viewer)]
    assert seen[0].status_code == seen[1].status_code
    # Who it is, until when, and a PDF's id differ.
    own = {"tenants:api-me", "tenants:api-tokens", "devices:api-device-label-pdf"}
    own |= {"telemetry:api-telemetry", "telemetry:api-timeline"}
    if name not in own:
        assert read_body(seen[0]) == read_body(seen[1])


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer hdo_é", "", "bearer \u00ff", "x" * 5000],
)
def test_what_is_no_token_opens_nothing(header: str, client: Client, world: World) -> None:
    client.force_login(world.owner)  # who names a token is not answered as somebody else
    answer = client.get(ME, headers={"Authorization": header})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def revoked(world: World, token: ApiToken) -> None:
    assert tokens.revoke(token=token, by=world.admin)
    assert not tokens.revoke(token=token, by=world.admin)


def expired(world: World, token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk).update(expires_at=Now())


def disabled(world: World, token: ApiToken) -> None:
    world.technician.is_active = False
    world.technician.save()


def removed(world: World, token: ApiToken) -> None:
    Membership.objects.filter(user=world.technician).delete()


def moved_away(world: World, token: ApiToken) -> None:
    Membership.objects.filter(user=world.technician).update(group=world.tekton)


@pytest.mark.parametrize("end", [revoked, expired, disabled, removed, moved_away])
def test_a_token_ends(end: object, client: Client, world: World) -> None:
    made = tokens.create(by=world.technician, name="Script", group=world.sadler, role=Role.TECHNICIAN)
    assert client.get(ME, headers=bearer(made.secret)).status_code == 200
    end(world, made.token)  # type: ignore[operator]
    assert client.get(ME, headers=bearer(made.secret)).status_code == 401


def test_a_lower_role_lowers_the_token(client: Client, world: World) -> None:
    secret = secret_of(world.admin, world.sadler, Role.ADMIN)
    Membership.objects.filter(user=world.admin).update(role=Role.VIEWER, group=world.anaheim)
    [grant] = client.get(ME, headers=bearer(secret)).json()["grants"]
    assert (grant["role"], grant["group"]) == ("viewer", world.anaheim.pk)
    refused = client.patch(
        f"/api/v1/devices/{world.placed.serial}/", {"name": "X"}, "application/json", headers=bearer(secret)
    )
    assert refused.status_code == 404


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.ADMIN])
def test_no_more_than_one_has(role: Role, world: World) -> None:
    with refused(TOKEN_TOO_MUCH):
        tokens.create(by=world.viewer, name="Script", group=world.sadler, role=role)
    with refused(TOKEN_TOO_MUCH):
        tokens.create(by=world.sibling, name="Script", group=world.sadler, role=Role.VIEWER)


def test_a_token_costs_two_queries_and_one_write_a_minute(client: Client, world: World) -> None:
    secret = secret_of(world.owner, world.anaheim)

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/api/v1/models/", headers=bearer(secret)).status_code == 200
        return [query["sql"].split()[0] for query in queries]

    assert asked() == ["SELECT", "SELECT", "UPDATE", "SELECT"]
    assert asked() == ["SELECT", "SELECT", "SELECT"]
    ApiToken.objects.update(last_used_at=Now() - timedelta(minutes=2))
    assert "UPDATE" in asked()


# The pages -----------------------------------------------------------------------------------

PAGE = "/tokens/"


@pytest.fixture
def technician(client: Client, world: World) -> Client:
    client.force_login(world.technician)
    return client


def given(world: World, **change: object) -> dict[str, object]:
    return {"name": "Nightly export", "role": Role.VIEWER.value, "group": world.anaheim.pk, "last_day": "", **change}


def test_the_secret_is_shown_once(technician: Client, world: World) -> None:
    answer = technician.post(reverse("tenants:token-create"), given(world, last_day="2999-12-31"))
    secret = answer.context["secret"]
    assert answer.content.decode().count(secret) == 2  # itself, and in the example
    assert "no-store" in answer["Cache-Control"]
    assert secret not in technician.get(PAGE).content.decode()
    assert Client().get(ME, headers=bearer(secret)).status_code == 200
    token = ApiToken.objects.get()
    assert (token.user, token.group, token.role) == (world.technician, world.anaheim, Role.VIEWER)
    assert str(token.expires_at) == "3000-01-01 00:00:00+00:00"
    change = AuditEntry.objects.get(by=world.technician)
    assert (change.by, "Nightly export" in change.what, change.group) == (world.technician, True, world.anaheim)
    with connection.cursor() as cursor:
        for table_name in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table_name}"')
            assert secret not in str(cursor.fetchall())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "Name what will use it"),
        ({"role": Role.ADMIN.value}, "one of the choices"),
        ({"group": 0}, "You don&#x27;t reach this group"),
        ({"group": "boise"}, "You don&#x27;t reach this group"),
        ({"last_day": "2001-01-01"}, "This day is over"),
        ({"last_day": "9999-12-31"}, "Choose an earlier day"),
        ({"last_day": "soon"}, "Write a day as year, month and day"),
    ],
)
def test_a_bad_form_says_why(technician: Client, world: World, change: dict[str, object], says: str) -> None:
    if change.get("group") == "boise":
        change = {"group": world.boise.pk}
    answer = technician.post(reverse("tenants:token-create"), given(world, **change))
    assert (answer.status_code, says in answer.content.decode()) == (422, True)
    assert "Nightly export" in answer.content.decode() or "name" in change
    assert not ApiToken.objects.exists()


def test_a_role_only_where_one_has_it(technician: Client, world: World) -> None:
    Membership.objects.create(user=world.technician, group=world.tekton, role=Role.VIEWER)
    data = given(world, group=world.boise.pk, role=Role.TECHNICIAN.value)
    answer = technician.post(reverse("tenants:token-create"), data)
    assert (answer.status_code, "lower role in Boise" in answer.content.decode()) == (422, True)


@pytest.mark.parametrize(
    ("person", "sees"), [("technician", True), ("admin", True), ("owner", True), ("viewer", False), ("stranger", False)]
)
def test_who_sees_and_revokes(person: str, sees: bool, client: Client, world: World) -> None:
    made = tokens.create(by=world.technician, name="Nightly export", group=world.anaheim, role=Role.VIEWER)
    client.force_login(getattr(world, person))
    assert ("Nightly export" in client.get(PAGE).content.decode()) == sees
    answer = client.post(reverse("tenants:token-revoke", kwargs={"pk": made.token.pk}))
    made.token.refresh_from_db()
    assert (answer.status_code, made.token.revoked_at is not None) == ((302, True) if sees else (404, False))
    assert AuditEntry.objects.filter(what__contains="revoked").exists() == sees


def test_a_sub_admin_does_not_see_the_owners_whole_token(client: Client, world: World) -> None:
    tokens.create(by=world.owner, name="Everything", group=world.kanarra.root, role=Role.ADMIN)
    client.force_login(world.admin)
    assert "Everything" not in client.get(PAGE).content.decode()


def test_the_list_costs_the_same_however_long(technician: Client, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            technician.get(PAGE)
        return len(asked)

    secret_of(world.technician, world.anaheim)
    technician.get(PAGE)
    few = queries()
    for _ in range(5):
        secret_of(world.technician, world.sadler)
    assert queries() == few


def test_without_a_group_there_is_nothing_to_make(technician: Client, world: World) -> None:
    Membership.objects.filter(user=world.technician).delete()
    page = technician.get(PAGE).content.decode()
    assert "Nothing to make a token for" in page
    assert technician.post(reverse("tenants:token-create"), given(world)).status_code == 422
