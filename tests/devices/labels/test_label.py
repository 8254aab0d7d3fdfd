"""One device's label: the page, and the downloads of it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image

from tests.devices.labels.reading import codes, pictures

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import Settings

    from tests.conftest import World

FILES = ["label.svg", "label.png", "label.pdf"]


@pytest.mark.parametrize("page", ["label/", *FILES])
def test_who_may_print(client: Client, world: World, page: str) -> None:
    url = f"/devices/{world.placed.serial}/{page}"
    assert client.get(url).status_code == 302
    client.force_login(world.viewer)
    assert client.get(url).status_code == 200
    foreign = client.get(f"/devices/{world.foreign.serial}/{page}")
    absent = client.get(f"/devices/0000/{page}")
    assert foreign.status_code == absent.status_code == 404
    assert (foreign.content, dict(foreign.headers)) == (absent.content, dict(absent.headers))


def test_the_label(client: Client, world: World) -> None:
    client.force_login(world.owner)
    body = client.get(f"/devices/{world.waiting.serial}/label/").content.decode()
    assert f">{world.waiting.serial_grouped}<" in body
    assert "Kanarra" in body
    assert f'src="/devices/{world.waiting.serial}/label.svg"' in body


def test_the_symbol(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    response = client.get(f"/devices/{world.placed.serial}/label.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Content-Disposition" not in response
    root = ElementTree.fromstring(response.content)
    assert (root.get("viewBox"), root.get("width")) == ("0 0 29 29", None)


def test_downloads(client: Client, world: World, settings: Settings) -> None:
    client.force_login(world.viewer)
    settings.SITE_URLS = ["https://devices.example"]
    url, serial = f"/devices/{world.placed.serial}/label", world.placed.serial
    vector = client.get(f"{url}.svg", {"side": "21"})
    assert ElementTree.fromstring(vector.content).get("width") == "29mm"
    picture = client.get(f"{url}.png", {"side": "21", "dpi": "300", "content": "url"})
    [code] = zxingcpp.read_barcodes(Image.open(BytesIO(picture.content)))
    assert code.text == f"HTTPS://DEVICES.EXAMPLE/D/{serial}"
    document = client.get(f"{url}.pdf", {"stock": "roll-62x29", "dpi": "300"})
    [page] = pictures(document.content, 300)
    assert codes(page) == [serial]
    assert page.size == pytest.approx((732, 343), abs=1)
    for answer, kind in ((vector, "svg"), (picture, "png"), (document, "pdf")):
        assert answer["Content-Disposition"] == f'attachment; filename="{serial}.{kind}"'


def test_the_organisation_says_what_the_code_holds(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    world.kanarra.label_content = "url"
    world.kanarra.save()
    picture = client.get(f"/devices/{world.placed.serial}/label.png").content
    [code] = zxingcpp.read_barcodes(Image.open(BytesIO(picture)))
    assert code.text == f"HTTP://TESTSERVER/D/{world.placed.serial}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stock", "x"),
        ("dpi", "9999999"),
        ("side", "1e9"),
        ("side", "nan"),
        ("level", "Z"),
        ("quiet", "0"),
        ("start", "22"),
    ],
)
def test_nonsense_is_said_on_the_page(client: Client, world: World, name: str, field: str, value: str) -> None:
    client.force_login(world.viewer)
    answer = client.get(f"/devices/{world.placed.serial}/{name}", {field: value})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()


def test_a_code_that_does_not_fit(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    query = {"stock": "l4731", "dpi": "203", "content": "url", "level": "H", "quiet": "10"}
    host = f"{'x' * 60}.{'y' * 60}.{'z' * 60}.example"
    answer = client.get(f"/devices/{world.placed.serial}/label.pdf", query, headers={"host": host})
    assert answer.status_code == 422
    assert "does not fit on this label" in answer.content.decode()


def test_a_box_left_empty_on_the_page_stays_empty(client: Client, world: World) -> None:
    client.force_login(world.viewer)
    url = f"/devices/{world.placed.serial}/label/"
    full = {"chosen": "1", "stock": "l7160", "dpi": "600", "level": "Q", "quiet": "4", "start": "1"}
    assert " checked" in client.get(url).content.decode()
    assert " checked" not in client.get(url, full).content.decode()
