"""What a token may: never more than its person, and never more than it was made for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from tenants.models import ApiToken, Group, Role, User
from tenants.tokens import operations as tokens

if TYPE_CHECKING:
    from tests.conftest import World

ROOT, TENANT, SITE, OTHER = "0001", "00010002", "000100020005", "00010003"
VIEWER, TECHNICIAN, ADMIN = Role.VIEWER, Role.TECHNICIAN, Role.ADMIN


@pytest.mark.parametrize(
    ("role", "path", "granted", "left"),
    [
        (ADMIN, TENANT, [(TECHNICIAN, TENANT)], [(TECHNICIAN, TENANT)]),
        (VIEWER, TENANT, [(ADMIN, TENANT)], [(VIEWER, TENANT)]),
        (ADMIN, TENANT, [(ADMIN, ROOT)], [(ADMIN, TENANT)]),
        (TECHNICIAN, ROOT, [(ADMIN, SITE)], [(TECHNICIAN, SITE)]),
        (ADMIN, SITE, [(VIEWER, TENANT), (ADMIN, SITE)], [(VIEWER, SITE), (ADMIN, SITE)]),
        (ADMIN, TENANT, [(ADMIN, OTHER)], []),
        (ADMIN, OTHER, [(ADMIN, TENANT), (VIEWER, ROOT)], [(VIEWER, OTHER)]),
        (ADMIN, ROOT, [], []),
    ],
)
def test_what_is_left_of_a_persons_roles_is_the_lower_one_in_the_deeper_group(
    role: Role, path: str, granted: list[tuple[int, str]], left: list[tuple[int, str]]
) -> None:
    assert ApiToken(role=role, group=Group(path=path)).narrow(granted) == left


paths = st.sampled_from([ROOT, TENANT, SITE, OTHER, "000100030001", "0002"])
roles = st.sampled_from(list(Role))


@given(granted=st.lists(st.tuples(roles, paths), max_size=4), role=roles, scope=paths, asked=roles, path=paths)
def test_a_token_may_what_its_person_may_within_what_it_was_made_for(
    granted: list[tuple[int, str]], role: Role, scope: str, asked: Role, path: str
) -> None:
    person, program = User(), User()
    person.grants = granted
    program.grants = ApiToken(role=role, group=Group(path=scope)).narrow(granted)
    made_for = asked <= role and path.startswith(scope)
    assert program.may(asked, path) is (person.may(asked, path) and made_for)


@pytest.mark.parametrize(
    ("expires_at", "day"),
    [
        (None, None),
        (datetime(2026, 11, 3, tzinfo=UTC), date(2026, 11, 2)),
        (datetime(2026, 11, 3, 0, 0, 1, tzinfo=UTC), date(2026, 11, 3)),
        (datetime(2026, 11, 3, 1, tzinfo=timezone(timedelta(hours=2))), date(2026, 11, 2)),
    ],
)
def test_its_last_day_is_the_last_on_which_it_works(expires_at: datetime | None, day: date | None) -> None:
    assert ApiToken(expires_at=expires_at).last_day == day


@pytest.mark.parametrize(
    ("change", "live"),
    [
        ({}, True),
        ({"expires_at": Now() + timedelta(minutes=1)}, True),
        ({"expires_at": Now()}, False),
        ({"revoked_at": Now()}, False),
    ],
    ids=["for ever", "still", "over", "revoked"],
)
def test_it_opens_the_api_until_it_is_revoked_or_over(world: World, change: dict[str, object], *, live: bool) -> None:
    tokens.create(by=world.viewer, name="Script", group=world.sadler, role=Role.VIEWER)
    ApiToken.objects.update(**change)
    assert ApiToken.objects.live().exists() is live
    User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    assert not ApiToken.objects.live().exists()
