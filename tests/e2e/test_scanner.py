"""The scanner in a real browser, under the site's policy: what it reads, says and posts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import segno
from playwright.sync_api import BrowserContext, Page, Playwright, expect

from devices.identity import serials
from tests.e2e.fakecamera import FLAGS as FAKE
from tests.e2e.fakecamera import scene
from tests.e2e.scannerpage import (
    SERIAL,
    message,
    opened,
    phone,
    photograph,
    posted,
    scan,
    seeing,
    wait_for_decoder,
)
from tests.provisioning.scanning import label_cases

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from PIL import Image

pytestmark = pytest.mark.e2e

HERE = Path(__file__).resolve().parent


# The camera


@pytest.mark.parametrize(
    "text",
    [
        SERIAL,
        "https://labels.example/d/7KQ4M2XW9D3T",
        "HTTPS://LABELS.EXAMPLE/D/7KQ4M2XW9D3T",
        "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122",
        "GW-2024.0017",
    ],
)
def test_a_label_in_view_is_posted(playwright: Playwright, address: str, tmp_path: Path, text: str) -> None:
    with seeing(playwright, tmp_path, scene(text, module=7)) as context:
        page = opened(context, address)
        scan(page)
        assert posted(page) == {"text": text, "via": "camera"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("WIFI:T:WPA;S:shop;P:secret;;", "A Wi-Fi code is not a device label"),
        ("BEGIN:VCARD\nVERSION:3.0\nN:Doe\nEND:VCARD", "A contact card"),
        ("bitcoin:175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W", "A payment code"),
        ("https://elsewhere.example/d/7KQ4M2XW9D3T", "A web address (elsewhere.example)"),
        ("https://elsewhere.example/manual?id=7&session=2", "A web address (elsewhere.example)"),
        ("javascript:alert(1)", "not a label of this site"),
        ("<img src=x onerror=alert(1)>", "not a label of this site"),
    ],
)
def test_another_code_is_named_and_not_posted(
    playwright: Playwright, address: str, tmp_path: Path, text: str, named: str
) -> None:
    with seeing(playwright, tmp_path, scene(text, module=7)) as context:
        page = opened(context, address)
        scan(page)
        expect(message(page)).to_contain_text(named)
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        expect(page.get_by_label("Serial")).to_have_value("")


def test_two_codes_in_view_are_refused(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene(SERIAL, "5HWY2B8RQ0NC", module=7)) as context:
        page = opened(context, address)
        scan(page)
        expect(message(page)).to_contain_text("Two different codes")
        page.wait_for_timeout(2000)
        expect(message(page)).to_contain_text("Two different codes")
        assert page.url == f"{address}/"


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ("WIFI:T:WPA;S:Generator;P:12345678;;", SERIAL),
        ("https://maker.example/kg250/manual", SERIAL),
        (f"https://labels.example/d/{SERIAL}", None),
        (f"SN:{SERIAL} MAC:001B44113AB8", f"SN:{SERIAL} MAC:001B44113AB8"),
    ],
)
def test_a_second_code_for_no_other_device_does_not_hinder(
    playwright: Playwright, address: str, tmp_path: Path, other: str, text: str | None
) -> None:
    with seeing(playwright, tmp_path, scene(SERIAL, other, module=7)) as context:
        page = opened(context, address)
        scan(page)
        assert posted(page)["text"] in ({text} if text == SERIAL else {SERIAL, other})
        page = opened(context, address)
        photograph(page, scene(SERIAL, other, module=7))
        assert posted(page)["text"] in ({text} if text == SERIAL else {SERIAL, other})


READ_AS_TYPED = [
    "A1",
    "42",
    "TEL:00042",
    "]Q1KANARRA01339",
    "http://labels.example/d/KANARRA01339/",
    "010950600013435221KANARRA01339",
    "SN:KANARRA01339\nMAC:001B44113AB8\nPN:KG-250",
    "LW:0001",
    '{"serial": "KANARRA01339"}',
    "https://maker.example/p?lang=en&sn=KANARRA01339",
    "https://maker.example/p?Device-Serial=KANARRA01339",
    "https://maker.example/p?wifi_mac=001B44113AB8#top",
]


@pytest.mark.parametrize("text", READ_AS_TYPED)
def test_a_photo_has_the_answer_of_the_server(playwright: Playwright, address: str, text: str) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        photograph(page, scene(text, module=7))
        answer = posted(page)
        assert (answer["text"].replace("\r\n", "\n"), answer["via"]) == (text, "photo")


READ = """([texts, origin]) => texts.map((text) => {
    const {alone, tiers} = ScanText.read(text, [origin]);
    const first = alone ? {keys: [alone]} : tiers.find(({keys}) => keys.length);
    const {candidate = false} = ScanText.classify(text, [origin]);
    return {candidate, named: first?.two ? "two devices" : first?.keys[0]};
})"""
LABELS = "([pairs, origin]) => pairs.map((texts) => ScanText.labels(texts, [origin]))"


def test_the_browser_reads_labels_as_the_server_does(playwright: Playwright, address: str) -> None:
    cases = label_cases.NAMES
    with phone(playwright) as context:
        page = opened(context, address)
        read = page.evaluate(READ, [list(cases), label_cases.ORIGIN])
        in_view = [[one, other] for one, other, _ in label_cases.IN_VIEW]
        kept = page.evaluate(LABELS, [in_view, label_cases.ORIGIN])
        turned = page.evaluate(LABELS, [[pair[::-1] for pair in in_view], label_cases.ORIGIN])
    for (text, named), found in zip(cases.items(), read, strict=True):
        if named == label_cases.NONE:
            assert found.get("named") is None, text
        else:
            wanted = named if named == label_cases.TWO else serials.fold(named)
            assert found == {"candidate": True, "named": wanted}, text
    for (one, other, is_same), there, back in zip(label_cases.IN_VIEW, kept, turned, strict=True):
        assert [len(there), len(back)] == [2 - is_same] * 2, (one, other)


def test_the_browser_knows_the_organisations_names_of_fields(playwright: Playwright, address: str) -> None:
    texts = [
        f"https://maker.example/?id={label_cases.METER}",
        f"https://maker.example/?Dev-Eui-Hex={label_cases.EUI.lower()}",
        f'{{"id":"{label_cases.METER}"}}',
        f"https://maker.example/?uuid={label_cases.METER}",
    ]
    with phone(playwright) as context:
        page = opened(context, address, "?names=id:serial%20deveuihex:dev_eui")
        read = page.evaluate(READ, [texts, label_cases.ORIGIN])
    metered = {"candidate": True, "named": label_cases.METER}
    assert read == [
        metered,
        {"candidate": True, "named": label_cases.EUI},
        metered,
        {"candidate": False, "named": None},
    ]


def test_two_codes_of_two_devices_are_refused_where_one_names_both(
    playwright: Playwright, address: str, tmp_path: Path
) -> None:
    both = scene(label_cases.GATEWAY, f"SN:{label_cases.METER}\nGW:{label_cases.GATEWAY}", module=7)
    with seeing(playwright, tmp_path, both) as context:
        page = opened(context, address)
        scan(page)
        expect(message(page)).to_contain_text("Two different codes")


def test_one_code_of_several_is_named_and_not_posted(playwright: Playwright, address: str, tmp_path: Path) -> None:
    """zxing-wasm 3.1.4 calls each symbol of a structured append valid, and half a serial may be another device's."""
    half = segno.make_sequence("GENSET-0001-7735-4416-0092", symbol_count=2, error="q")[0]
    with seeing(playwright, tmp_path, scene(half, module=7)) as context:
        page = opened(context, address)
        scan(page)
        expect(message(page)).to_contain_text("One code of several that belong together is not a device label")
        photograph(page, scene(half, module=7))
        expect(page.get_by_text("This is not a device label")).to_be_visible()
        assert page.url == f"{address}/"


def test_a_hidden_page_stops_the_camera_and_offers_to_go_on(
    playwright: Playwright, address: str, tmp_path: Path
) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        expect(page.get_by_role("button", name="Scan again")).to_be_visible()
        assert page.evaluate("document.querySelector('video').srcObject.getTracks().map(t => t.readyState)") == [
            "ended"
        ]


def test_the_keyboard_starts_and_stops_the_camera(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        page = opened(context, address)
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Scan label")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Stop")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Scan label")).to_be_focused()


def test_sound_is_remembered(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene()) as context:
        page = opened(context, address)
        scan(page)
        sound = page.get_by_role("button", name="Sound")
        expect(sound).to_have_attribute("aria-pressed", "true")
        sound.click()
        page.reload()
        scan(page)
        expect(sound).to_have_attribute("aria-pressed", "false")


# No camera

FAULTS = [
    ("NotAllowedError", "The camera is not allowed for this site"),
    ("NotFoundError", "No camera was found"),
    ("NotReadableError", "The camera is in use"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_camera_that_fails_says_why_and_leaves_the_other_ways(
    playwright: Playwright, address: str, fault: str, said: str
) -> None:
    with phone(playwright) as context:
        context.add_init_script(
            "if (isSecureContext) navigator.mediaDevices.getUserMedia = () => "
            f"Promise.reject(new DOMException('', '{fault}'))"
        )
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
        photograph(page, scene(SERIAL))
        assert posted(page) == {"text": SERIAL, "via": "photo"}


def test_a_browser_that_refuses_the_camera(playwright: Playwright, address: str) -> None:
    with phone(playwright, FAKE[1], "--deny-permission-prompts", whole=True) as context:
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text("The camera is not allowed")
        expect(page.get_by_role("button", name="Scan again")).to_be_visible()


def test_plain_http_says_that_the_camera_needs_https(playwright: Playwright, address: str) -> None:
    with phone(playwright, "--host-resolver-rules=MAP plain.example 127.0.0.1") as context:
        page = opened(context, address.replace("localhost", "plain.example"))
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text("The camera needs a secure connection")


def test_an_ignored_question_leaves_the_field_usable(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        context.add_init_script(
            "if (isSecureContext) navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"
        )
        page = opened(context, address)
        scan(page)
        page.get_by_label("Serial").fill("7kq4 m2xw-9d3t")
        page.keyboard.press("Enter")
        assert posted(page) == {"text": "7kq4 m2xw-9d3t", "via": "typed"}


def test_a_decoder_that_does_not_load_says_so(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene(SERIAL)) as context:
        context.route("**/*.wasm", lambda route: route.abort())
        page = opened(context, address)
        scan(page)
        expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
        context.unroute("**/*.wasm")
        page.get_by_role("button", name="Scan again").click()
        assert posted(page) == {"text": SERIAL, "via": "camera"}


# The photo


def test_a_small_turned_code_in_a_large_photo_is_read(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        photograph(page, scene(SERIAL, size=(4032, 3024), module=9).rotate(33, fillcolor="gray"))
        assert posted(page) == {"text": SERIAL, "via": "photo"}


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (scene(), "No code was found in this photo"),
        (scene(SERIAL, "5HWY2B8RQ0NC"), "Two different codes are in this photo"),
        (scene("WIFI:T:WPA;S:shop;P:secret;;"), "A Wi-Fi code is not a device label"),
    ],
    ids=["none", "two", "wi-fi"],
)
def test_a_photo_that_does_not_help_says_why(
    playwright: Playwright, address: str, picture: Image.Image, said: str
) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        photograph(page, picture)
        expect(page.get_by_role("alert")).to_contain_text(said, timeout=15000)
        assert page.url == f"{address}/"


def test_a_file_that_is_no_picture_says_so(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        page = opened(context, address)
        page.get_by_label("Photo of the label").set_input_files(
            {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"}
        )
        expect(page.get_by_role("alert")).to_contain_text("not a picture")


# The field, and everybody


def test_without_a_connection_the_serial_waits_for_it(playwright: Playwright, address: str, tmp_path: Path) -> None:
    with seeing(playwright, tmp_path, scene(SERIAL)) as context:
        page = opened(context, address)
        wait_for_decoder(page)
        context.set_offline(True)
        scan(page)
        expect(message(page)).to_contain_text("no connection")
        expect(page.get_by_label("Serial")).to_have_value(SERIAL)
        context.set_offline(False)
        assert posted(page) == {"text": SERIAL, "via": "camera"}


NEVER_IDLE = "globalThis.requestIdleCallback = (work, {timeout} = {}) => timeout && setTimeout(work, timeout)"


def test_a_page_that_is_never_idle_fetches_the_decoder_all_the_same(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        context.add_init_script(NEVER_IDLE)
        wait_for_decoder(opened(context, address))


def desk(playwright: Playwright) -> AbstractContextManager[BrowserContext]:
    return phone(playwright, has_touch=False, viewport={"width": 1000, "height": 800})


def test_the_next_scan_of_a_keyboard_scanner_replaces_the_last(playwright: Playwright, address: str) -> None:
    with desk(playwright) as context:
        page = opened(context, address, "?text=KANARRA01338&error=There+is+no+such+device.")
        expect(page.get_by_label("Serial")).to_be_focused()
        page.keyboard.type("KANARRA01339")
        page.keyboard.press("Enter")
        assert posted(page) == {"text": "KANARRA01339", "via": "typed"}


@pytest.mark.parametrize("end", ["Enter", "Tab", "Control+j"])
def test_what_a_scanner_types_anywhere_is_the_serial(playwright: Playwright, address: str, end: str) -> None:
    with desk(playwright) as context:
        context.add_init_script("Object.defineProperty(Event.prototype, 'timeStamp', {value: 0})")  # as fast as can be
        page = opened(context, address, "?text=KANARRA01338")
        expect(page.get_by_label("Serial")).to_be_focused()
        page.get_by_role("button", name="Scan label").focus()
        page.keyboard.type("]Q1KANARRA01339")
        page.keyboard.press(end)
        assert posted(page) == {"text": "]Q1KANARRA01339", "via": "typed"}


def test_a_second_return_sends_nothing_again(playwright: Playwright, address: str) -> None:
    with desk(playwright) as context:
        page = opened(context, address)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        page.keyboard.type("KANARRA01339")
        page.evaluate("const {form} = document.querySelector('#scan-text'); form.requestSubmit(); form.requestSubmit()")
        assert posted(page)["text"] == "KANARRA01339"
        assert len(sent) == 1


def test_typing_works_without_scripts(playwright: Playwright, address: str) -> None:
    with phone(playwright, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_role("button", name="Scan label")).to_be_hidden()
        page.get_by_label("Serial").fill(SERIAL)
        page.get_by_role("button", name="Continue").click()
        assert posted(page) == {"text": SERIAL, "via": "typed"}


def test_a_refused_text_comes_back_with_its_reason(playwright: Playwright, address: str) -> None:
    with phone(playwright) as context:
        page = opened(context, address, "?text=7KQ4&error=Too+short.")
        field = page.get_by_label("Serial")
        expect(field).to_have_value("7KQ4")
        expect(field).to_have_accessible_description(re.compile("Too short"))


def violations(page: Page) -> list[str]:
    page.evaluate((HERE / "vendor/axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    playwright: Playwright, address: str, tmp_path: Path, theme: str
) -> None:
    with seeing(playwright, tmp_path, scene("WIFI:T:WPA;S:shop;P:secret;;")) as context:
        page = opened(context, address, f"?theme={theme}&text=7KQ4&error=Too+short.")
        assert violations(page) == []
        scan(page)
        expect(message(page)).to_contain_text("Wi-Fi")
        assert violations(page) == []
        page.get_by_role("button", name="Stop").click()
        photograph(page, scene())
        expect(page.get_by_role("alert")).to_be_visible(timeout=15000)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360
