"""A photo as a phone takes it becomes a recipe's picture: it is made small and upright before it travels."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from PIL import Image
from playwright.sync_api import expect

from devices.models import RecipePicture
from tests.e2e.live_pages import sign_in

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from tests.conftest import World
    from tests.e2e.silentproxy import SilentProxy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def take_photo() -> bytes:
    """Of twelve megapixels and some megabytes, taken upright."""
    picture = Image.frombytes("RGB", (800, 600), os.urandom(800 * 600 * 3)).resize((4000, 3000))
    exif, out = Image.Exif(), BytesIO()
    exif[0x0112] = 6
    picture.save(out, format="JPEG", quality=90, exif=exif)
    return out.getvalue()


def test_a_phones_photo_is_taken(context: BrowserContext, proxy: SilentProxy, world: World) -> None:
    photo = take_photo()
    assert len(photo) > 3 << 20
    sign_in(context, world.owner)
    page, at = context.new_page(), {"pk": world.version.recipe_id}
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('devices:recipe', kwargs=at)}")
    page.locator("#id_picture").set_input_files({"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": photo})
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("The picture is kept")).to_be_visible()
    assert Image.open(BytesIO(bytes(RecipePicture.objects.get().data))).size == (675, 900)
    expect(page.get_by_text("Another picture")).to_be_visible()


def test_what_is_no_picture_is_told(context: BrowserContext, proxy: SilentProxy, world: World) -> None:
    sign_in(context, world.owner)
    page, at = context.new_page(), {"pk": world.version.recipe_id}
    page.goto(f"http://127.0.0.1:{proxy.port}{reverse('devices:recipe', kwargs=at)}")
    page.locator("#id_picture").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"none"})
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("has to be a PNG or JPEG")).to_be_visible()
