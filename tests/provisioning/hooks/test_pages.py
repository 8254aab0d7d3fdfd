"""An admin makes hooks, sees what each was told and answered, and repeats or skips what failed: by page and by API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client

from devices.models import Event
from lib import key_wrapping
from lib.outgoing import results
from provisioning.hooks import messages, operations
from provisioning.hooks.results import NO_SECRET, describe
from provisioning.models import Hook, HookCall, HookRun
from tests.access.hooks import URL, make_hook, make_run
from tests.devices.api import Program, kind, places

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def sent(**change: object) -> dict[str, object]:
    return {"name": "Join server", "url": URL, "position": 1, **change}


def fail(run: HookRun, result: str = results.STATUS, status: int = 503) -> HookCall:
    """As after the last attempt."""
    call = HookCall.objects.of(run)[0]
    HookCall.objects.filter(pk=call.pk).update(state="failed", result=result, status=status, attempts=10)
    HookRun.objects.filter(pk=run.pk).update(state="failed")
    return call


def read_secret(answer: Any) -> str:
    found = re.search(r"whsec_[A-Za-z0-9+/=]{44}", answer.content.decode())
    assert found
    return found[0]


def test_a_secret_is_shown_once_and_kept_nowhere_as_it_is(owner: Client, world: World) -> None:
    answer = owner.post("/hooks/new/create/", sent())
    assert answer.status_code == 200
    secret = read_secret(answer)
    hook = Hook.objects.get()
    assert messages.PREFIX not in owner.get(hook.get_absolute_url()).content.decode()
    again = owner.post(f"/hooks/{hook.key}/secret/")
    assert read_secret(again) != secret
    stored = serializers.serialize("json", [*Hook.objects.all(), *Event.objects.all()])
    assert secret not in stored
    assert secret.removeprefix(messages.PREFIX) not in stored
    told = Event.objects.filter(kind=Event.Kind.HOOK_CHANGED).order_by("pk")
    assert [event.data["act"] for event in told] == ["made", "new secret"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://join.example/"}, "begins with https://"),
        ({"url": "https://user:pw@join.example/"}, "without a name, a password"),
        ({"url": "x" * 501}, "at most 500"),
        ({"url": ""}, "Write the address"),
        ({"name": ""}, "Give the hook a name"),
        ({"name": "a\u202eb"}, "control"),
        ({"position": "0"}, "from 1 to 99"),
        ({"position": "first"}, "from 1 to 99"),
    ],
)
def test_what_is_wrong_is_said_and_kept(owner: Client, world: World, change: dict[str, object], words: str) -> None:
    answer = owner.post("/hooks/new/create/", sent(**change))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Hook.objects.exists()
    hook = make_hook(world)
    assert owner.post(f"/hooks/{hook.key}/change/", sent(**change)).status_code == 422
    hook.refresh_from_db()
    assert (hook.url, hook.name) == (URL, "Join server")


def test_a_name_is_given_once_among_those_that_work(owner: Client, world: World) -> None:
    hook = make_hook(world)
    assert owner.post("/hooks/new/create/", sent()).status_code == 409
    operations.end_hook(hook=hook, by=world.owner)
    assert owner.post("/hooks/new/create/", sent()).status_code == 200


def test_an_ended_hook_is_changed_no_more(owner: Client, world: World) -> None:
    hook = make_hook(world)
    assert owner.post(f"/hooks/{hook.key}/end/").status_code == 302
    for act in ("change", "secret", "repeat"):
        assert owner.post(f"/hooks/{hook.key}/{act}/", sent(name="B")).status_code == 409
    assert "ended" in owner.get("/hooks/").content.decode().lower()


def test_there_are_so_many_and_no_more(owner: Client, world: World) -> None:
    for number in range(operations.MOST_HOOKS):
        operations.create_hook(organisation=world.kanarra, name=f"H{number}", url=URL, by=world.owner)
    assert owner.post("/hooks/new/create/", sent()).status_code == 409


def test_each_hooks_result_is_shown(owner: Client, world: World) -> None:
    run = make_run(world)
    operations.create_hook(organisation=world.kanarra, name="Late", url=URL, by=world.owner)
    assert "sent next" in owner.get(run.get_absolute_url()).content.decode()
    fail(run)
    page = owner.get(run.get_absolute_url()).content.decode()
    assert "It answered 503." in page
    assert "Late" not in page, "made after it happened"
    assert "1 message failed and waits for you" in owner.get("/hooks/").content.decode()
    assert world.foreign.serial[:4] in owner.get("/hooks/runs/?state=failed").content.decode()
    assert "Nothing here" in owner.get("/hooks/runs/?state=done").content.decode()
    assert "Repeat all" in owner.get(make_hook(world).get_absolute_url()).content.decode()


def test_an_admin_repeats_then_skips(owner: Client, world: World) -> None:
    run = make_run(world)
    call = fail(run)
    address = f"/hooks/runs/{run.key}/1/"
    assert owner.post(address + "repeat/").status_code == 302
    call.refresh_from_db()
    assert (call.state, call.attempts, call.result) == ("waiting", 0, "")
    assert owner.post(address + "skip/").status_code == 302
    refused = owner.post(address + "skip/")
    assert refused.status_code == 409
    assert "not waiting to be sent" in refused.content.decode()
    told = Event.objects.filter(kind=Event.Kind.HOOK_CHANGED).order_by("pk")
    assert [event.data["act"] for event in told] == ["made", "repeated", "skipped"]
    assert told[1].data["serial"] == world.foreign.serial
    journal = owner.get("/journal/?kind=hooks").content.decode()
    assert f"Join server: skipped for {world.foreign.serial}" in journal


def test_programs_make_hooks_and_see_results(world: World) -> None:
    program = Program(world.owner, world.kanarra.root)
    made = program.post("hooks/", {"name": "Join server", "url": URL}, key="one")
    assert made.status_code == 201
    assert made.json()["secret"].startswith(messages.PREFIX)
    assert made.json()["position"] == 1
    assert "secret" not in program.get(f"hooks/{made.json()['key']}/").json()
    assert program.post("hooks/", {"name": "Join server", "url": URL}, key="one").status_code == 409
    assert kind(program.post("hooks/", {"name": "Join server", "url": URL})) == "hook-name-taken"
    assert places(program.post("hooks/", {"name": "B", "url": "http://join.example/"})) == ["#/url"]
    assert places(program.patch(f"hooks/{made.json()['key']}/", {"position": 0})) == ["#/position"]

    run = make_run(world)
    fail(run, results.REFUSED_ADDRESS, 0)
    shown = program.get(f"hook-runs/{run.key}/").json()
    assert shown["payload"]["data"]["serial"] == world.foreign.serial
    assert (shown["calls"][0]["state"], shown["state"]) == ("failed", "failed")
    assert "private or reserved address" in shown["calls"][0]["result"]
    assert program.post(f"hooks/{made.json()['key']}/repeat/").json() == {"repeated": 1}
    assert program.post(f"hook-runs/{run.key}/calls/1/skip/").json()["calls"][0]["state"] == "skipped"
    assert kind(program.post(f"hook-runs/{run.key}/calls/1/repeat/")) == "hook-call-over"
    assert [row["serial"] for row in program.get("hook-runs/").json()["results"]] == [world.foreign.serial]


def test_a_token_for_less_than_the_organisation_finds_none(world: World) -> None:
    hook, run = make_hook(world), make_run(world)
    program = Program(world.owner, world.sadler)
    for path in ("hooks/", f"hooks/{hook.key}/", "hook-runs/", f"hook-runs/{run.key}/"):
        assert program.get(path).status_code == 404


def test_a_secret_that_the_site_can_read_no_more_is_told(world: World) -> None:
    hook = make_hook(world)
    Hook.objects.update(sealed=b"of another site")
    hook.refresh_from_db()
    assert key_wrapping.unseal(hook.sealed) is None
    assert messages.unseal_keys(hook, with_former=True) == []
    assert "Make a new one" in describe(NO_SECRET, None)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.7:8443", "169.254.169.254", "[::1]", "[fd00::7]", "[::ffff:10.0.0.7]"]
)
def test_an_address_that_is_surely_private_is_refused_at_once(host: str, owner: Client, world: World) -> None:
    answer = owner.post("/hooks/new/create/", sent(url=f"https://{host}/hooks"))
    assert answer.status_code == 422
    assert "This address is private or reserved" in answer.content.decode()
    assert not Hook.objects.exists()
    hook = make_hook(world)
    with pytest.raises(ValidationError, match="private or reserved"):
        operations.change_hook(hook=hook, fields={"url": f"https://{host}/hooks"}, by=world.owner)


def test_one_that_the_operator_lists_is_taken(owner: Client, settings: Settings) -> None:
    settings.HOOK_NETWORKS = ["10.0.0.0/8"]
    assert owner.post("/hooks/new/create/", sent(url="https://10.0.0.7/hooks")).status_code == 200


def test_what_is_tried_again_shows_at_the_hook(owner: Client, world: World) -> None:
    run = make_run(world)
    call = HookCall.objects.of(run)[0]
    assert "did not take" not in read(owner, call.hook.get_absolute_url())
    HookCall.objects.filter(pk=call.pk).update(result=results.STATUS, status=503, attempts=1, attempted_at=Now())
    assert '<td data-label="Tried again" class="num">1</td>' in read(owner, "/hooks/")
    page = read(owner, call.hook.get_absolute_url())
    assert "It did not take its last message" in page
    assert run.get_absolute_url() in page


def read(client: Client, address: str) -> str:
    return client.get(address).content.decode()
