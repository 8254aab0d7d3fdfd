"""Whoever may register devices finds one that waits by its code, and lets it in or turns it away: pages and API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from devices.lifecycle import assignments
from devices.models import Device, Event
from devices.refusals import GROUP_TAKES_NO_DEVICES
from provisioning.doors.approval import decisions, operator_views
from provisioning.doors.approval.codes import make_code, read_code, show_code
from provisioning.models import ProvisioningOperation
from tenants.models import Role, User
from tests.devices.api import Program, kind, places
from tests.provisioning.doors.makers import Sdk, get_operation, make_approval_door
from tests.provisioning.doors.test_doors import browser
from tests.refused import refused
from tests.signing_in import make_look

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
CANCELLED = "/problems/deviceProvisioning/provisioningOperationCancelled"


@pytest.fixture
def sdk(world: World) -> Sdk:
    return Sdk(make_approval_door(world.version)[1])


def at(name: str, operation: ProvisioningOperation) -> str:
    return reverse(f"provisioning:{name}", kwargs={"key": operation.key})


def wait(sdk: Sdk, own_id: str = "dev-0001") -> ProvisioningOperation:
    return get_operation(sdk.init(own_id).json()["provisioningOperationId"])


def test_a_technician_finds_the_device_by_its_code_and_lets_it_in(world: World, sdk: Sdk) -> None:
    client, operation = browser(world.technician), wait(sdk)
    listed = client.get("/approve/").content.decode()
    assert "dev-0001" in listed
    assert str(operation) not in listed  # whoever approves reads it from the device
    found = client.get("/approve/", {"code": str(operation).lower().replace("-", " ")})
    assert found["Location"] == f"{at('approval', operation)}?code={operation}"
    page = client.get(found["Location"]).content.decode()
    assert "ureq/2.12.1" in page
    assert f'value="{operation}"' in page  # as the QR code's address brought it
    assert f'value="{operation}"' not in client.get(at("approval", operation)).content.decode()
    sent = {"code": str(operation), "identity": "dev-0001", "name": "Tank 7", "group": world.anaheim.pk}
    answer = client.post(at("approve", operation), sent)
    assert answer["Location"] == at("approval", operation)
    assert "fetches its token" in client.get(answer["Location"]).content.decode()
    assert "Nothing waits" in client.get("/approve/").content.decode()
    registration = sdk.complete(str(operation.key)).json()["registrationToken"]
    assert sdk.register(registration).status_code == 200
    device = Device.objects.get(own_id="dev-0001")
    assert (device.name, device.group) == ("Tank 7", world.anaheim)
    assert device.get_absolute_url() in client.get(answer["Location"]).content.decode()


def test_turning_away_is_posted_and_told_once(world: World, sdk: Sdk) -> None:
    client, operation = browser(world.technician), wait(sdk)
    assert client.get(at("approval-cancel", operation)).status_code == 302
    assert sdk.complete(str(operation.key)).status_code == 202
    for _ in range(2):
        assert client.post(at("approval-cancel", operation))["Location"] == "/approve/"
    assert sdk.complete(str(operation.key)).json()["type"] == CANCELLED
    assert Event.objects.filter(kind="operation-cancelled").count() == 1


def test_no_get_decides(world: World, sdk: Sdk) -> None:
    client, operation = browser(world.owner), wait(sdk)
    assert client.get(at("approve", operation)).status_code == 302
    client.get(f"{at('approval', operation)}?code={operation}&identity=dev-0001")
    assert get_operation(str(operation.key)).outcome == ""


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"code": "BBBB-BBBB"}, 409, "This code does not fit"),
    ({"code": "12345678"}, 409, "This code does not fit"),
    ({"code": ""}, 422, "Enter the code that the device shows"),
    ({"identity": "abc"}, 422, "4 to 90 characters"),
    ({"identity": "d\u00fc-0001"}, 422, "4 to 90 characters"),
    ({"identity": "dev\u202e01"}, 422, "Leave control characters out"),
    ({"name": "a\u202eb"}, 422, "Leave control characters out"),
    ({"name": "x" * 121}, 422, "120"),
    ({"group": "999999"}, 422, "This group can&#x27;t take the device"),
]


@pytest.mark.parametrize(("fields", "status", "words"), WRONG)
def test_what_does_not_fit_comes_back_with_its_cause(
    world: World, sdk: Sdk, fields: dict[str, Any], status: int, words: str
) -> None:
    client, operation = browser(world.technician), wait(sdk)
    whole = {"code": str(operation), "identity": "dev-0001", "name": "Tank 7", "group": world.anaheim.pk}
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.post(at("approve", operation), whole | fields, headers=headers)
        assert answer.status_code == status, answer.content
        page = answer.content.decode()
        assert words in page
        assert fields.get("name", "Tank 7")[:100] in page or "\u202e" in fields["name"]  # nothing typed is lost
    assert get_operation(str(operation.key)).outcome == ""
    assert not Event.objects.filter(kind="operation-approved").exists()


@pytest.mark.parametrize("group", ["boise", "region", "other_site"])
def test_groups_that_are_not_the_technicians_are_no_choice(world: World, sdk: Sdk, group: str) -> None:
    operation = wait(sdk)
    sent = {"code": str(operation), "group": getattr(world, group).pk}
    assert browser(world.technician).post(at("approve", operation), sent).status_code == 422
    answer = Program(world.technician).post(f"approvals/{operation.key}/approve/", sent)
    assert answer.status_code == 400
    assert get_operation(str(operation.key)).outcome == ""


def test_wrong_codes_are_limited(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    program = Program(world.technician)
    path = f"approvals/{operation.key}/approve/"
    for _ in range(decisions.MOST_WRONG):
        assert kind(program.post(path, {"code": show_code(make_code())})) == "wrong-code"
    assert kind(program.post(path, {"code": str(operation)})) == "operation-locked"
    assert browser(world.technician).post(at("approve", operation), {"code": str(operation)}).status_code == 422
    assert get_operation(str(operation.key)).outcome == ""
    assert Program(world.owner).post(path, {}).status_code == 200  # an admin needs none


def test_a_right_code_uses_up_none_of_the_tries(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    program, path = Program(world.technician), f"approvals/{operation.key}/approve/"
    for _ in range(decisions.MOST_WRONG + 2):
        assert places(program.post(path, {"code": str(operation), "group": world.boise.pk})) == ["#/group"]
        with refused(GROUP_TAKES_NO_DEVICES):
            decisions.approve_operation(
                operation=operation, by=world.technician, code=str(operation), group=world.boise
            )
    assert get_operation(str(operation.key)).wrong_codes == 0
    assert program.post(path, {"code": str(operation), "group": world.anaheim.pk}).status_code == 200


@pytest.mark.parametrize(
    ("who", "placed", "person", "may"),
    [
        ("technician", False, "", True),
        ("viewer", False, "", False),
        ("technician", True, "", True),
        ("viewer", True, "", False),
        ("sibling", True, "", False),
        ("technician", True, "viewer", False),
        ("technician", True, "technician", True),
        ("admin", True, "viewer", True),
        ("owner", True, "viewer", True),
    ],
)
def test_who_may_let_a_device_in_again(world: World, who: str, *, placed: bool, person: str, may: bool) -> None:
    device = Device.objects.select_related("group").get(pk=(world.placed if placed else world.waiting).pk)
    device.person = getattr(world, person) if person else None
    assert decisions.may_let_in(getattr(world, who), device) is may


def test_without_the_code_admins_alone_approve_into_groups_that_they_manage(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    path = f"approvals/{operation.key}/approve/"
    assert kind(Program(world.technician).post(path, {})) == "without-proof"
    narrow = Program(world.admin, world.sadler, Role.TECHNICIAN)  # a token for less than its person may
    assert kind(narrow.post(path, {"group": world.anaheim.pk})) == "without-proof"
    assert Program(world.admin).post(path, {"group": world.anaheim.pk}).status_code == 200


def test_an_organisation_may_do_without_proof(world: World, sdk: Sdk) -> None:
    world.kanarra.skip_presence = True
    world.kanarra.save(update_fields=["skip_presence"])
    assert Program(world.technician).post(f"approvals/{wait(sdk).key}/approve/", {}).status_code == 200


def test_programs_find_and_decide(world: World, sdk: Sdk) -> None:
    one, two = wait(sdk), wait(sdk, "dev-0002")
    program = Program(world.technician)
    listed = program.get("approvals/").json()["results"]
    assert [each["id"] for each in listed] == ["dev-0002", "dev-0001"]
    assert str(one).replace("-", "") not in str(listed)
    assert str(one) not in str(listed)
    (found,) = program.get("approvals/", code=str(one)).json()["results"]
    assert (found["key"], found["state"], found["said"]) == (str(one.key), "pending", {"User-Agent": "ureq/2.12.1"})
    assert program.get("approvals/", code="nonsense").json()["results"] == []
    sent = {"code": str(one), "id": "Pump.7", "name": "Pump", "group": world.anaheim.pk}
    assert program.post(f"approvals/{one.key}/approve/", sent).json()["state"] == "approved"
    assert kind(program.post(f"approvals/{one.key}/approve/", sent)) == "operation-decided"
    sdk.register(sdk.complete(str(one.key)).json()["registrationToken"])
    shown = program.get(f"approvals/{one.key}/").json()
    assert (shown["state"], shown["serial"]) == ("registered", Device.objects.get(own_id="Pump.7").serial)
    assert kind(program.post(f"approvals/{one.key}/cancel/")) == "operation-decided"
    assert program.post(f"approvals/{two.key}/cancel/").json()["state"] == "cancelled"


def test_what_somebody_decided_is_told_to_them_and_to_owners(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    sent = {"code": str(operation), "name": "Canary name", "group": world.boise.pk}
    assert browser(world.sibling).post(at("approve", operation), sent).status_code == 302
    assert browser(world.technician).get(at("approval", operation)).status_code == 404
    for user in (world.sibling, world.owner):
        assert browser(user).get(at("approval", operation)).status_code == 200


def test_a_device_of_another_organisation_is_found_by_nobody_here(world: World) -> None:
    elsewhere = Sdk(make_approval_door(world.other_version, name="Elsewhere")[1])
    operation = wait(elsewhere)
    client = browser(world.owner)
    assert "dev-0001" not in client.get("/approve/").content.decode()
    assert client.get("/approve/", {"code": str(operation)}).status_code == 404
    assert client.get(at("approval", operation)).status_code == 404
    assert Program(world.owner).get("approvals/", code=str(operation)).json()["results"] == []


def test_an_id_that_is_there_already_is_said(world: World, sdk: Sdk) -> None:
    sdk.register(sdk.get_approved(world.owner, "dev-0001", name="Tank 7", group=world.anaheim))
    operation = wait(sdk)
    assert "Tank 7 in Kaiser" in browser(world.technician).get(at("approval", operation)).content.decode()
    assert "Tank 7" not in browser(world.sibling).get(at("approval", operation)).content.decode()
    answer = browser(world.sibling).post(at("approve", operation), {"code": str(operation)})
    assert answer.status_code == 409
    assert b"Another device of your organisation goes by this ID" in answer.content


def test_what_a_device_says_is_text(world: World, sdk: Sdk) -> None:
    said = '{"deviceId":"dev-0001","<b>x</b>":"<script>alert(1)</script>"}'
    key = sdk.send("POST", "/provisioning-operations/init", said).json()["provisioningOperationId"]
    page = browser(world.owner).get(at("approval", get_operation(key))).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("code", ["", "x" * 500, "<b>", "BBBBBBBB", "\u0130\u0130\u0130\u0130"])
def test_a_code_that_nothing_shows_finds_nothing(world: World, sdk: Sdk, code: str) -> None:
    wait(sdk)
    answer = browser(world.technician).get("/approve/", {"code": code})
    assert answer.status_code == (404 if code else 200)
    assert b"dev-0001" in answer.content


def test_codes_are_read_as_people_type_them() -> None:
    code = make_code()
    assert {read_code(text) for text in (code, show_code(code), code.lower(), f" {show_code(code)} ")} == {code}
    assert {read_code(text) for text in ("", code[:-1], code + "B", "AEIOUAEI", "12345678")} == {""}
    assert len({make_code() for _ in range(500)}) == 500


def test_the_list_goes_on_by_itself(world: World, sdk: Sdk) -> None:
    get_user = make_look(world.technician)

    def look() -> str:
        seen = operator_views.check_waiting(get_user)
        assert seen is not None
        assert not seen.final
        return seen.version

    versions = [look()]
    operation = wait(sdk)
    versions.append(look())
    seen = operator_views.check_waiting(get_user)
    assert seen is not None
    assert seen.again_in is not None
    assert 0 < seen.again_in <= 3600
    ProvisioningOperation.objects.update(expires_at=Now() - timedelta(seconds=1))
    versions.append(look())
    assert versions == ["0", f"1.{operation.pk}", "0"]
    page = browser(world.technician).get("/approve/", headers={"HX-Request": "true"}).content.decode()
    assert 'data-version="0"' in page
    assert "<html" not in page
    assert operator_views.check_waiting(make_look(world.viewer)) is None
    User.objects.filter(pk=world.technician.pk).update(is_active=False)
    assert operator_views.check_waiting(get_user) is None


def test_who_let_one_in_without_a_group_is_led_on_to_registering_it(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    decisions.approve_operation(operation=operation, by=world.technician, code=str(operation))
    sdk.register(sdk.complete(str(operation.key)).json()["registrationToken"])
    device = Device.objects.get(own_id=get_operation(str(operation.key)).identity)
    path = f"{reverse('provisioning:register')}?serial={device.serial}"
    assert path in browser(world.technician).get(at("approval", operation)).content.decode()
    assignments.assign(device=device, group=world.boise, name="Theirs", model=None, by=world.owner)
    assert path not in browser(world.technician).get(at("approval", operation)).content.decode()


def test_a_device_that_waits_is_followed_to_its_end(world: World, sdk: Sdk) -> None:
    operation = wait(sdk)
    get_user = make_look(world.technician)

    def look() -> tuple[str, bool]:
        seen = operator_views.check_operation(get_user, operation.key)
        assert seen is not None
        return seen.version, seen.final

    seen = [look()]
    decisions.approve_operation(operation=operation, by=world.technician, code=str(operation))
    seen.append(look())
    sdk.register(sdk.complete(str(operation.key)).json()["registrationToken"])
    seen.append(look())
    assert seen == [("pending", False), ("approved", False), ("registered", True)]
    assert operator_views.check_operation(make_look(world.sibling), operation.key) is None
