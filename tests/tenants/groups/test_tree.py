"""Random tree histories against a naive model: what anybody sees of groups, devices and the log never differs."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.lifecycle import assignments, registration
from devices.models import Device
from lib.refusals import Refusal
from tenants.groups import operations as groups
from tenants.models import AuditEntry, Group, Membership, Organisation, Role, User
from tenants.people import invitations
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import RecipeVersion

EXAMPLES = 10 * int(os.environ.get("SOAK_ROUNDS", "4"))
ACTS = ("create", "create", "create", "move", "move", "delete", "rename", "archive", "restore", "invite", "place")
STEP = st.tuples(st.sampled_from(ACTS), st.integers(0, 99), st.integers(0, 99))
MEMBER = st.tuples(st.integers(0, 99), st.sampled_from(list(Role)))


@dataclass
class Naive:
    """Groups by a key that nothing else ever has; what is said of each stands in `log` under its key."""

    parent: dict[str, str | None]
    name: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    invited: set[str] = field(default_factory=set)
    log: list[tuple[str, str]] = field(default_factory=list)

    def line(self, key: str) -> list[str]:
        above = self.parent[key]
        return [key, *(self.line(above) if above else [])]

    def reached(self, member_of: str) -> set[str]:
        return {key for key in self.parent if member_of in self.line(key)}

    def has_children(self, key: str) -> bool:
        return key in self.parent.values()

    def holds(self, key: str) -> bool:
        return key in self.devices.values()

    def takes(self, key: str) -> bool:
        return not self.holds(key) and key not in self.archived


class Story:
    """Does each step in both worlds; what the naive one forbids has to be refused."""

    def __init__(self) -> None:
        roots = {name: builders.make_organisation(name) for name in ("One", "Two")}
        self.pks = {name: root.root_id for name, root in roots.items()}
        self.versions: dict[str, RecipeVersion] = {name: builders.make_recipe(root) for name, root in roots.items()}
        self.actor = User.objects.create_user("actor@example.test", organisation=roots["One"])
        self.naive = Naive(dict.fromkeys(roots), {name: name for name in roots})
        self.naive.log = [(name, f"Organisation {name} made") for name in roots]
        self.number = 0

    def step(self, act: str, first: int, second: int) -> None:
        keys = sorted(self.naive.parent)
        self.number += 1
        getattr(self, act)(keys[first % len(keys)], keys[second % len(keys)])

    def group(self, key: str) -> Group:
        found: Group = Group.objects.get(pk=self.pks[key])
        return found

    def create(self, one: str, other: str) -> None:
        key, naive = f"G{self.number}", self.naive

        def make() -> None:
            self.pks[key] = groups.create(parent=self.group(one), name=key).pk

        if expect(naive.takes(one), make):
            naive.parent[key], naive.name[key] = one, key
            naive.log.append((key, f"Group {key} made in {naive.name[one]}"))

    def move(self, one: str, other: str) -> None:
        naive, left = self.naive, self.naive.parent[one]
        allowed = (
            left is not None
            and naive.line(one)[-1] == naive.line(other)[-1]
            and one not in naive.line(other)
            and naive.takes(other)
        )
        if expect(allowed, lambda: groups.move(group=self.group(one), to=self.group(other))) and left:
            naive.parent[one] = other
            naive.log.append((one, f"{naive.name[one]} moved into {naive.name[other]}"))
            if left != other:
                naive.log.append((left, f"{naive.name[one]} moved out of {naive.name[left]}"))

    def delete(self, one: str, other: str) -> None:
        naive, above = self.naive, self.naive.parent[one]
        free = not (naive.has_children(one) or naive.holds(one) or one in naive.invited)
        if expect(above is not None and free, lambda: groups.delete(group=self.group(one))) and above:
            naive.log = [(above if key == one else key, what) for key, what in naive.log]
            naive.log.append((above, f"Group {naive.name[one]} deleted"))
            del naive.parent[one]
            naive.archived.discard(one)

    def rename(self, one: str, other: str) -> None:
        before, name = self.naive.name[one], f"{one} of step {self.number}"
        groups.rename(group=self.group(one), name=name)
        self.naive.log.append((one, f"{before} renamed to {name}"))
        self.naive.name[one] = name

    def archive(self, one: str, other: str) -> None:
        naive = self.naive
        allowed = naive.parent[one] is not None and not naive.has_children(one) and not naive.holds(one)
        if expect(allowed, lambda: groups.archive(group=self.group(one))) and one not in naive.archived:
            naive.archived.add(one)
            naive.log.append((one, f"{naive.name[one]} archived"))

    def restore(self, one: str, other: str) -> None:
        allowed = self.naive.parent[one] is not None
        if expect(allowed, lambda: groups.restore(group=self.group(one))) and one in self.naive.archived:
            self.naive.archived.remove(one)
            self.naive.log.append((one, f"{self.naive.name[one]} taken out of the archive"))

    def invite(self, one: str, other: str) -> None:
        email = f"guest{self.number}@example.test"

        def prepare() -> None:
            invitations.prepare(email=email, group=self.group(one), role=Role.VIEWER, by=None)

        if expect(one not in self.naive.archived, prepare):
            self.naive.invited.add(one)
            self.naive.log.append((one, f"{email} invited as viewer of {self.naive.name[one]}"))

    def place(self, one: str, other: str) -> None:
        if self.naive.has_children(one) or one in self.naive.archived:
            return
        device = registration.register_device(version=self.versions[self.naive.line(one)[-1]], by=None)
        assignments.assign(device=device, group=self.group(one), name=device.name, model=device.model, by=self.actor)
        self.naive.devices[device.serial] = one


def expect(allowed: bool, act: Callable[[], None]) -> bool:
    if allowed:
        act()
    else:
        with pytest.raises(Refusal):
            act()
    return allowed


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=30), members=st.lists(MEMBER, min_size=1, max_size=3))
def test_what_is_seen_never_differs(steps: list[tuple[str, int, int]], members: list[tuple[int, Role]]) -> None:
    with transaction.atomic():
        story = Story()
        for step in steps:
            story.step(*step)
        assert tree(story) == story.naive.parent
        for number, (place, role) in enumerate(members):
            compare(story, number, sorted(story.naive.parent)[place % len(story.naive.parent)], role)
        transaction.set_rollback(True)


def compare(story: Story, number: int, key: str, role: Role) -> None:
    """A new member sees as much as the naive model says."""
    naive, group = story.naive, story.group(key)
    organisation = Organisation.objects.get(root__path=group.root_path)
    user = User.objects.create_user(f"u{number}@example.test", organisation=organisation)
    Membership.objects.create(user=user, group=group, role=role)
    reached, keys = naive.reached(key), {pk: key for key, pk in story.pks.items()}
    leaves = {leaf for leaf in reached if not naive.has_children(leaf)} - naive.archived
    assert {keys[seen.pk] for seen in Group.objects.visible_to(user)} == reached
    manages = reached if role == Role.ADMIN else set()
    assert {keys[seen.pk] for seen in Group.objects.manageable_by(user)} == manages
    assert {keys[seen.pk] for seen in Group.objects.registrable_by(user)} == (leaves if role > Role.VIEWER else set())
    mine = {serial for serial, holder in naive.devices.items() if holder in reached}
    assert set(Device.objects.visible_to(user).values_list("serial", flat=True)) == mine
    said = Counter(AuditEntry.objects.visible_to(user).values_list("what", flat=True))
    assert said == Counter(what for about, what in naive.log if about in manages)


def tree(story: Story) -> dict[str, str | None]:
    keys = {pk: key for key, pk in story.pks.items()}
    by_path = {group.path: keys[group.pk] for group in Group.objects.all()}
    return {key: by_path.get(path[: -Group.steplen]) for path, key in by_path.items()}
