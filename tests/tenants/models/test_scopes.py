"""Who is shown which rows: each scope of people, roles, invitations, tokens, groups and their history, by the cast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser

from tenants.accounts import events
from tenants.audit import log as audit_log
from tenants.models import (
    AccountEvent,
    ApiToken,
    AuditEntry,
    Group,
    Invitation,
    Membership,
    Role,
    User,
)
from tenants.people import invitations
from tenants.tokens import operations as tokens
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import World

    Scope = Callable[[User], Any]
    Names = set[str]

CAST = ("nobody", "free", "viewer", "technician", "admin", "sibling", "owner", "stranger")
SADLER = {"Sadler-Isberg", "Los Angeles", "Kaiser Permanente Anaheim"}
TEKTON = {"Tekton Health", "Boise"}
KANARRA = {"Kanarra"} | SADLER | TEKTON
OTHER = {"Other", "Elsewhere"}
SADLERS = {"admin@sadler", "technician@sadler", "viewer@sadler"}
KANARRAS = SADLERS | {"owner@kanarra", "technician@tekton"}


def find(world: World, who: str) -> Any:
    if who == "nobody":
        return AnonymousUser()
    if who == "free":
        return User.objects.get_or_create(email="free@example", defaults={"password": "!"})[0]
    return User.objects.get(pk=getattr(world, who).pk)


def show(rows: Any) -> Names:
    """Rows by what tells them apart, people by their addresses less `.example`."""
    found = [str(getattr(row, "email", row)) for row in rows]
    assert len(found) == len(set(found))
    return {text.replace(".example", "") for text in found}


@pytest.mark.parametrize(
    ("scope", "shown"),
    [
        (
            Group.objects.visible_to,
            dict.fromkeys(("viewer", "technician", "admin"), SADLER)
            | {"sibling": TEKTON, "owner": KANARRA, "stranger": OTHER},
        ),
        (Group.objects.manageable_by, {"admin": SADLER, "owner": KANARRA, "stranger": OTHER}),
        (
            Group.objects.registrable_by,
            {
                "technician": {"Kaiser Permanente Anaheim"},
                "admin": {"Kaiser Permanente Anaheim"},
                "sibling": {"Boise"},
                "owner": {"Kaiser Permanente Anaheim", "Boise"},
                "stranger": {"Elsewhere"},
            },
        ),
        (User.objects.manageable_by, {"admin": SADLERS, "owner": KANARRAS, "stranger": {"admin@other"}}),
        (
            Membership.objects.manageable_by,
            {
                "admin": {f"{who}: {who.partition('@')[0]} of Sadler-Isberg" for who in SADLERS},
                "owner": {f"{who}: {who.partition('@')[0]} of Sadler-Isberg" for who in SADLERS}
                | {"technician@tekton: technician of Tekton Health", "owner@kanarra: admin of Kanarra"},
                "stranger": {"admin@other: admin of Other"},
            },
        ),
    ],
    ids=["groups seen", "groups managed", "groups registered into", "people managed", "roles managed"],
)
@pytest.mark.parametrize("who", CAST)
def test_who_is_shown_which(world: World, scope: Scope, shown: dict[str, Names], who: str) -> None:
    person = find(world, who)
    assert show(scope(person)) == shown.get(who, set())


@pytest.mark.parametrize(
    ("who", "known"),
    [
        ("viewer", SADLERS),
        ("technician", SADLERS),
        ("sibling", {"technician@tekton"}),
        ("owner", KANARRAS | {"free@example"}),
        ("stranger", {"admin@other", "free@example"}),
        ("free", {"free@example"}),
    ],
)
def test_of_whom_one_is_told(world: World, who: str, known: Names) -> None:
    """Also of those who left, to the organisation's own admins: what they did stays theirs."""
    find(world, "free")
    assert show(User.objects.known_to(find(world, who))) == {
        each.replace("free@example", "free@example") for each in known
    }


@pytest.mark.parametrize(
    ("text", "found"), [("TEKTON", {"technician@tekton"}), ("rob", {"viewer@sadler"}), ("x%", set())]
)
def test_people_are_found_by_part_of_their_name_or_address(world: World, text: str, found: Names) -> None:
    User.objects.filter(pk=world.viewer.pk).update(name="Robin")
    assert show(User.objects.get_queryset().called(text)) == found


@pytest.fixture
def invited(world: World) -> World:
    for group in (world.kanarra.root, world.sadler, world.anaheim, world.tekton, world.other_site):
        by = world.stranger if group == world.other_site else world.owner
        invitations.prepare(email=f"new@{group.pk}.example", group=group, role=Role.VIEWER, by=by)
    return world


@pytest.mark.parametrize(
    ("who", "into"),
    [
        ("admin", {"Sadler-Isberg", "Kaiser Permanente Anaheim"}),
        ("owner", {"Kanarra", "Sadler-Isberg", "Kaiser Permanente Anaheim", "Tekton Health"}),
        ("stranger", {"Elsewhere"}),
        *((who, set()) for who in ("nobody", "free", "viewer", "technician", "sibling")),
    ],
)
def test_invitations_are_theirs_who_manage_the_group(invited: World, who: str, into: Names) -> None:
    assert {row.group.name for row in Invitation.objects.manageable_by(find(invited, who))} == into


def test_tokens_are_ones_own_and_theirs_who_manage_their_group(world: World) -> None:
    made = {
        "viewer": world.sadler,
        "technician": world.region,
        "admin": world.sadler,
        "sibling": world.boise,
        "owner": world.kanarra.root,
        "stranger": world.other_site,
    }
    for name, group in made.items():
        tokens.create(by=getattr(world, name), name=name, group=group, role=Role.VIEWER)
    tokens.create(by=world.owner, name="owner below", group=world.anaheim, role=Role.VIEWER)
    seen = {who: {row.name for row in ApiToken.objects.visible_to(find(world, who))} for who in CAST}
    assert seen == {
        **{who: {who} for who in ("viewer", "technician", "sibling", "stranger")},
        "admin": {"viewer", "technician", "admin", "owner below"},
        "owner": {"viewer", "technician", "admin", "sibling", "owner", "owner below"},
        "free": set(),
        "nobody": set(),
    }


@pytest.fixture
def history(world: World) -> World:
    AuditEntry.objects.all().delete()
    for group in (world.kanarra.root, world.sadler, world.anaheim, world.boise, world.other_site):
        by = world.admin if group == world.anaheim else world.owner
        audit_log.record(AuditEntry.Kind.GROUP, group=group, by=by, what=group.name)
    AuditEntry.objects.create(organisation=world.kanarra, what="before there were groups")
    return world


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("admin", {"Sadler-Isberg", "Kaiser Permanente Anaheim"}),
        ("owner", {"Kanarra", "Sadler-Isberg", "Kaiser Permanente Anaheim", "Boise", "before there were groups"}),
        ("stranger", {"Elsewhere"}),
        *((who, set()) for who in ("nobody", "free", "viewer", "technician", "sibling")),
    ],
)
def test_changes_are_told_to_those_who_manage_the_group(history: World, who: str, told: Names) -> None:
    assert {row.what for row in AuditEntry.objects.visible_to(find(history, who))} == told


@pytest.mark.parametrize(
    ("narrowed", "told"),
    [
        ({"who": "ADMIN@"}, {"Kaiser Permanente Anaheim"}),
        ({"who": "owner"}, {"Kanarra", "Sadler-Isberg", "Boise", "Elsewhere"}),
        ({"q": "BOI"}, {"Boise"}),
        ({"who": "owner", "q": "anaheim"}, set()),
    ],
)
def test_changes_are_found_by_words_and_by_who_did_them(history: World, narrowed: dict[str, str], told: Names) -> None:
    assert {row.what for row in AuditEntry.objects.all().matching(history.owner, **narrowed)} == told


def test_nobody_finds_out_by_a_filter_what_others_are_called(history: World) -> None:
    rows = AuditEntry.objects.all()
    assert not rows.matching(history.admin, who="owner").exists()
    assert rows.matching(history.admin, who="admin@sadler").count() == 1


def test_what_is_said_of_a_group_that_goes_is_handed_up_and_called_as_it_was(history: World) -> None:
    AuditEntry.objects.all().hand_up(history.anaheim, history.region)
    (row,) = AuditEntry.objects.filter(group=history.region)
    assert (row.what, row.group_name) == ("Kaiser Permanente Anaheim", "Kaiser Permanente Anaheim")


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("owner", {"viewer@sadler", "technician@tekton"}),
        ("stranger", {"admin@other"}),
        *((who, set()) for who in ("nobody", "free", "viewer", "technician", "admin", "sibling")),
    ],
)
def test_of_accounts_the_organisations_own_admins_are_told(world: World, who: str, told: Names) -> None:
    for user in (world.viewer, world.sibling, world.stranger, find(world, "free")):
        events.record(AccountEvent.Kind.SIGNED_IN, user=user)
    found = AccountEvent.objects.all().manageable_by(find(world, who))
    assert {row.user.email.removesuffix(".example") for row in found if row.user} == told


def test_of_ones_own_account_one_is_told_also_what_was_elsewhere(world: World) -> None:
    events.record(AccountEvent.Kind.SIGNED_IN, user=world.viewer)
    User.objects.filter(pk=world.viewer.pk).update(organisation=None)
    moved = User.objects.get(pk=world.viewer.pk)
    events.record(AccountEvent.Kind.SIGNED_IN, user=moved)
    assert AccountEvent.objects.all().of(moved).count() == 2
    assert AccountEvent.objects.all().manageable_by(find(world, "owner")).filter(user=moved).count() == 1


def test_what_happened_is_never_changed(history: World) -> None:
    events.record(AccountEvent.Kind.SIGNED_IN, user=history.viewer)
    for row in (AuditEntry.objects.all()[0], AccountEvent.objects.all()[0]):
        with pytest.raises(ValueError, match=r"not changed|immutable"):
            row.save()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, ""),
        ({"tokens": ["Script", "Export"]}, "Script, Export"),
        ({"by": "owner@kanarra.example", "why": "disabled"}, "disabled; by owner@kanarra.example"),
        ({"browser": "Firefox", "new": True}, "Firefox; a browser that was not known"),
        ({"clock": "UTC, 24 h", "mails": "none", "new": False, "by": ""}, "UTC, 24 h; none"),
    ],
)
def test_what_is_said_of_an_account_beside_the_kind(data: dict[str, object], words: str) -> None:
    assert AccountEvent(kind=AccountEvent.Kind.SIGNED_IN, data=data).detail == words


def test_nothing_is_placed_where_something_is_below_or_that_is_archived(world: World) -> None:
    fresh = Group.objects.in_bulk([world.region.pk, world.anaheim.pk])
    assert (fresh[world.region.pk].takes_devices, fresh[world.anaheim.pk].takes_devices) == (False, True)
    Group.objects.filter(pk=world.anaheim.pk).update(archived_at=world.placed.registered_at)
    assert not Group.objects.get(pk=world.anaheim.pk).takes_devices
    assert not Group.objects.registrable_by(find(world, "technician")).exists()
    builders.make_group(world.region, "Open")
    assert show(Group.objects.registrable_by(find(world, "technician"))) == {"Open"}
