"""Groups, people, settings, the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.core import mail

from tenants.models import Invitation, Role
from tenants.people import invitations
from tests.access import ADMINS, ANY_ADMIN, OWNERS, SIGNED_IN, Row, everybody
from tests.tenants.push.browsers import Browser

if TYPE_CHECKING:
    from tests.conftest import World


def region(world: World) -> dict[str, object]:
    return {"pk": world.region.pk}


def technician(world: World) -> dict[str, object]:
    return {"pk": world.technician.pk}


def role_of_technician(world: World) -> dict[str, str]:
    return {"membership": str(world.technician.memberships.get().pk), "role": "10"}


def invite(world: World) -> Invitation:
    return invitations.invite(
        email="new@sadler.example", group=world.region, role=Role.VIEWER, by=world.admin, site="https://site.example"
    )


def invited(world: World) -> dict[str, str]:
    return {"invitation": str(invite(world).pk)}


def link(world: World) -> dict[str, object]:
    invite(world)
    found = re.search(r"/invitations/([^/]+)/", str(mail.outbox[-1].body))
    assert found
    return {"token": found[1]}


def pushed(world: World) -> dict[str, str]:
    """A browser of the viewer's."""
    return {"browser": str(Browser("https://push.example/p/one").subscribe(world.viewer).pk)}


#          anonymous viewer technician admin owner sibling stranger
POSTED = (302, 404, 404, 302, 302, 404, 404)
OWNERS_POST = (302, 404, 404, 404, 302, 404, 404)

ROWS: dict[str, Row] = {
    "tenants:sessions": Row(SIGNED_IN),
    "tenants:session-end": Row(everybody(302), "post"),
    "tenants:sessions-end-others": Row(everybody(302), "post"),
    "tenants:account-log": Row(OWNERS),
    "tenants:clock": Row(everybody(302), "post"),
    "tenants:mails": Row(everybody(302), "post"),
    "tenants:push-key": Row(SIGNED_IN, "post"),
    "tenants:push-subscribe": Row(everybody(302), "post"),
    "tenants:push-remove": Row((302, 302, 404, 404, 404, 404, 404), "post", data=pushed),
    "tenants:sign-out-everywhere": Row(everybody(302), "post"),
    "tenants:leave": Row((302, 302, 302, 302, 422, 302, 422), "post"),
    "tenants:groups": Row(ANY_ADMIN),
    "tenants:group-choices": Row(SIGNED_IN, data=lambda world: {"among": "place"}),
    "tenants:group": Row(ADMINS, kwargs=region),
    "tenants:group-children": Row(ADMINS, kwargs=region),
    "tenants:group-create": Row(POSTED, "post", kwargs=region, data=lambda world: {"new-name": "North"}),
    "tenants:group-rename": Row(POSTED, "post", kwargs=region, data=lambda world: {"rename-name": "North"}),
    "tenants:group-move": Row(ADMINS, kwargs=region),
    "tenants:group-move-confirm": Row(
        (302, 404, 404, 409, 409, 404, 404),
        "post",
        kwargs=region,
        data=lambda world: {"to": str(world.sadler.pk), "seen": "an older preview"},
    ),
    "tenants:group-archive": Row((302, 404, 404, 422, 422, 404, 404), "post", kwargs=region),
    "tenants:group-restore": Row(POSTED, "post", kwargs=region),
    "tenants:group-delete": Row((302, 404, 404, 422, 422, 404, 404), "post", kwargs=region),
    "tenants:invite": Row(ADMINS, kwargs=region),
    "tenants:invite-send": Row(
        POSTED, "post", kwargs=region, data=lambda world: {"email": "new@sadler.example", "role": "10"}
    ),
    "tenants:invite-where": Row(ANY_ADMIN),
    "tenants:invite-again": Row(POSTED, "post", data=invited),
    "tenants:invite-withdraw": Row(POSTED, "post", data=invited),
    "tenants:people": Row(ANY_ADMIN),
    "tenants:person": Row(ADMINS, kwargs=technician),
    "tenants:person-role": Row(POSTED, "post", kwargs=technician, data=role_of_technician),
    "tenants:person-role-remove": Row(POSTED, "post", kwargs=technician, data=role_of_technician),
    "tenants:person-active": Row(OWNERS_POST, "post", kwargs=technician),
    "tenants:person-remove": Row(OWNERS_POST, "post", kwargs=technician),
    "tenants:invitation": Row(everybody(302), kwargs=link),
    "tenants:join": Row(everybody(404)),
    "tenants:accept": Row(everybody(404), "post"),
    "tenants:settings": Row(OWNERS),
    "tenants:settings-save": Row((302, 404, 404, 404, 422, 404, 422), "post"),
    "tenants:theme-preview": Row(OWNERS, data=lambda world: {"colour": "#0f5cc0"}),
}
