"""What hinders a camera or a browser is told, and the way on is offered."""

from __future__ import annotations

import time
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.fakecamera import FLAGS, scene
from tests.e2e.scannerpage import SERIAL, message, opened, phone, photograph, posted, scan, seeing

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Playwright

pytestmark = pytest.mark.e2e

ASKED = "globalThis.asked = []; const real = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);"
ONLY_ANY = f"""if (isSecureContext) {{ {ASKED} navigator.mediaDevices.getUserMedia = (wish) => {{
  asked.push(wish);
  return wish.video === true ? real(wish) : Promise.reject(new DOMException("", "OverconstrainedError"));
}}; }}"""
SILENT = f"""if (isSecureContext) {{ {ASKED} navigator.mediaDevices.getUserMedia = async (wish) => {{
  asked.push(wish);
  const stream = await real(wish);
  if (asked.length === 1) setTimeout(() => stream.getVideoTracks()[0].dispatchEvent(new Event("mute")), 200);
  return stream;
}}; }}"""
STILL = """HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0;"""
# A camera with a light, as large as is asked, with three pictures a second; light and size apart, as Chromium has it.
SLOW = """globalThis.applied = [];
HTMLVideoElement.prototype.requestVideoFrameCallback = (told) => setTimeout(told, 300);
const track = MediaStreamTrack.prototype;
let size = [2560, 1440];
track.getCapabilities = () => ({ torch: true });
track.getSettings = () => ({ width: size[0], height: size[1] });
track.applyConstraints = async (wish) => {
  if (wish.width && wish.advanced?.length) throw new DOMException("", "OverconstrainedError");
  applied.push(wish);
  if (wish.width) size = [wish.width.ideal, wish.height.ideal];
};"""
NOISE = """const real = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...box) {
  const image = real.apply(this, box);
  return new ImageData(image.data.fill(255), image.width);
};"""


def asked(page: Page) -> list[object]:
    found: list[object] = page.evaluate("asked.map(({video}) => video.deviceId ? video.deviceId.exact : video)")
    return found


def test_a_camera_that_meets_no_wish_is_taken_as_it_is(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        context.add_init_script(ONLY_ANY)
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        assert asked(page)[-1] is True


def test_another_camera_is_chosen_and_remembered(playwright: Playwright, address: str) -> None:
    two = (FLAGS[0], "--use-fake-device-for-media-stream=device-count=2")
    with phone(playwright, *two, whole=True) as context:
        context.add_init_script(ONLY_ANY.replace("wish.video === true", "true"))
        page = opened(context, address)
        scan(page)
        page.get_by_role("button", name="Other camera").click()
        expect(message(page)).to_contain_text("fake_device_1")
        page.reload()
        scan(page)
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        [wanted] = asked(page)
        cameras = (
            "navigator.mediaDevices.enumerateDevices().then((all) => all.map((each) => [each.label, each.deviceId]))"
        )
        assert next(name for name, key in page.evaluate(cameras) if key == wanted).startswith("fake_device_1")


def test_as_much_is_asked_as_small_labels_need(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        context.add_init_script(ONLY_ANY.replace("wish.video === true", "true"))
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        [wish] = asked(page)
        assert wish == {"facingMode": {"ideal": "environment"}, "width": {"ideal": 1440}, "height": {"ideal": 2560}}


def test_a_camera_that_is_not_smooth_is_asked_for_less_and_keeps_its_light(
    playwright: Playwright, address: str, tmp_path: Path
) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        context.add_init_script(SLOW)
        page = opened(context, address)
        scan(page)
        page.get_by_role("button", name="Light").click()
        smallest = "applied.some((wish) => wish.width?.ideal === 720)"
        deadline = time.monotonic() + 30
        while not page.evaluate(smallest) and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        page.wait_for_timeout(200)
        sizes = page.evaluate("applied.filter((wish) => wish.width).map((wish) => wish.width.ideal)")
        assert list(dict.fromkeys(sizes)) == [1440, 1080, 720]
        assert page.evaluate("applied.at(-1)") == {"advanced": [{"torch": True}]}


def test_a_muted_camera_is_started_again(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        context.add_init_script(SILENT)
        page = opened(context, address)
        scan(page)
        deadline = time.monotonic() + 20
        while len(asked(page)) < 2 and time.monotonic() < deadline:
            page.wait_for_timeout(200)
        assert len(asked(page)) == 2
        expect(page.get_by_role("button", name="Stop")).to_be_visible()


def test_a_picture_that_stands_still_is_told_after_two_restarts(
    playwright: Playwright, address: str, tmp_path: Path
) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        context.add_init_script(STILL)
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text("picture stands still", timeout=30000)
        expect(page.get_by_role("button", name="Scan again")).to_be_visible()


@pytest.mark.parametrize(
    ("browser", "said"),
    [(NOISE, "This browser hides pictures"), ("delete globalThis.WebAssembly;", "This browser can't read codes")],
    ids=["noise", "no-webassembly"],
)
def test_a_browser_that_cannot_read_is_named(
    playwright: Playwright, address: str, tmp_path: Path, browser: str, said: str
) -> None:
    with seeing(playwright, tmp_path, scene(SERIAL)) as context:
        context.add_init_script(browser)
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
        page.reload()
        photograph(page, scene(SERIAL))
        expect(page.get_by_role("alert")).to_contain_text(said)


def other_code(kind: zxingcpp.BarcodeFormat, text: str = "KANARRA01339") -> Image.Image:
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, kind), scale=3))
    picture = Image.new("RGB", (1280, 720), "white")
    picture.paste(drawn.convert("RGB"), ((1280 - drawn.width) // 2, (720 - drawn.height) // 2))
    return picture


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (zxingcpp.BarcodeFormat.DataMatrix, "This is a Data Matrix, which is not read here. Find the QR code"),
        (zxingcpp.BarcodeFormat.Code128, "This is a barcode (Code 128)"),
    ],
    ids=["data-matrix", "code-128"],
)
def test_another_symbology_is_named_and_not_read(
    playwright: Playwright, address: str, tmp_path: Path, kind: zxingcpp.BarcodeFormat, said: str
) -> None:
    with seeing(playwright, tmp_path, other_code(kind)) as context:
        page = opened(context, address)
        scan(page)
        expect(message(page)).to_contain_text(said, timeout=20000)
        photograph(page, other_code(kind))
        expect(page.get_by_role("alert")).to_contain_text(said, timeout=20000)
        assert page.url == f"{address}/"


def cut_out(dark: bool) -> bytes:
    """A symbol whose light modules and surroundings, or dark ones, are a hole."""
    light = scene(SERIAL, size=(400, 400), module=8).convert("L").point(lambda value: 255 if value > 128 else 0)
    picture: Image.Image = light.convert("RGBA")
    picture.paste((0, 0, 0, 255) if dark else (255, 255, 255, 255), (0, 0, 400, 400))
    picture.putalpha(light.point(lambda value: 255 - value))
    out = BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_a_transparent_picture_is_read(playwright: Playwright, address: str, dark: bool) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        file = {"name": "label.png", "mimeType": "image/png", "buffer": cut_out(dark)}
        page.get_by_label("Photo of the label").set_input_files(file)  # type: ignore[arg-type]
        assert posted(page) == {"text": SERIAL, "via": "photo"}


def test_a_photo_is_taken_or_comes_from_the_camera_roll(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        assert page.get_by_label("Photo of the label").get_attribute("capture") is None
        assert page.get_by_label("Take photo").get_attribute("capture") == "environment"


@pytest.mark.parametrize("kind", ["DataMatrix", "Code128"])
def test_another_symbology_is_a_label_where_the_organisation_says_so(
    playwright: Playwright, address: str, tmp_path: Path, kind: str
) -> None:
    label = other_code(getattr(zxingcpp.BarcodeFormat, kind), SERIAL)
    with seeing(playwright, tmp_path, label) as context:
        page = opened(context, address, "?further=DataMatrix+Code128")
        scan(page)
        assert posted(page) == {"text": SERIAL, "via": "camera"}
        page = opened(context, address, "?further=DataMatrix+Code128")
        photograph(page, label)
        assert posted(page) == {"text": SERIAL, "via": "photo"}
