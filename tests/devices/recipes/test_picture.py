"""A recipe's picture says where the button, the display or the label is: the window of a device that waits shows it."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from devices.models import Event, RecipePicture
from devices.recipes import pictures
from provisioning.models import Window
from provisioning.windows import operations as windows
from tests.provisioning.conftest import ask_for, report_press

if TYPE_CHECKING:
    from django.test import Client

    from tenants.models import User
    from tests.conftest import World

pytestmark = pytest.mark.django_db


def draw(size: tuple[int, int] = (1600, 1200), kind: str = "JPEG", **more: object) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, "teal").save(out, format=kind, **more)
    return out.getvalue()


def upload(client: Client, world: World, content: bytes) -> str:
    """What the recipe's page says of it."""
    sent = {"picture": SimpleUploadedFile("where.jpg", content)}
    address = reverse("devices:recipe-picture-upload", kwargs={"pk": world.version.recipe_id})
    return client.post(address, sent, follow=True).content.decode()


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def show(client: Client, window: Window, user: User) -> str:
    client.force_login(user)
    page = client.get(reverse("provisioning:window", kwargs={"key": window.key})).content.decode()
    found = re.search(r'class="proof-picture" src="([^"]+)" alt="[^"]+"', page)
    return found[1] if found else ""


@pytest.mark.parametrize("method", ["press", "claim-code", "rotating-code", "challenge"])
def test_the_window_shows_it_while_the_device_waits(owner: Client, world: World, method: str) -> None:
    ask_for(world, method)
    window = windows.open_window(device=world.waiting, by=world.technician)
    assert show(owner, window, world.technician) == ""
    owner.force_login(world.owner)
    assert "The picture is kept" in upload(owner, world, draw())
    address = show(owner, window, world.technician)
    answer = owner.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert max(Image.open(BytesIO(answer.content)).size) == 900
    owner.force_login(world.sibling)
    assert owner.get(address).status_code == 404
    Window.objects.filter(pk=window.pk).update(pressed_at=window.opened_at)
    assert show(owner, window, world.technician) == ""  # nothing is to be found any more


def test_a_picture_is_made_anew_upright_and_small(owner: Client, world: World) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "canary"  # turned, and by whose camera
    upload(owner, world, draw((1600, 1000), exif=exif))
    kept = bytes(RecipePicture.objects.get().data)
    assert Image.open(BytesIO(kept)).size == (562, 900)
    assert b"canary" not in kept
    upload(owner, world, draw((30, 20), "PNG"))
    assert Image.open(BytesIO(bytes(RecipePicture.objects.get().data))).size == (30, 20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"GIF89a", "PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG or JPEG"),
        (draw()[:400], "PNG or JPEG"),
        (draw((5000, 5000)), "4 megapixels"),
        (draw() + b"\0" * (1 << 20), "1 MB"),
    ],
    ids=["empty", "gif", "svg", "cut off", "wide", "large"],
)
def test_what_is_none_is_told(owner: Client, world: World, content: bytes, said: str) -> None:
    assert said in upload(owner, world, content)
    assert not RecipePicture.objects.exists()


def test_it_is_replaced_and_removed_with_an_event_each(owner: Client, world: World) -> None:
    upload(owner, world, draw())
    former = pictures.find_digest(world.version.recipe_id)
    upload(owner, world, draw())  # the same
    upload(owner, world, draw((80, 60)))
    at = {"pk": world.version.recipe_id}
    assert owner.get(reverse("devices:recipe-picture", kwargs=at | {"digest": former})).status_code == 404
    for _ in range(2):
        owner.post(reverse("devices:recipe-picture-remove", kwargs=at))
    told = Event.objects.filter(kind="recipe-changed", data__has_key="act").order_by("pk")
    assert list(told.values_list("data__act", flat=True)) == ["picture uploaded", "picture uploaded", "picture removed"]
    assert pictures.find_digest(world.version.recipe_id) == ""


def test_a_press_ends_its_use(owner: Client, world: World) -> None:
    upload(owner, world, draw())
    window = windows.open_window(device=world.waiting, by=world.technician)
    report_press(world.waiting)
    assert show(owner, window, world.technician) == ""
