"""The claim code on the label, instead of the press: who has it is at the device, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.credentials import presence_secrets
from devices.identity import makers_labels
from devices.identity.label_facts import read_facts
from devices.lifecycle import assignments, locks
from devices.models import Device, DeviceModel, Event, PresenceSecret, RecipeVersion
from lib.refusals import Kind, Refusal
from provisioning import refusals
from provisioning.models import Window
from provisioning.windows import operations as windows
from provisioning.windows.proofs import prove_presence
from tenants.models import Organisation
from tests.builders import make_device
from tests.devices.api import Program, kind
from tests.provisioning.conftest import ask_for, end_in, form_data, report_press
from tests.provisioning.windows.test_races import at_once
from tests.refused import is_refusal, refused

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import User
    from tests.conftest import World

WRONG = "0000-0000-0000-0000"


def make_code(device: Device) -> str:
    return presence_secrets.make_presence_secret(device=device, method="claim-code", by=None).secret


def open_window(world: World, by: User | None = None, device: Device | None = None) -> Window:
    device = Device.objects.select_related("organisation", "version").get(pk=(device or world.waiting).pk)
    return windows.open_window(device=device, by=by or world.technician)


def finish(world: World, window: Window) -> Device:
    model = DeviceModel.objects.get(organisation=world.kanarra)
    return windows.finish_window(window=window, by=window.technician, name="KP002", group=world.anaheim, model=model)


def state(window: Window) -> str:
    return Window.objects.with_state().get(pk=window.pk).state


@pytest.fixture
def code(world: World) -> str:
    ask_for(world, "claim-code")
    return make_code(world.waiting)


@pytest.mark.parametrize(
    ("organisation", "recipe", "asked"),
    [
        ("press", "", "press"),
        ("claim-code", "", "claim-code"),
        ("press", "claim-code", "claim-code"),
        ("claim-code", "press", "press"),
    ],
)
def test_the_recipe_says_what_is_asked_or_else_the_organisation(
    world: World, organisation: str, recipe: str, asked: str
) -> None:
    ask_for(world, organisation)
    RecipeVersion.objects.filter(pk=world.version.pk).update(presence=recipe)
    window = open_window(world)
    assert window.method == asked
    assert bool(report_press(world.waiting)) is (asked == "press")


@pytest.mark.parametrize("how", ["page", "htmx", "api"])
def test_the_page_and_the_api_go_on_to_the_form_at_once(client: Client, world: World, code: str, how: str) -> None:
    window = open_window(world)
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    if how == "api":
        answer = Program(world.technician).post(f"windows/{window.key}/proof/", {"code": typed})
        assert (answer.json()["state"], answer.json()["method"]) == ("pressed", "claim-code")
    else:
        client.force_login(world.technician)
        page = client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
        assert ("Enter the claim code" in page, 'name="code"' in page, "Press the register" in page) == (
            True,
            True,
            False,
        )
        headers = {"HX-Request": "true"} if how == "htmx" else {}
        answer = client.post(
            reverse("provisioning:prove", kwargs={"key": window.key}), {"code": typed}, headers=headers
        )
        assert answer.status_code == (200 if how == "htmx" else 302)
        shown = answer if how == "htmx" else client.get(answer["Location"])
        assert "Where does it belong?" in shown.content.decode()
    told = Event.objects.filter(device=world.waiting, kind="presence-proven").values_list("by", "data")
    assert list(told) == [(world.technician.pk, {"window": str(window.key), "method": "claim-code"})]
    assert finish(world, window).group == world.anaheim


def test_a_wrong_code_keeps_the_field_and_says_so(client: Client, world: World, code: str) -> None:
    window = open_window(world)
    client.force_login(world.technician)
    answer = client.post(reverse("provisioning:prove", kwargs={"key": window.key}), {"code": WRONG})
    assert (answer.status_code, "This code does not fit." in answer.content.decode()) == (409, True)
    assert client.post(reverse("provisioning:prove", kwargs={"key": window.key}), {"code": ""}).status_code == 422
    place = client.post(reverse("provisioning:place", kwargs={"key": window.key}), form_data(world))
    assert "No right code was entered" in place.content.decode()
    assert kind(Program(world.technician).post(f"windows/{window.key}/proof/", {"code": WRONG})) == "wrong-code"
    window.refresh_from_db()
    assert (state(window), window.wrong_codes) == ("waiting", 2)


def label(world: World, form: str, code: str) -> str:
    fields = f"1122334455667788:AABBCCDDEEFF0011:AABB1122:S{world.waiting.serial}:O{code}"
    tr005 = f"LW:D0:{fields}:PX"
    return {
        "tr005": f"{tr005}:C{makers_labels.compute_crc16(tr005):04X}",
        "json": json.dumps({"serial": world.waiting.serial, "ownerToken": code}),
        "url": f"http://testserver/d/{world.waiting.serial}?claim_code={code}",
    }[form]


@pytest.mark.parametrize("how", ["page", "api"])
@pytest.mark.parametrize("form", ["tr005", "json", "url"])
def test_a_scanned_label_with_the_code_needs_no_typing(
    client: Client, world: World, code: str, form: str, how: str
) -> None:
    client.force_login(world.technician)
    for tried, proven in ((WRONG, False), (code, True)):
        text = label(world, form, tried)
        if how == "api":
            sent = client.post("/api/v1/windows/", {"text": text}, "application/json")
            assert (sent.status_code, sent.json()["state"]) == (201, "pressed" if proven else "waiting")
            continue
        page = client.post(reverse("provisioning:scan"), {"text": text}, follow=True).content.decode()
        assert ("Where does it belong?" in page, "claim code was not taken" in page) == (proven, not proven)
    assert [window.wrong_codes for window in Window.objects.order_by("pk")] == [1, 0]


def test_a_code_in_a_label_is_left_alone_where_a_press_is_asked(client: Client, world: World, code: str) -> None:
    ask_for(world, "press")
    client.force_login(world.technician)
    text = label(world, "tr005", code)
    assert client.post("/api/v1/windows/", {"text": text}, "application/json").json()["state"] == "waiting"
    assert PresenceSecret.objects.get().spent_at is None


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C", "AABBCCDDEEFF"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:SX:Oab_Scd-+/==", "ab_Scd-+/=="),
        ("URN:DEV:LW:1122334455667788_AABBCCDDEEFF0011_AABB1122_OAB_SCD", "AB"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:SOOO", ""),
        ('[{"DevEUI": "AABBCCDDEEFF0011", "owner-token": 17}]', "17"),
        ('{"ownerToken": {"a": "b"}}', ""),
        ("{" * 900, ""),
        ("https://[", ""),
        ("KP7Q2", ""),
    ],
)
def test_owner_tokens_of_labels(text: str, token: str) -> None:
    assert read_facts(text).owner_token == token


def test_an_owner_token_is_never_read_as_the_serial() -> None:
    text = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:Oab_Scd"
    assert "CD" not in {serial.upper() for tier in makers_labels.read_tr005(text) or [] for serial in tier}


def test_no_answer_and_no_statement_tells_whether_the_device_has_a_code(client: Client, world: World) -> None:
    """Nor whether it is the code of another device, or one that was spent."""
    ask_for(world, "claim-code")
    of_another = make_code(make_device(world.version, name="Another"))
    client.force_login(world.technician)
    seen = []
    for has, tried in [(None, WRONG), ("live", WRONG), ("live", of_another), ("spent", "itself")]:
        PresenceSecret.objects.filter(device=world.waiting).delete()
        own = make_code(world.waiting) if has else ""
        if has == "spent":
            assert presence_secrets.spend_claim_code(world.waiting.pk, open_window(world).deadline)
        window = open_window(world)
        with CaptureQueriesContext(connection) as asked:
            answer = client.post(
                f"/api/v1/windows/{window.key}/proof/",
                {"code": own if tried == "itself" else tried},
                "application/json",
                headers={"X-Request-ID": "same"},
            )
        body = {name: value for name, value in answer.json().items() if name not in {"instance", "request_id"}}
        seen.append((answer.status_code, body, len(asked)))
    assert [each for each in seen if each != seen[0]] == []


def test_the_code_is_spent_when_the_device_is_placed(world: World, code: str) -> None:
    Organisation.objects.filter(pk=world.kanarra.pk).update(allow_reprovisioning=True)
    late = open_window(world)
    prove_presence(window=late, by=world.technician, code=code)
    end_in(late, milliseconds=-1)  # nothing was placed: the label's code still works
    window = open_window(world)
    prove_presence(window=window, by=world.technician, code=code)
    prove_presence(window=window, by=world.technician, code=WRONG)  # proven: sent again, nothing changes
    finish(world, window)
    again = open_window(world)
    with refused(refusals.WRONG_CODE):
        prove_presence(window=again, by=world.technician, code=code)
    new = make_code(Device.objects.get(pk=world.waiting.pk))
    prove_presence(window=again, by=world.technician, code=new)
    finish(world, again)


def test_a_code_that_was_replaced_after_the_proof_places_nothing(world: World, code: str) -> None:
    window = open_window(world)
    prove_presence(window=window, by=world.technician, code=code)
    make_code(world.waiting)
    with refused(refusals.CLAIM_CODE_GONE):
        finish(world, window)
    assert PresenceSecret.objects.get(device=world.waiting).spent_at is None


def test_what_a_tenants_admin_made_ends_with_the_assignment_and_the_factorys_stays(world: World) -> None:
    make_code(world.waiting)
    make_code(world.placed)
    assignments.release(device=world.placed, by=world.owner)
    assert list(PresenceSecret.objects.values_list("device_id", flat=True)) == [world.waiting.pk]


@pytest.mark.parametrize(
    ("act", "refusal"),
    [
        ("press", refusals.NO_CODE_ASKED),
        ("expired", refusals.WINDOW_EXPIRED),
        ("cancelled", refusals.WINDOW_CANCELLED),
        ("locked", refusals.DEVICE_LOCKED),
        ("other", refusals.WRONG_CODE),
    ],
)
def test_a_right_code_where_it_does_not_count(world: World, code: str, act: str, refusal: Kind) -> None:
    if act == "press":
        ask_for(world, "press")
    window = open_window(world)
    if act == "expired":
        end_in(window, milliseconds=-1)
    if act == "cancelled":
        windows.cancel_window(window=window, by=world.technician)
    if act == "locked":
        locks.lock_devices([world.waiting], by=world.owner)
    with refused(refusal):
        prove_presence(window=window, by=world.sibling if act == "other" else world.technician, code=code)
    assert not Event.objects.filter(kind="presence-proven").exists()


def test_guesses_end_at_the_persons_limit_and_then_the_right_one_is_refused_too(world: World, code: str) -> None:
    """After the twentieth of 10,000, none is looked at: what it would be does not count any more."""
    for _ in range(2):  # scanning again, and another device, don't begin anew
        window = open_window(world)
        for _ in range(10):
            with refused(refusals.WRONG_CODE):
                prove_presence(window=window, by=world.technician, code=WRONG)
    other = make_device(world.version, name="Another")
    for device, right in ((world.waiting, code), (other, make_code(other))):
        window = open_window(world, device=device)
        with refused(refusals.TOO_MANY_CODES):
            prove_presence(window=window, by=world.technician, code=right)
        windows.cancel_window(window=window, by=world.technician)
    window = open_window(world, by=world.sibling)  # nobody alone uses up the device's
    prove_presence(window=window, by=world.sibling, code=code)


def test_whoever_goes_on_guessing_beyond_the_limit_uses_up_nobody_elses(world: World, code: str) -> None:
    window = open_window(world)
    for kind_of_refusal in [refusals.WRONG_CODE] * 20 + [refusals.TOO_MANY_CODES] * 20:
        with refused(kind_of_refusal):
            prove_presence(window=window, by=world.technician, code=WRONG)
    windows.cancel_window(window=window, by=world.technician)
    prove_presence(window=open_window(world, by=world.sibling), by=world.sibling, code=code)


def test_guesses_of_several_people_end_at_the_devices_limit(world: World, code: str) -> None:
    Window.objects.filter(pk=open_window(world).pk).update(wrong_codes=20)
    window = open_window(world)
    windows.cancel_window(window=window, by=world.technician)
    window = open_window(world, by=world.sibling)
    Window.objects.filter(pk=window.pk).update(wrong_codes=10)
    with refused(refusals.TOO_MANY_CODES):
        prove_presence(window=window, by=world.sibling, code=code)


def test_the_page_and_the_api_tell_of_the_limit(client: Client, world: World, code: str) -> None:
    window = open_window(world)
    Window.objects.filter(pk=window.pk).update(wrong_codes=20)
    client.force_login(world.technician)
    url = reverse("provisioning:prove", kwargs={"key": window.key})
    page = client.post(url, {"code": code}, headers={"HX-Request": "true"})
    assert (page.status_code, "Too many wrong codes" in page.content.decode()) == (409, True)  # which htmx shows
    answer = Program(world.technician).post(f"windows/{window.key}/proof/", {"code": code})
    assert (answer.status_code, kind(answer), answer["Retry-After"]) == (429, "too-many-codes", "3600")


@pytest.mark.parametrize("sent", ["\ud800", "a\0b", "x" * 129, 7, None, ["a"], {"a": 1}])
def test_strange_codes_are_no_server_error(world: World, code: str, sent: object) -> None:
    answer = Program(world.technician).post(f"windows/{open_window(world).key}/proof/", {"code": sent})
    assert answer.status_code in {400, 409}


def test_right_codes_are_not_counted(world: World, code: str) -> None:
    window = open_window(world)
    prove_presence(window=window, by=world.technician, code=code)
    assert Window.objects.get(pk=window.pk).wrong_codes == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_of_many_at_once_with_one_code_exactly_one_counts_and_guesses_stay_in_their_bound(world: World) -> None:
    ask_for(world, "claim-code")
    code, window = make_code(world.waiting), open_window(world)
    guesses = at_once(30, lambda _: prove_presence(window=window, by=world.technician, code=WRONG))
    assert sum(is_refusal(outcome, refusals.WRONG_CODE) for outcome in guesses) <= 20
    Window.objects.update(wrong_codes=0)
    at_once(12, lambda _: prove_presence(window=window, by=world.technician, code=code))
    assert Event.objects.filter(kind="presence-proven").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_of_several_people_with_one_code_at_once_exactly_one_places_the_device(world: World) -> None:
    ask_for(world, "claim-code")
    code, model = make_code(world.waiting), DeviceModel.objects.get(organisation=world.kanarra)
    people = (world.technician, world.sibling, world.admin, world.owner)

    def claim(number: int) -> Device:
        by = people[number % 4]
        window = open_window(world, by=by)
        prove_presence(window=window, by=by, code=code)
        group = world.boise if by == world.sibling else world.anaheim
        return windows.finish_window(window=window, by=by, name=f"By {number}", group=group, model=model)

    outcomes = at_once(12, claim)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Device | Refusal)] == []
    assert sum(isinstance(outcome, Device) for outcome in outcomes) == 1
    assert PresenceSecret.objects.filter(spent_at__isnull=False).count() == 1
