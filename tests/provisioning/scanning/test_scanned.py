"""What opens which device: the same text typed, scanned, or as the address on its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from devices.identity import serials
from devices.identity.formats import OWN
from devices.models import Device
from devices.recipes import label_rules
from provisioning.models import Window
from tenants.models import Organisation
from tests import builders
from tests.provisioning.scanning.label_cases import GATEWAY, IMEI, MAC, METER, NAMES, NONE, OTHER_MAC, TWO

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

OPAQUE = {"kind": "opaque"}
SERIAL = GATEWAY
GTIN = "09506000134352"


@pytest.fixture
def technician(client: Client, world: World) -> Client:
    client.force_login(world.technician)
    return client


def add(world: World, *serials_wanted: str) -> None:
    version = builders.make_recipe(world.kanarra, "Anything", identity=OPAQUE)
    for at, serial in enumerate(serials_wanted):
        device = builders.make_device(version, serial=f"MADE-BEFORE-{at}", name=serial)
        Device.objects.filter(pk=device.pk).update(serial=serial, serial_key=serials.fold(serial))


def scan(client: Client, text: str) -> tuple[int, str]:
    """Status, and the serial of the device that was opened or the page."""
    answer = client.post(reverse("provisioning:scan"), {"text": text, "via": "typed"})
    if answer.status_code == 302:
        return 302, Window.objects.latest("pk").device.serial
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        (f"\ufeff{SERIAL}", SERIAL),
        (f"]Q1{SERIAL}", SERIAL),
        (f"{SERIAL}\r\n", SERIAL),
        (f"{SERIAL}\0", SERIAL),
        (f"https://testserver/d/{SERIAL}", SERIAL),
        (f"testserver/d/{SERIAL}/", SERIAL),
        (f"01{GTIN}21{SERIAL}", SERIAL),
        (f"(01){GTIN}(21){SERIAL}", SERIAL),
        (f"S/N: {SERIAL}", SERIAL),
        (f"SN:{SERIAL}", SERIAL),
        (f"SN:{SERIAL}\nMAC:001B44113AB8\nPN:KG-250", SERIAL),
        (f"sn={SERIAL}&mac=001B44113AB8", SERIAL),
        (f"mac=001B44113AB8&sn={SERIAL}&pn=KG-250", SERIAL),
        (f"https://maker.example/p?sn={SERIAL}&mac=001B44113AB8", SERIAL),
        ("001B44113AB7", "00:1B:44:11:3A:B7"),
        ("001b.4411.3ab7", "00:1B:44:11:3A:B7"),
        ("00:1B:44:11:3A:B8", "001B44113AB8"),
        ("70:B3:D5:7E:D0:00:12:34", "70B3D57ED0001234"),
        ("AABBCCDDEE03", "AABB:CCDD:EE03"),
        ("AA:BB:CC:DD:EE:03", "AABB:CCDD:EE03"),
        ("aabb.ccdd.ee04", "AA.BB.CC.DD.EE.04"),
        ("DevEUI: 70B3D57ED0001234\nJoinEUI: 70B3D57ED0009999", "70B3D57ED0001234"),
        ("A1", "A1"),
        ("42", "42"),
        ("TEL:00042", "TEL:00042"),
        ("MT:2024001", "MT:2024001"),
        ("GEO:17", "GEO:17"),
        ("LW:0001", "LW:0001"),
    ],
)
def test_the_device_that_a_text_means(technician: Client, world: World, text: str, serial: str) -> None:
    add(world, SERIAL, "00:1B:44:11:3A:B7", "001B44113AB8", "70B3D57ED0001234", "70B3D57ED0009999")
    add_more(world, "AABB:CCDD:EE03", "AA.BB.CC.DD.EE.04")
    add_more(world, "A1", "42", "TEL:00042", "MT:2024001", "GEO:17", "LW:0001")
    assert scan(technician, text) == (302, serial)


def add_more(world: World, *serials: str) -> None:
    version = Device.objects.get(serial=SERIAL).version
    for serial in serials:
        builders.make_device(version, serial=serial, name=serial)


def test_the_text_itself_before_what_it_may_be_read_as(technician: Client, world: World) -> None:
    """Though a label's whole text is read where devices are registered: some were before that."""
    add(world, SERIAL, "001B44113AB7", "00:1B:44:11:3A:B7", "A1", "A2")
    for serial, former in {"A1": f"SN:{SERIAL}", "A2": f"01{GTIN}21{SERIAL}"}.items():
        Device.objects.filter(serial=serial).update(serial=former, serial_key=serials.fold(former))
    for text in (f"SN:{SERIAL}", "001B44113AB7", "00:1B:44:11:3A:B7", f"01{GTIN}21{SERIAL}"):
        assert scan(technician, text) == (302, text)


@pytest.mark.parametrize(
    "text",
    ["001B.44:113AB7", '{"serial": "KANARRA01339", "sn": "A1"}', "KANARRA01339\nA1", "SN: A1; SN: KANARRA01339"],
)
def test_a_label_that_names_two_devices_opens_none(technician: Client, world: World, text: str) -> None:
    add(world, SERIAL, "A1", "001B44113AB7", "00:1B:44:11:3A:B7")
    status, page = scan(technician, text)
    assert status == 409
    assert "names two devices" in page
    assert not Window.objects.exists()


LINES = f"{METER}\n{GATEWAY}"
OF_ANOTHER = [
    text
    for text, named in NAMES.items()
    if named in (METER, TWO, NONE) and "labels.example" not in text and text != LINES
]


@pytest.mark.parametrize("text", OF_ANOTHER)
def test_no_label_opens_a_device_that_it_is_not_the_label_of(technician: Client, world: World, text: str) -> None:
    """The device that it is of is unknown here; what is known is a gateway's, a part's, or its rival."""
    add(world, GATEWAY)
    add_more(world, "42", OTHER_MAC) if MAC in text else add_more(world, "42")
    if "WiFi MAC" in text or "MAC1" in text:
        Device.objects.filter(serial=OTHER_MAC).delete()
    if "modem" in text or "gateway" in text or "GW MAC" in text:
        add_more(world, MAC, IMEI)
    status, page = scan(technician, text)
    assert status in (404, 409, 422)
    assert not Window.objects.exists()
    if NAMES[text] == TWO:
        assert (status, "names two devices" in page) == (409, True)


@pytest.mark.parametrize(
    "text", [text for text, named in NAMES.items() if named == METER and "labels.example" not in text]
)
def test_a_label_opens_its_own_device_beside_others(technician: Client, world: World, text: str) -> None:
    add(world, GATEWAY)
    add_more(world, METER, MAC, OTHER_MAC, IMEI, "42")
    assert scan(technician, text) == (302, METER)


def test_lines_without_names_are_rivals_where_a_format_knows_them(technician: Client, world: World) -> None:
    """Elsewhere the one that is known is opened: the other may be a model's, or the device's own address."""
    add(world, GATEWAY)
    for text in (LINES, f"KG-1000X\n{GATEWAY}\n{OTHER_MAC}\n{IMEI}"):
        assert scan(technician, text) == (302, GATEWAY)
        Window.objects.all().delete()
    builders.make_recipe(world.kanarra, "Meters", identity={"kind": "opaque", "prefix": "METER", "length": 7})
    builders.make_recipe(world.kanarra, "Routers", identity={"kind": "mac48"})
    status, page = scan(technician, LINES)
    assert (status, "names two devices" in page) == (409, True)
    assert scan(technician, f"{GATEWAY}\n{OTHER_MAC}") == (302, GATEWAY)


def test_an_id_counts_where_a_format_knows_it(technician: Client, world: World) -> None:
    add(world, SERIAL, "42")
    Organisation.objects.filter(pk=world.kanarra.pk).update(identity=OPAQUE)
    for text in ('{"id": "KANARRA01339"}', '{"deviceId": "kanarra01339"}'):
        assert scan(technician, text)[0] == 422
    builders.make_recipe(world.kanarra, "Fixed", identity={"kind": "opaque", "prefix": "KANARRA", "length": 5})
    assert scan(technician, '{"id": "KANARRA01339"}') == (302, SERIAL)
    assert scan(technician, '{"id": 42, "type": "manual"}')[0] == 422
    assert scan(technician, '{"sn": "UNKNOWN1", "id": "KANARRA01339"}')[0] == 404


@pytest.mark.parametrize("text", ["https://maker.example/?id=KANARRA01339", '{"id": "KANARRA01339"}'])
def test_an_id_counts_where_the_organisation_says_so(technician: Client, world: World, text: str) -> None:
    add(world, SERIAL)
    Organisation.objects.filter(pk=world.kanarra.pk).update(identity=OPAQUE)
    assert scan(technician, text)[0] == 422
    label_rules.add_name(organisation=world.kanarra, name="id", fact="serial", by=world.owner)
    assert scan(technician, text) == (302, SERIAL)


def test_two_devices_are_not_told_to_whom_one_is_hidden(technician: Client, world: World) -> None:
    """Beside one that they see, another organisation's is refused as one that nobody has."""
    add(world, SERIAL)
    for other in (world.foreign.serial, OWN.generate(b"nobody's" * 4)):
        status, page = scan(technician, f"{SERIAL}\n{other}")
        told = page.count(other)
        assert (status, "names two devices" in page, told > 0) == (409, True, True)


def test_a_serial_that_nobody_has_is_named_for_what_it_looks_like(technician: Client) -> None:
    for text, named in (("TEL:00042", "a telephone number"), ("MT:Y.K9042C00KA0648G00", "a Matter pairing code")):
        status, page = scan(technician, text)
        assert (status, named in page) == (422, True)


def test_the_check_characters_are_spoken_of_only_where_serials_have_them(technician: Client, world: World) -> None:
    assert "check characters" in scan(technician, "TMRY5AVJ28N6")[1]
    Organisation.objects.filter(pk=world.kanarra.pk).update(identity=OPAQUE)
    assert "check characters" not in scan(technician, "TMRY5AVJ28N6")[1]
    builders.make_recipe(world.kanarra, "Own serials", identity={"kind": "own"})
    assert "check characters" in scan(technician, "TMRY5AVJ28N6")[1]


@pytest.mark.parametrize("start", ["/d/", "/D/"])
@pytest.mark.parametrize("end", ["", "/"])
def test_the_labels_address_with_and_without_a_slash(technician: Client, world: World, start: str, end: str) -> None:
    add(world, SERIAL, "00:1B:44:11:3A:B7")
    opened = f"{reverse('provisioning:register')}?serial="
    for text in (SERIAL, SERIAL.lower(), f"{SERIAL}%00", f"SN%3A{SERIAL}"):
        assert technician.get(f"{start}{text}{end}").headers["Location"] == f"{opened}{SERIAL}"
    assert technician.get(f"{start}001B44113AB7{end}").headers["Location"] == f"{opened}00%3A1B%3A44%3A11%3A3A%3AB7"
    assert technician.get(f"{start}NOSUCHDEVICE{end}").status_code == 404
