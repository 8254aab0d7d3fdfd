"""Random tree histories against a naive model: what anybody sees never differs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices import assignments, registry
from devices.models import Device
from tenants import groups
from tenants.models import Group, Membership, Organisation, Role, User
from tests import builders

STEP = st.tuples(
    st.sampled_from(["create", "create", "move", "delete", "place"]), st.integers(0, 99), st.integers(0, 99)
)
MEMBER = st.tuples(st.integers(0, 99), st.sampled_from(list(Role)))


@dataclass
class Naive:
    """Parents by name, and which groups hold devices."""

    parent: dict[str, str | None] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)

    def line(self, name: str) -> list[str]:
        above = self.parent[name]
        return [name, *(self.line(above) if above else [])]

    def reached(self, member_of: set[str]) -> set[str]:
        return {name for name in self.parent if member_of & set(self.line(name))}

    def has_children(self, name: str) -> bool:
        return name in self.parent.values()

    def holds(self, name: str) -> bool:
        return name in self.devices.values()


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=25), members=st.lists(MEMBER, min_size=1, max_size=3))
def test_visibility_never_differs(steps: list[tuple[str, int, int]], members: list[tuple[int, Role]]) -> None:
    with transaction.atomic():
        _live_through(steps, members)
        transaction.set_rollback(True)


def _live_through(steps: list[tuple[str, int, int]], members: list[tuple[int, Role]]) -> None:
    roots = [builders.make_organisation(name) for name in ("One", "Two")]
    versions = {root.root.name: builders.make_recipe(root) for root in roots}
    naive = Naive({"One": None, "Two": None})
    actor = User.objects.create_user("actor@example.test", organisation=roots[0])
    for number, (act, first, second) in enumerate(steps):
        _step(naive, versions, actor, act, number, first, second)
    assert _tree() == naive.parent
    for number, (place, role) in enumerate(members):
        _compare(naive, number, sorted(naive.parent)[place % len(naive.parent)], role)


def _step(naive: Naive, versions: dict, actor: User, act: str, number: int, first: int, second: int) -> None:  # type: ignore[type-arg]
    names = sorted(naive.parent)
    one, other = names[first % len(names)], names[second % len(names)]
    if act == "create":
        _expect(not naive.holds(one), lambda: groups.create(parent=_get(one), name=f"G{number}"))
        if not naive.holds(one):
            naive.parent[f"G{number}"] = one
    elif act == "move":
        allowed = (
            naive.parent[one] is not None
            and naive.line(one)[-1] == naive.line(other)[-1]
            and one not in naive.line(other)
            and not naive.holds(other)
        )
        _expect(allowed, lambda: groups.move(group=_get(one), to=_get(other)))
        if allowed:
            naive.parent[one] = other
    elif act == "delete":
        allowed = naive.parent[one] is not None and not naive.has_children(one) and not naive.holds(one)
        _expect(allowed, lambda: groups.delete(group=_get(one)))
        if allowed:
            del naive.parent[one]
    elif not naive.has_children(one):
        device = registry.register(version=versions[naive.line(one)[-1]], by=None)
        assignments.assign(device=device, group=_get(one), name=device.name, model=device.model, by=actor)
        naive.devices[device.serial] = one


def _expect(allowed: bool, act) -> None:  # type: ignore[no-untyped-def]
    if allowed:
        act()
    else:
        with pytest.raises(ValidationError):
            act()


def _compare(naive: Naive, number: int, name: str, role: Role) -> None:
    group = _get(name)
    organisation = Organisation.objects.get(root__path=group.root_path)
    user = User.objects.create_user(f"u{number}@example.test", organisation=organisation)
    Membership.objects.create(user=user, group=group, role=role)
    reached = naive.reached({name})
    assert {seen.name for seen in Group.objects.visible_to(user)} == reached
    assert {seen.name for seen in Group.objects.manageable_by(user)} == (reached if role == Role.ADMIN else set())
    leaves = {leaf for leaf in reached if not naive.has_children(leaf)}
    assert {seen.name for seen in Group.objects.registrable_by(user)} == (leaves if role > Role.VIEWER else set())
    mine = {serial for serial, holder in naive.devices.items() if holder in reached}
    assert set(Device.objects.visible_to(user).values_list("serial", flat=True)) == mine


def _get(name: str) -> Group:
    group: Group = Group.objects.get(name=name)
    return group


def _tree() -> dict[str, str | None]:
    by_path = {group.path: group.name for group in Group.objects.all()}
    return {name: by_path.get(path[: -Group.steplen]) for path, name in by_path.items()}
