"""No proof at all: for admins, and for technicians where the organisation says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.models import DeviceModel, RecipeVersion
from provisioning import refusals
from provisioning.models import Window
from provisioning.windows import operations as windows
from tenants.models import Membership, Organisation, Role
from tests.provisioning.conftest import ask_for, form_data
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World


@pytest.mark.parametrize(
    ("person", "technicians_too", "opens"),
    [("technician", False, False), ("technician", True, True), ("admin", False, True), ("owner", False, True)],
)
def test_who_may(client: Client, world: World, person: str, technicians_too: bool, opens: bool) -> None:
    Organisation.objects.update(skip_presence=technicians_too)
    RecipeVersion.objects.filter(pk=world.version.pk).update(presence="none")
    client.force_login(getattr(world, person))
    answer = client.post(reverse("provisioning:scan"), {"text": world.waiting.serial})
    if not opens:
        assert (answer.status_code, "admins alone may place it" in answer.content.decode()) == (409, True)
        assert not Window.objects.exists()
        return
    assert "Where does it belong?" in client.get(answer["Location"]).content.decode()
    place = reverse("provisioning:place", kwargs={"key": Window.objects.get().key})
    assert client.post(place, form_data(world)).status_code == 302
    world.waiting.refresh_from_db()
    assert world.waiting.group == world.anaheim


def test_an_admin_places_it_where_they_are_admin(world: World) -> None:
    """And not in a group in which they are a technician."""
    ask_for(world, "none")
    Membership.objects.create(user=world.admin, group=world.tekton, role=Role.TECHNICIAN)
    window = windows.open_window(device=world.waiting, by=world.admin)
    model = DeviceModel.objects.get(organisation=world.kanarra)
    with refused(refusals.WITHOUT_PROOF):
        windows.finish_window(window=window, by=world.admin, name="A", group=world.boise, model=model)
    windows.finish_window(window=window, by=world.admin, name="A", group=world.anaheim, model=model)
