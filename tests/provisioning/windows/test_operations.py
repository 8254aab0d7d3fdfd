"""What opening, finishing and cancelling a window refuse, and what its page offers: asked of the operations alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from devices.connections.refused_attempts import Counted, record_attempts
from devices.lifecycle import assignments
from devices.models import Connection, Device, DeviceModel, Event
from devices.refusals import DEVICE_MOVED, DEVICE_RETIRED
from provisioning import refusals
from provisioning.doors.refusals import DOOR_ENDED, DOOR_FULL
from provisioning.models import Window
from provisioning.windows import operations as windows
from tenants.models import Group, Membership, Organisation, Role, User
from tests import builders
from tests.provisioning.conftest import ask_for, end_in, pressed_window
from tests.refused import refused

if TYPE_CHECKING:
    from lib.refusals import Kind
    from tests.conftest import World

MINUTE = timedelta(minutes=1)


def finish(world: World, window: Window, **change: Any) -> Device:
    given: dict[str, Any] = {"by": world.technician, "name": "KP002", "group": world.anaheim}
    return windows.finish_window(window=window, **{**given, "model": world.version.model, **change})


def read(window: Window) -> Window:
    return Window.objects.with_state().get(pk=window.pk)


def again(device: Device) -> Device:
    return Device.objects.select_related("organisation", "version").get(pk=device.pk)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"outcome": "completed", "closed_at": Now()}, refusals.WINDOW_COMPLETED),
        ({"outcome": "cancelled", "closed_at": Now()}, refusals.WINDOW_CANCELLED),
        ({"outcome": "superseded", "closed_at": Now()}, refusals.WINDOW_SUPERSEDED),
        ({"outcome": "expired", "closed_at": Now()}, refusals.WINDOW_EXPIRED),
        ({"pressed_at": None}, refusals.NOT_PRESSED),
        ({"pressed_at": None, "method": "claim-code"}, refusals.PRESENCE_NOT_PROVEN),
        ({"pressed_at": None, "method": "rotating-code"}, refusals.PRESENCE_NOT_PROVEN),
        ({"pressed_at": None, "method": "challenge"}, refusals.CHALLENGE_UNANSWERED),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.code,
)
def test_what_is_not_open_and_proven_is_not_finished_and_says_why(
    world: World, fields: dict[str, Any], kind: Kind
) -> None:
    window = pressed_window(world)
    Window.objects.filter(pk=window.pk).update(**fields)
    with refused(kind):
        finish(world, window)
    assert again(world.waiting).group is None


@pytest.mark.parametrize("who", ["sibling", "owner", "admin"])
def test_nobody_finishes_or_cancels_anothers_window(world: World, who: str) -> None:
    window = pressed_window(world)
    with refused(DEVICE_MOVED):
        finish(world, window, by=getattr(world, who))
    assert not windows.cancel_window(window=window, by=getattr(world, who))
    assert read(window).state == "pressed"


def test_a_window_is_cancelled_once_and_told_of_once(world: World) -> None:
    window = pressed_window(world)
    assert [windows.cancel_window(window=window, by=world.technician) for _ in range(2)] == [True, False]
    assert Event.objects.filter(kind=Event.Kind.WINDOW_CANCELLED, device=world.waiting).count() == 1


@pytest.mark.parametrize("group", ["region", "boise", "other_site"])
def test_a_group_that_is_no_leaf_of_ones_own_is_refused_and_the_window_goes_on(world: World, group: str) -> None:
    window = pressed_window(world)
    with refused(DEVICE_MOVED):
        finish(world, window, group=getattr(world, group))
    assert (read(window).state, again(world.waiting).group) == ("pressed", None)
    assert finish(world, window).group == world.anaheim


def test_the_role_counts_that_one_has_at_that_moment(world: World) -> None:
    window = pressed_window(world)
    Membership.objects.filter(user=world.technician).update(role=Role.VIEWER)
    with refused(DEVICE_MOVED):
        finish(world, window)
    assert read(window).state == "pressed"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"locked_at": Now()}, refusals.DEVICE_LOCKED),
        ({"retired_at": Now()}, refusals.RETIRED),
        ({"expires_at": Now() - MINUTE}, refusals.DEVICE_EXPIRED),
    ],
    ids=["locked", "retired", "expired"],
)
def test_a_device_that_is_barred_is_neither_opened_nor_finished(
    world: World, fields: dict[str, Any], kind: Kind
) -> None:
    window = pressed_window(world)
    Device.objects.filter(pk=world.waiting.pk).update(**fields)
    with refused(kind) as caught:
        windows.open_window(device=world.waiting, by=world.technician)
    assert caught.value.field == "text"
    with refused(kind, DEVICE_RETIRED):
        finish(world, window)
    assert read(window).state == "pressed"
    barred = windows.find_barred(world.waiting, world.owner)
    assert barred == world.waiting
    assert windows.find_barred(world.waiting, world.technician) is None


def test_a_device_that_is_not_barred_or_is_gone_is_nothing_to_change(world: World) -> None:
    assert windows.find_barred(world.waiting, world.owner) is None
    windows.refuse_barred(world.waiting)
    gone = builders.make_device(world.version)
    Device.objects.filter(pk=gone.pk).delete()
    with refused(refusals.UNKNOWN_SERIAL):
        windows.refuse_barred(gone)
    assert windows.find_barred(gone, world.owner) is None


@pytest.mark.parametrize(("seconds", "minutes"), [(5, 1), (55, 1), (65, 2), (290, 5)])
def test_another_is_told_for_how_long_it_is_taken(world: World, seconds: int, minutes: int) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    end_in(window, seconds=seconds)
    with refused(refusals.WINDOW_BUSY) as busy:
        windows.open_window(device=world.waiting, by=world.sibling)
    assert (busy.value.field, busy.value.facts["minutes"]) == ("text", minutes)


def test_what_its_label_says_is_kept_with_the_window(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician, label={"devEui": "70B3D57ED0001234"})
    assert read(window).label == {"devEui": "70B3D57ED0001234"}
    assert read(windows.open_window(device=world.waiting, by=world.technician, label={})).label is None


# Without a proof ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "group", "skips", "may"),
    [
        ("admin", None, False, True),
        ("technician", None, False, False),
        ("technician", None, True, True),
        ("admin", "anaheim", False, True),
        ("admin", "boise", False, False),
        ("owner", "boise", False, True),
        ("technician", "anaheim", False, False),
        ("technician", "anaheim", True, True),
        ("sibling", "boise", False, False),
    ],
)
def test_who_registers_without_a_proof(world: World, who: str, group: str | None, *, skips: bool, may: bool) -> None:
    ask_for(world, "none")
    Organisation.objects.filter(pk=world.kanarra.pk).update(skip_presence=skips)
    user, place = getattr(world, who), getattr(world, group) if group else None
    if may:
        windows.refuse_without_proof(again(world.waiting), user, place)
        return
    with refused(refusals.WITHOUT_PROOF) as caught:
        windows.refuse_without_proof(again(world.waiting), user, place)
    assert caught.value.field == ("group" if group else "text")


def test_a_window_that_asks_for_nothing_is_proven_at_once_and_asks_again_where_it_leads(world: World) -> None:
    ask_for(world, "none")
    with refused(refusals.WITHOUT_PROOF):
        windows.open_window(device=world.waiting, by=world.technician)
    window = windows.open_window(device=world.waiting, by=world.admin)
    assert (read(window).state, window.method) == ("pressed", "none")
    Membership.objects.create(user=world.admin, group=world.tekton, role=Role.TECHNICIAN)
    with refused(refusals.WITHOUT_PROOF):
        finish(world, window, by=world.admin, group=world.boise)
    assert finish(world, window, by=world.admin).group == world.anaheim


# What the page offers ----------------------------------------------------------------------------


def place(world: World, group: Group, by: User | None = None) -> Window:
    """One that is done, as a day before."""
    device = builders.make_device(world.version, group=group, by=world.owner, name="Pump")
    ended = {"deadline": Now(), "closed_at": Now(), "outcome": Window.State.COMPLETED, "pressed_at": Now()}
    return Window.objects.create(device=device, technician=by or world.technician, **ended)


def test_groups_of_late_are_offered_again_the_last_one_first(world: World) -> None:
    wards = [builders.make_group(world.region, f"Ward {number}") for number in range(6)]
    assert windows.list_recent_groups(world.technician) == []
    for ward in (*wards, wards[2]):
        place(world, ward)
    place(world, world.anaheim, by=world.admin)
    names = [group.name for group in windows.list_recent_groups(world.technician)]
    assert names == ["Ward 2", "Ward 5", "Ward 4", "Ward 3"]


def test_a_group_into_which_one_may_place_nothing_any_more_is_not_offered(world: World) -> None:
    ward, closed = builders.make_group(world.region, "Ward"), builders.make_group(world.region, "Closed")
    for group in (ward, closed, world.boise):
        place(world, group)
    Group.objects.filter(pk=closed.pk).update(archived_at=Now())
    assert [group.name for group in windows.list_recent_groups(world.technician)] == ["Ward"]
    Window.objects.filter(device__group=ward).update(outcome=Window.State.CANCELLED)
    assert windows.list_recent_groups(world.technician) == []


@pytest.mark.parametrize(
    "change",
    [{}, {"name": " KP002 "}, {"name": "KP003"}, {"group": "boise"}, {"person": "viewer"}, {"model": "Another"}],
    ids=str,
)
def test_what_is_sent_again_is_known_if_it_is_the_same(world: World, change: dict[str, str]) -> None:
    window = pressed_window(world)
    assert world.version.model
    model: DeviceModel = world.version.model
    same: dict[str, Any] = {"name": "KP002", "group": world.anaheim, "model": model}
    assert windows.find_finished(window, **same) is None
    finish(world, window)
    asked = same | {key: getattr(world, value, value) for key, value in change.items()}
    if "model" in change:
        asked["model"] = DeviceModel.objects.create(organisation=world.kanarra, name="Another")
    is_same = change.get("name", "KP002").strip() == "KP002" and change.keys() <= {"name"}
    assert (windows.find_finished(window, **asked) == world.waiting) is is_same
    assignments.release(device=again(world.waiting), by=world.owner)
    assert windows.find_finished(window, **same) is None


def refuse(world: World, *kinds: Kind) -> None:
    device = again(world.waiting)
    record_attempts([Counted(device.pk, device.assignment_id, "jwt", kind, {}, 1) for kind in kinds])


def list_codes(world: World, window: Window, *, known: bool = True) -> list[str]:
    found = read(window)
    return [each.reason for each in windows.list_attempts(found, windows.load_device(found), known=known)]


def test_what_was_refused_of_the_device_since_the_scan_is_told_while_it_waits(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert list_codes(world, window) == []
    refuse(world, DOOR_FULL)
    assert list_codes(world, window) == list_codes(world, window, known=False) == [DOOR_FULL.code]
    Window.objects.filter(pk=window.pk).update(pressed_at=Now())
    assert list_codes(world, window) == []


def test_what_was_refused_before_is_told_to_who_may_know_until_the_device_is_heard(world: World) -> None:
    refuse(world, DOOR_ENDED)
    window = windows.open_window(device=world.waiting, by=world.technician)
    Window.objects.filter(pk=window.pk).update(opened_at=Now() + MINUTE)
    assert list_codes(world, window) == [DOOR_ENDED.code]
    assert list_codes(world, window, known=False) == []
    Connection.objects.update_or_create(device=world.waiting, defaults={"last_seen_at": timezone.now() + MINUTE})
    assert list_codes(world, window) == []


def test_of_a_device_that_was_removed_there_is_no_page(world: World) -> None:
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert windows.load_device(window) == world.waiting
    window.device_id = 0
    with pytest.raises(Device.DoesNotExist):
        windows.load_device(window)
