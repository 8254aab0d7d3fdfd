"""A technician places a device for one person: docs/decisions/0044."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.urls import reverse

from devices.models import Device, DeviceModel
from devices.refusals import PERSON_NOT_ALLOWED, PERSON_NOT_THERE
from lib.refusals import Refusal
from provisioning.windows import operations as windows
from tenants.models import Organisation, User
from tenants.people import operations as people
from tests.locks import wait_until_somebody_waits
from tests.provisioning.conftest import form_data, pressed_window
from tests.refused import is_refusal

if TYPE_CHECKING:
    from django.test import Client

    from provisioning.models import Window
    from tests.conftest import World


def allow(world: World, allowed: bool = True) -> Window:
    Organisation.objects.filter(pk=world.kanarra.pk).update(personal_devices=allowed)
    return pressed_window(world)


def url(name: str, window: Window) -> str:
    return reverse(f"provisioning:{name}", kwargs={"key": window.key})


def test_for_oneself(world: World, client: Client) -> None:
    client.force_login(world.technician)
    window = allow(world)
    page = client.get(url("window", window)).content.decode()
    assert "Only me" in page
    assert world.viewer.email in page
    assert world.sibling.email not in page
    assert world.owner.email not in page
    placed = client.post(url("place", window), form_data(world, person=world.technician.email), follow=True)
    assert "Yours alone" in placed.content.decode()
    assert client.post(url("place", window), form_data(world, person=world.technician.email)).status_code == 302
    client.force_login(world.viewer)
    assert client.get(world.waiting.get_absolute_url()).status_code == 404


def test_for_somebody_else_it_is_out_of_the_technicians_sight(world: World, client: Client) -> None:
    client.force_login(world.technician)
    window = allow(world)
    placed = client.post(url("place", window), form_data(world, person=world.viewer.email), follow=True)
    assert placed.redirect_chain == [(reverse("provisioning:register"), 302)]
    assert f"for {world.viewer} alone" in placed.content.decode()
    assert client.get(url("window", window)).status_code == 200  # and leads to no 404
    assert client.get(world.waiting.get_absolute_url()).status_code == 404
    client.force_login(world.viewer)
    assert client.get(world.waiting.get_absolute_url()).status_code == 200


@pytest.mark.parametrize("email", ["sibling", "owner", "nobody@nowhere.example"])
def test_people_whom_they_do_not_know_are_as_if_they_were_not(world: World, client: Client, email: str) -> None:
    client.force_login(world.technician)
    window = allow(world)
    sent = form_data(world, person=getattr(getattr(world, email, None), "email", email))
    page = client.post(url("place", window), sent)
    assert (page.status_code, PERSON_NOT_THERE.message in page.content.decode()) == (422, True)
    program = client.post(url("api-complete", window), sent, "application/json")
    assert (program.status_code, program.json()["errors"][0]["pointer"]) == (400, "#/person")
    assert Device.objects.get(pk=world.waiting.pk).group is None


def test_where_the_organisation_does_not_want_it_it_is_not_asked_and_refused(world: World, client: Client) -> None:
    client.force_login(world.technician)
    window = allow(world, allowed=False)
    assert "Only me" not in client.get(url("window", window)).content.decode()
    sent = form_data(world, person=world.viewer.email)
    assert PERSON_NOT_ALLOWED.message in client.post(url("place", window), sent).content.decode()
    refused = client.post(url("api-complete", window), sent, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (400, PERSON_NOT_ALLOWED.code)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("removed_first", [True, False])
def test_who_is_removed_at_that_moment_gets_nothing(world: World, removed_first: bool) -> None:
    """Each waits for the other, whichever comes first, and sees what it did."""
    window, model = allow(world), DeviceModel.objects.get(organisation=world.kanarra)
    person = User.objects.get(pk=world.viewer.pk)

    def finish() -> None:
        windows.finish_window(
            window=window, by=world.technician, name="Hers", group=world.anaheim, model=model, person=person
        )

    def remove() -> None:
        people.remove(membership=person.memberships.get(), by=world.admin)

    first, second = (remove, finish) if removed_first else (finish, remove)

    def go() -> Exception | None:
        try:
            second()
        except Refusal as refusal:
            return refusal
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            later = pool.submit(go)
            wait_until_somebody_waits()
        outcome = later.result(20)
    device = Device.objects.get(pk=world.waiting.pk)
    assert device.person is None
    if removed_first:
        assert is_refusal(outcome, PERSON_NOT_THERE)
        assert device.group is None
    else:
        assert (outcome, device.group, device.events.latest("pk").kind) == (None, world.anaheim, "unassigned")
