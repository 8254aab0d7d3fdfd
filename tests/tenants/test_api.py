"""What every endpoint keeps to: problems, pages, keys that make a request safe to repeat, limits."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import redis
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from devices.models import Credential, Device
from tenants import tasks
from tenants.api import idempotency_records
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, IdempotencyRecord, Role
from tenants.tokens import operations as tokens
from tests import builders
from tests.access import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

    from tenants.models import User
    from tests.conftest import World

GROUPS = "/api/v1/groups/"
DEVICES = "/api/v1/devices/"
ACTS = {"made", "renamed", "moved", "deleted"}


@pytest.fixture
def admin(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def send(client: Client, url: str, data: object, key: str = "", **headers: str) -> Any:
    given = {"Idempotency-Key": key} if key else {}
    return client.post(url, data, "application/json", headers=given | headers)


def new(world: World, **change: object) -> dict[str, object]:
    return {"name": "San Diego", "parent": world.sadler.pk, **change}


# Problems --------------------------------------------------------------------------------------


def problem(answer: Any) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    assert told["type"].startswith("/api/docs/#problem-")
    assert told["title"]
    assert told["detail"]
    return told


def test_every_refusal_is_a_problem_that_the_docs_explain(admin: Client, world: World) -> None:
    answers = {
        "not-found": admin.get("/api/v1/no/such/"),
        "method-not-allowed": admin.put(GROUPS),
        "unsupported-media-type": admin.post(GROUPS, "a=1", "application/x-www-form-urlencoded"),
        "not-acceptable": admin.get(GROUPS, headers={"Accept": "text/csv"}),
        "parse-error": admin.post(GROUPS, "{", "application/json"),
        "invalid": send(admin, GROUPS, {}),
        "too-large": admin.post(GROUPS, '"' + "x" * 3_000_000 + '"', "application/json"),
        "not-authenticated": Client().get(GROUPS),
        "device-in-no-group": send(admin, f"/api/v1/devices/{world.waiting.serial}/release/", {}),
    }
    docs = admin.get("/api/docs/").content.decode()
    for slug, answer in answers.items():
        assert problem(answer)["type"] == f"/api/docs/#problem-{slug}"
        assert f'id="problem-{slug}"' in docs
    assert answers["method-not-allowed"]["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_a_fault_of_ours_is_a_problem_without_reasons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**kwargs: object) -> None:
        raise RuntimeError("secret reason")

    monkeypatch.setattr(groups, "create", fail)
    client = Client(raise_request_exception=False)
    client.force_login(world.owner)
    answer = send(client, GROUPS, new(world))
    assert problem(answer)["type"].endswith("#problem-server-error")
    assert "secret reason" not in answer.content.decode()


def test_browsers_send_the_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.owner)
    assert problem(send(client, GROUPS, new(world)))["status"] == 403
    made = tokens.create(by=world.owner, name="Script", group=world.sadler, role=Role.ADMIN)
    assert send(client, GROUPS, new(world), Authorization=f"Bearer {made.secret}").status_code == 201


def test_errors_name_their_place(admin: Client, world: World) -> None:
    body = {"name": "", "parent": world.other_site.pk, "nmae": "x"}
    [only] = problem(send(admin, GROUPS, body))["errors"]
    assert only == {"pointer": "#/nmae", "detail": "There is no such field."}
    errors = problem(send(admin, GROUPS, {"name": "", "parent": world.other_site.pk}))["errors"]
    assert {error["pointer"] for error in errors} == {"#/name", "#/parent"}
    tags = {"tags": {"site": {"a": 1}, "x\x00": "y"}}
    url = f"{DEVICES}{world.placed.serial}/"
    assert problem(admin.patch(url, tags, "application/json"))["errors"][0]["pointer"] == "#/tags/site"
    queries = problem(admin.get(f"{GROUPS}?limit=0&after=x"))["errors"]
    assert queries == [{"parameter": "limit", "detail": "Send a whole number from 1 to 200."}]


# Addresses -------------------------------------------------------------------------------------


def addresses() -> list[str]:
    """A GET, wherever one is: the address of each row of the access table."""
    return sorted(name for name, row in table().items() if ":api-" in name and " " not in name)


@pytest.mark.parametrize("name", addresses())
def test_an_unknown_parameter_is_refused_everywhere(name: str, admin: Client, world: World) -> None:
    row = table()[name]
    url = reverse(name, kwargs=row.kwargs(world))
    answer = getattr(admin, row.method)(f"{url}?colour=red&format=csv")
    told = problem(answer)
    assert [each["parameter"] for each in told["errors"]] == ["colour", "format"]
    assert (answer.status_code, told["type"]) == (400, "/api/docs/#problem-invalid")


def test_a_misspelt_filter_is_told_what_there_is(admin: Client) -> None:
    [error] = problem(admin.get(GROUPS, {"parents": 1}))["errors"]
    assert error["detail"] == "There is no such parameter. There are: after, limit, parent, q."


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
def test_an_address_without_its_slash_changes_nothing(method: str, admin: Client, world: World) -> None:
    """A redirect would lose what was sent."""
    url = GROUPS if method == "post" else f"{GROUPS}{world.sadler.pk}/"
    before = list(Group.objects.values_list("pk", "name"))
    answer = getattr(admin, method)(url.rstrip("/"), new(world), "application/json")
    assert (answer.status_code, problem(answer)["type"]) == (404, "/api/docs/#problem-no-slash")
    assert list(Group.objects.values_list("pk", "name")) == before
    assert problem(getattr(admin, method)("/api/v1/nothing"))["type"] == "/api/docs/#problem-not-found"
    assert admin.get(url.rstrip("/")).status_code == 301


# Pages -----------------------------------------------------------------------------------------


def names(client: Client, url: str) -> list[list[str]]:
    """The names on each page, going along `next`."""
    pages, at = [], url
    while at:
        told = client.get(at).json()
        pages.append([row["name"] for row in told["results"]])
        split = urlsplit(told["next"] or "")
        at = f"{split.path}?{split.query}" if split.query else ""
    return pages


def test_pages_neither_repeat_nor_skip(admin: Client, world: World) -> None:
    for name in ("B", "B", "A", "", "Ü"):
        builders.make_device(world.version, name=name or "B")
    older = builders.make_device(world.version, name="C")  # from before there was a rule for names
    Device.objects.filter(pk=older.pk).update(name="C\u202e\t")
    for order, fields in (("id", ["pk"]), ("name", ["name", "pk"])):
        expected = list(Device.objects.visible_to(world.owner).order_by(*fields).values_list("name", flat=True))
        pages = names(admin, f"{DEVICES}?limit=2&order={order}")
        assert [name for page in pages for name in page] == expected
        assert [len(page) for page in pages[:-1]] == [2] * (len(pages) - 1)
        assert names(admin, f"{DEVICES}?limit=200&order={order}") == [expected]
    assert names(admin, f"{DEVICES}?limit=1&q=anaheim") == [["Anaheim One"]]


@pytest.mark.parametrize("after", ["x", "W10", "WyJhIl0", "W3RydWVd", "WzFlOTld", "é", "[" * 900, "WyIAIiwxXQ"])
@pytest.mark.parametrize("url", [GROUPS, DEVICES])
def test_a_made_up_place_is_refused(url: str, after: str, admin: Client) -> None:
    assert problem(admin.get(url, {"after": after}))["errors"][0]["parameter"] == "after"


# Repeating -------------------------------------------------------------------------------------


def test_sent_again_it_creates_nothing_more(admin: Client, world: World) -> None:
    first, again = (send(admin, GROUPS, new(world), "key-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first["Location"]) == (again.json(), again["Location"])
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Group.objects.filter(name="San Diego").count() == 1
    assert send(admin, GROUPS, new(world), "key-2").json()["id"] != first.json()["id"]


def test_a_key_belongs_to_one_request_and_one_person(admin: Client, world: World) -> None:
    assert send(admin, GROUPS, new(world), "key-1").status_code == 201
    other = send(admin, GROUPS, new(world, name="Fresno"), "key-1")
    assert problem(other)["type"].endswith("idempotency-key-reused")
    narrowed = tokens.create(by=world.owner, name="Script", group=world.sadler, role=Role.ADMIN)
    assert send(Client(), GROUPS, new(world), "key-1", Authorization=f"Bearer {narrowed.secret}").status_code == 422
    admin.force_login(world.admin)
    assert send(admin, GROUPS, new(world), "key-1").status_code == 201
    assert Group.objects.filter(name="San Diego").count() == 2


def test_a_refusal_uses_up_no_key(admin: Client, world: World) -> None:
    assert send(admin, GROUPS, new(world, name=""), "key-1").status_code == 400
    assert send(admin, GROUPS, new(world), "key-1").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "é", "a\tb"])
def test_a_key_is_plain_text(key: str, admin: Client, world: World) -> None:
    assert problem(send(admin, GROUPS, new(world), key))["errors"][0]["header"] == "Idempotency-Key"


def test_a_secret_is_not_shown_again(admin: Client, world: World) -> None:
    body = {"recipe": world.version.recipe_id, "name": "Fresh"}
    first, again = (send(admin, DEVICES, body, "key-1") for _ in range(2))
    secret = first.json()["credential"]["access_secret"]
    told = problem(again)
    assert (told["status"], told["resource"]) == (409, first["Location"])
    assert secret not in again.content.decode()
    assert IdempotencyRecord.objects.get().body == ""
    assert (Device.objects.filter(name="Fresh").count(), Credential.objects.count()) == (1, 1)


def test_keys_are_forgotten_after_a_day(admin: Client, world: World) -> None:
    first = send(admin, GROUPS, new(world), "key-1").json()
    tasks.clear_expired()
    assert IdempotencyRecord.objects.count() == 1
    IdempotencyRecord.objects.update(created_at=Now() - idempotency_records.KEPT - timedelta(seconds=1))
    again = send(admin, GROUPS, new(world), "key-1").json()  # even before beat comes by
    assert again["id"] != first["id"]
    IdempotencyRecord.objects.update(created_at=Now() - idempotency_records.KEPT)
    tasks.clear_expired()
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_carried_out(world: World) -> None:
    secret = tokens.create(by=world.owner, name="Script", group=world.kanarra.root, role=Role.ADMIN).secret
    together = Barrier(8)

    def one(_: int) -> tuple[int, str]:
        client = Client()
        together.wait()
        try:
            answer = send(client, GROUPS, new(world), "key-1", Authorization=f"Bearer {secret}")
            return answer.status_code, json.dumps(answer.json())
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(one, range(8)))
    assert {status for status, _ in answers} == {201}
    assert len(answers) == 1
    assert Group.objects.filter(name="San Diego").count() == 1


# Limits ----------------------------------------------------------------------------------------


def asker(user: User, group: Group) -> Callable[[], Any]:
    secret = tokens.create(by=user, name="Script", group=group, role=Role.VIEWER).secret
    return lambda: Client().get("/api/v1/me/", headers={"Authorization": f"Bearer {secret}"})


def limit(settings: Settings, token: int, person: int, tenant: int, organisation: int) -> None:
    cache.clear()
    settings.API_LIMIT_SECONDS, settings.API_TOKEN_LIMIT, settings.API_PERSON_LIMIT = 3600, token, person
    settings.API_TENANT_LIMIT, settings.API_ORGANISATION_LIMIT = tenant, organisation


def test_a_token_has_its_limit_and_a_person_has_one(world: World, settings: Settings) -> None:
    limit(settings, 2, 3, 100, 100)
    one, two = asker(world.viewer, world.sadler), asker(world.viewer, world.sadler)
    first, second, third = one(), one(), one()
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first["RateLimit-Policy"] == '"token";q=2;w=3600, "person";q=3;w=3600'
    assert first["RateLimit"].startswith('"token";r=1;t=')
    assert problem(third)["type"].endswith("throttled")
    assert 0 < int(third["Retry-After"]) <= 3600
    assert [two().status_code, two().status_code] == [200, 429]  # what was refused to the other is not counted
    assert asker(world.technician, world.sadler)().status_code == 200


def test_nobody_closes_the_door_for_others(world: World, settings: Settings) -> None:
    """A token asks on and on; a tenant's people ask for all that its organisation has: others are answered."""
    limit(settings, 5, 100, 20, 30)
    greedy, theirs = asker(world.viewer, world.sadler), asker(world.sibling, world.tekton)
    for _ in range(50):
        greedy()
    told = theirs()
    assert (told.status_code, "organisation" in told["RateLimit-Policy"]) == (200, False)  # nor how busy others are
    settings.API_TOKEN_LIMIT = 100
    assert [greedy().status_code for _ in range(20)].count(200) == 15  # its tenant's share
    people = [asker(user, world.sadler) for user in (world.technician, world.admin)]
    assert [ask().status_code for ask in people for _ in range(2)] == [200] * 4  # less than a tenth of it
    owner = asker(world.owner, world.kanarra.root)
    assert [owner().status_code for _ in range(20)].count(200) == 5  # the organisation's last
    assert theirs().status_code == 200
    assert asker(world.stranger, world.other.root)().status_code == 200
    calm = builders.make_user("calm@sadler.example", world.region, Role.VIEWER)  # of the very tenant that took all
    assert [asker(calm, world.region)().status_code for _ in range(3)] == [200, 200, 429]


def test_nobody_is_refused_while_redis_is_away(
    admin: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise redis.ConnectionError

    settings.API_TOKEN_LIMIT = 0
    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.add", away)
    monkeypatch.setattr("django.core.cache.backends.redis.RedisCacheClient.incr", away)
    assert admin.get("/api/v1/me/").status_code == 200


# Groups ----------------------------------------------------------------------------------------


def test_groups_are_made_renamed_moved_and_deleted(admin: Client, world: World) -> None:
    made = send(admin, GROUPS, new(world)).json()
    url = f"{GROUPS}{made['id']}/"
    assert made == {"id": made["id"], "name": "San Diego", "parent": world.sadler.pk, "leaf": True, "archived": False}
    assert admin.patch(url, {"name": "Fresno"}, "application/json").json()["name"] == "Fresno"
    assert send(admin, f"{url}move/", {"parent": world.tekton.pk}).json()["parent"] == world.tekton.pk
    below = {row["name"] for row in admin.get(GROUPS, {"parent": world.tekton.pk}).json()["results"]}
    assert below == {"Boise", "Fresno"}
    assert admin.get(GROUPS, {"q": "fres"}).json()["results"][0]["id"] == made["id"]
    assert admin.delete(url).status_code == 204
    assert admin.get(url).status_code == 404
    told = AuditEntry.objects.filter(by=world.owner).order_by("id").values_list("what", flat=True)
    assert [next(word for word in what.split() if word in ACTS) for what in told] == [
        "made",
        "renamed",
        "moved",  # told to those who managed it, and to those who do now
        "moved",
        "deleted",
    ]


def test_what_groups_refuse(admin: Client, world: World) -> None:
    before = list(Group.objects.values_list("pk", "path", "name"))
    refused = [
        send(admin, GROUPS, new(world, parent=world.anaheim.pk)),  # holds devices
        send(admin, GROUPS, new(world, parent=world.other.root.pk)),
        send(admin, GROUPS, new(world, parent=True)),
        send(admin, GROUPS, new(world, parent="1")),
        send(admin, GROUPS, new(world, parent=10**30)),
        send(admin, f"{GROUPS}{world.sadler.pk}/move/", {"parent": world.region.pk}),
        send(admin, f"{GROUPS}{world.sadler.pk}/move/", {"parent": world.other.root.pk}),
        send(admin, f"{GROUPS}{world.kanarra.root.pk}/move/", {"parent": world.sadler.pk}),
        admin.delete(f"{GROUPS}{world.sadler.pk}/"),
        admin.get(GROUPS, {"parent": world.other_site.pk}),
    ]
    assert [problem(answer)["status"] for answer in refused] == [400, 400, 400, 400, 400, 400, 400, 409, 400, 400]
    admin.force_login(world.admin)
    own = f"{GROUPS}{world.sadler.pk}/"
    assert send(admin, f"{own}move/", {"parent": world.region.pk}).status_code == 409
    assert problem(admin.delete(own))["status"] == 409
    assert list(Group.objects.values_list("pk", "path", "name")) == before


def test_a_group_with_a_history_stays(admin: Client, world: World) -> None:
    leaf = groups.create(parent=world.sadler, name="Closed")
    device = builders.make_device(world.version, group=leaf, by=world.owner)
    assert admin.post(f"{DEVICES}{device.serial}/release/").status_code == 204
    assert problem(admin.delete(f"{GROUPS}{leaf.pk}/"))["status"] in {400, 409}
