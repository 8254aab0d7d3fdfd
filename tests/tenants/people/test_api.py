"""Groups, people, invitations, settings, the log and tokens by the API: as the pages do it, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.test import Client

from tenants.models import ApiToken, AuditEntry, Group, Invitation, Membership, Role, User
from tenants.tokens import operations as tokens
from tests import builders

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

    from tests.conftest import World

pytestmark = pytest.mark.django_db
API = "/api/v1"


class Caller:
    """Sends JSON, as a person or with a token."""

    def __init__(self, who: User | None = None, token: str = "") -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        if who:
            self.client.force_login(who)

    def __call__(self, method: str, path: str, data: object = None, key: str = "", **query: str | int) -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        if method == "get":
            return self.client.get(API + path, query, headers=headers)
        return getattr(self.client, method)(API + path, data or {}, "application/json", headers=headers)


def narrowed(user: User, group: Group, role: Role) -> Caller:
    return Caller(token=tokens.create(by=user, name="Script", group=group, role=role).secret)


def emails(answer: Any) -> set[str]:
    return {row["email"] for row in answer.json()["results"]}


def said(answer: Any) -> str:
    told = answer.json()
    return " ".join([told["detail"], *(error["detail"] for error in told.get("errors", []))])


@pytest.fixture
def owner(world: World) -> Caller:
    return Caller(world.owner)


@pytest.fixture
def admin(world: World) -> Caller:
    return Caller(world.admin)


# Groups ----------------------------------------------------------------------------------------


def test_archived_and_restored(owner: Caller, world: World) -> None:
    empty = builders.make_group(world.sadler, "Closed")
    assert owner("post", f"/groups/{empty.pk}/archive/").json()["archived"] is True
    refused = owner("post", "/invitations/", {"email": "a@b.example", "group": empty.pk, "role": "viewer"})
    assert refused.status_code == 400
    assert owner("post", f"/groups/{empty.pk}/restore/").json()["archived"] is False
    assert "without devices" in said(owner("post", f"/groups/{world.anaheim.pk}/archive/"))


def test_a_move_is_what_the_preview_said(owner: Caller, world: World) -> None:
    told = owner("get", f"/groups/{world.region.pk}/move/", parent=world.tekton.pk).json()
    assert (told["groups"], told["devices"]) == (2, 1)
    assert {"person": "admin@sadler.example", "before": "admin", "after": None} in told["losing"]
    assert told["gaining"] == [{"person": "technician@tekton.example", "before": None, "after": "technician"}]
    move = {"parent": world.tekton.pk, "seen": told["digest"]}
    extra = builders.make_user("late@tekton.example", world.tekton, Role.VIEWER)
    refused = owner("post", f"/groups/{world.region.pk}/move/", move)
    assert refused.status_code == 409
    assert "nothing was moved" in said(refused)
    extra.memberships.all().delete()
    assert owner("post", f"/groups/{world.region.pk}/move/", move).json()["parent"] == world.tekton.pk


def test_a_preview_names_nobody_above(world: World) -> None:
    north = builders.make_group(world.sadler, "North")
    seen = Caller(world.admin)("get", f"/groups/{world.region.pk}/move/", parent=north.pk)
    assert seen.json()["losing"] == []
    builders.make_user("ops@kanarra.example", world.kanarra.root, Role.VIEWER)
    assert "kanarra.example" not in seen.content.decode()


@pytest.mark.parametrize("where", ["other_site", "tekton", "anaheim"])
def test_a_preview_of_what_can_not_be(where: str, admin: Caller, world: World) -> None:
    """Another organisation's, another customer's, and one's own below the group itself."""
    answer = admin("get", f"/groups/{world.region.pk}/move/", parent=getattr(world, where).pk)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "parent")


# People ----------------------------------------------------------------------------------------


def test_people_are_listed_and_searched(owner: Caller, admin: Caller, world: World) -> None:
    mine = {"admin@sadler.example", "technician@sadler.example", "viewer@sadler.example"}
    assert emails(admin("get", "/people/")) == mine
    assert emails(owner("get", "/people/")) == mine | {"owner@kanarra.example", "technician@tekton.example"}
    assert emails(owner("get", "/people/", q="tech", group=world.tekton.pk)) == {"technician@tekton.example"}
    assert emails(owner("get", "/people/", limit=2)) == {"owner@kanarra.example", "technician@tekton.example"}
    assert admin("get", "/people/", group=world.tekton.pk).status_code == 400


def test_a_person_is_read_with_the_roles_that_one_manages(admin: Caller, world: World) -> None:
    Membership.objects.create(user=world.viewer, group=world.tekton, role=Role.ADMIN)
    told = admin("get", f"/people/{world.viewer.pk}/").json()
    assert [(row["group"], row["role"]) for row in told["memberships"]] == [(world.sadler.pk, "viewer")]
    assert (told["active"], told["second_factor"]) == (True, False)
    for foreign in (world.sibling, world.stranger, world.owner):
        assert admin("get", f"/people/{foreign.pk}/").status_code == 404


def test_the_list_costs_the_same_however_many(
    owner: Caller, world: World, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for start in (0, 100):
        with django_assert_max_num_queries(6):
            owner("get", "/people/")
        for number in range(start, start + 20):
            builders.make_user(f"p{number}@sadler.example", world.sadler, Role.VIEWER)


def of(user: User) -> str:
    return f"/people/{user.pk}/memberships/{user.memberships.get().pk}/"


def test_roles_are_changed_and_taken(admin: Caller, world: World) -> None:
    url = of(world.viewer)
    assert admin("patch", url, {"role": "technician"}).json()["role"] == "technician"
    assert world.viewer.memberships.get().role == Role.TECHNICIAN
    assert admin("patch", url, {"role": "king"}).status_code == 400
    assert admin("delete", url).status_code == 204
    assert not world.viewer.memberships.exists()
    assert AuditEntry.objects.filter(by=world.admin).count() == 2


def test_foreign_roles_stay(admin: Caller, world: World) -> None:
    own, before = world.viewer.pk, list(Membership.objects.order_by("pk").values_list("pk", "role"))
    for foreign in (world.sibling, world.stranger, world.owner):
        crossed = f"/people/{own}/memberships/{foreign.memberships.get().pk}/"
        for url in (of(foreign), crossed):
            assert admin("patch", url, {"role": "admin"}).status_code == 404
            assert admin("delete", url).status_code == 404
    assert list(Membership.objects.order_by("pk").values_list("pk", "role")) == before


def test_accounts_are_disabled_enabled_and_removed(owner: Caller, admin: Caller, world: World) -> None:
    url = f"/people/{world.viewer.pk}/"
    for _ in range(2):  # twice changes nothing more
        assert owner("post", f"{url}disable/").json()["active"] is False
    assert Caller(world.viewer)("get", "/me/").status_code == 401
    assert owner("post", f"{url}enable/").json()["active"] is True
    assert AuditEntry.objects.filter(by=world.owner).count() == 2
    for refused in (admin("post", f"{url}disable/"), admin("delete", url), owner("delete", "/people/999999/")):
        assert refused.status_code == 404
    assert owner("delete", f"/people/{world.stranger.pk}/").status_code == 404
    assert owner("delete", url).status_code == 204
    world.viewer.refresh_from_db()
    assert world.viewer.organisation is None


def test_the_last_admin_stays(owner: Caller, world: World) -> None:
    url = f"/people/{world.owner.pk}/"
    refused = [
        owner("patch", of(world.owner), {"role": "viewer"}),
        owner("delete", of(world.owner)),
        owner("post", f"{url}disable/"),
        owner("delete", url),
    ]
    assert [answer.status_code for answer in refused] == [400] * 4
    assert all("needs an admin" in said(answer) for answer in refused)
    assert User.objects.get(pk=world.owner.pk).owns_organisation


def test_a_token_manages_no_more_than_it_was_given(world: World) -> None:
    for role in (Role.TECHNICIAN, Role.VIEWER):
        weak = narrowed(world.owner, world.kanarra.root, role)
        for path in ("/people/", "/invitations/", "/changes/", "/settings/", f"/people/{world.viewer.pk}/"):
            assert weak("get", path).status_code == 404
        assert weak("delete", of(world.viewer)).status_code == 404
    deep = narrowed(world.owner, world.sadler, Role.ADMIN)
    assert emails(deep("get", "/people/", q="tekton")) == set()
    assert deep("get", f"/people/{world.sibling.pk}/").status_code == 404
    assert deep("post", f"/people/{world.viewer.pk}/disable/").status_code == 404
    assert deep("get", "/settings/").status_code == 404
    assert deep("delete", of(world.viewer)).status_code == 204


# Invitations -----------------------------------------------------------------------------------

NEW = "new@sadler.example"


def asked(world: World, **change: object) -> dict[str, object]:
    return {"email": NEW, "group": world.region.pk, "role": "technician", **change}


def test_an_invitation_is_mailed_once_for_a_key(
    admin: Caller, world: World, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        first, again = (admin("post", "/invitations/", asked(world), key="key-1") for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert (len(mail.outbox), Invitation.objects.count()) == (1, 1)
    shown = admin("get", first["Location"].removeprefix(API))
    assert shown.json()["sent_at"]
    assert shown.json()["role"] == "technician"
    link = next(word for word in str(mail.outbox[0].body).split() if "/invitations/" in word)
    secret = link.rstrip("/").rsplit("/", 1)[1]
    for answer in (first, again, shown, admin("get", "/invitations/")):
        assert secret not in answer.content.decode()
        assert Invitation.objects.get().token_hash not in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"email": "no address"}, "#/email"),
        ({"email": "viewer@sadler.example", "group": "sadler"}, "#/email"),
        ({"group": "tekton"}, "#/group"),
        ({"group": "other_site"}, "#/group"),
        ({"role": "king"}, "#/role"),
        ({"token": "x"}, "#/token"),
    ],
)
def test_an_invitation_is_refused(change: dict[str, Any], pointer: str, admin: Caller, world: World) -> None:
    change = {name: getattr(world, value).pk if name == "group" else value for name, value in change.items()}
    answer = admin("post", "/invitations/", asked(world, **change), key="key-1")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert not Invitation.objects.exists()
    assert not mail.outbox


def test_sent_again_and_withdrawn(
    admin: Caller, world: World, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    first = admin("post", "/invitations/", asked(world)).json()
    with django_capture_on_commit_callbacks(execute=True):
        second = admin("post", f"/invitations/{first['id']}/again/", key="key-2").json()
    assert len(mail.outbox) == 1
    assert admin("get", f"/invitations/{first['id']}/").status_code == 404
    assert emails(admin("get", "/invitations/", q="NEW@")) == {NEW}
    assert Caller(world.stranger)("delete", f"/invitations/{second['id']}/").status_code == 404
    assert admin("delete", f"/invitations/{second['id']}/").status_code == 204
    assert emails(admin("get", "/invitations/")) == set()


# Settings, the log, tokens ---------------------------------------------------------------------


def test_only_what_is_sent_changes(owner: Caller, world: World) -> None:
    before = owner("get", "/settings/").json()
    after = owner("patch", "/settings/", {"window_seconds": 120, "allow_reprovisioning": True}).json()
    assert after == before | {"window_seconds": 120, "allow_reprovisioning": True}
    assert owner("patch", "/settings/", {"name": "Kanarra West"}).json()["name"] == "Kanarra West"
    assert AuditEntry.objects.filter(by=world.owner).count() == 3
    for wrong in ({"window_seconds": 5}, {"colour": "red"}, {"name": ""}, {"logo": "x"}, {"result_hours": 10**40}):
        assert owner("patch", "/settings/", wrong).status_code == 400
    assert Caller(world.stranger)("get", "/settings/").json()["name"] == "Other"


def test_the_log_is_filtered_and_pages_by_key(owner: Caller, admin: Caller, world: World) -> None:
    for n in range(3):
        owner("patch", f"/groups/{world.boise.pk}/", {"name": f"Boise {n}"})
    admin("patch", f"/groups/{world.region.pk}/", {"name": "LA"})
    first = owner("get", "/changes/", q="renamed", who="owner@", limit=2).json()
    assert [row["what"] for row in first["results"]] == ["Boise 1 renamed to Boise 2", "Boise 0 renamed to Boise 1"]
    rest = owner.client.get(first["next"]).json()
    assert [row["by"] for row in rest["results"]] == ["owner@kanarra.example"]
    assert not any("Boise" in row["what"] for row in admin("get", "/changes/").json()["results"])


def test_tokens_are_listed_and_revoked(owner: Caller, admin: Caller, world: World) -> None:
    high = tokens.create(by=world.owner, name="High", group=world.kanarra.root, role=Role.VIEWER)
    low = tokens.create(by=world.technician, name="Low", group=world.region, role=Role.VIEWER)
    assert [row["name"] for row in admin("get", "/tokens/").json()["results"]] == ["Low"]
    listed = owner("get", "/tokens/")
    assert [row["name"] for row in listed.json()["results"]] == ["Low", "High"]
    assert not any(made.secret in listed.content.decode() for made in (high, low))
    assert admin("delete", f"/tokens/{high.token.pk}/").status_code == 404
    assert admin("delete", f"/tokens/{low.token.pk}/").status_code == 204
    assert admin("delete", f"/tokens/{low.token.pk}/").status_code == 404
    assert owner("post", "/tokens/", {"name": "x"}).status_code == 405
    assert ApiToken.objects.live().count() == 1


def test_a_token_sees_and_revokes_of_its_makers_only_itself(world: World) -> None:
    other = tokens.create(by=world.owner, name="Other", group=world.kanarra.root, role=Role.ADMIN).token
    mine = narrowed(world.owner, world.sadler, Role.TECHNICIAN)
    [only] = mine("get", "/tokens/").json()["results"]
    assert mine("delete", f"/tokens/{other.pk}/").status_code == 404
    assert mine("delete", f"/tokens/{only['id']}/").status_code == 204
    assert mine("get", "/me/").status_code == 401
    assert ApiToken.objects.live().get() == other
