"""What labels mean is said once by an admin; technicians are asked only what the label can't tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import Device, DeviceModel, Event, LabelName, LabelRule
from devices.recipes import device_models, label_rules
from provisioning.hooks import operations as hooks
from provisioning.hooks import planning
from provisioning.models import HookRun, Window
from tests import builders
from tests.devices.api import Program, kind, places
from tests.provisioning.conftest import report_press

if TYPE_CHECKING:
    from tests.conftest import World

pytestmark = pytest.mark.django_db
PROFILE, JOIN_EUI, DEV_EUI = "AABB1122", "1122334455667788", "70B3D57ED0001234"


@pytest.fixture
def special(world: World) -> DeviceModel:
    return DeviceModel.objects.create(organisation=world.kanarra, name="KG-LoRa")


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def tr005(world: World, token: str = "") -> str:
    return f"LW:D0:{JOIN_EUI}:{DEV_EUI}:{PROFILE}:S{world.waiting.serial}" + (f":O{token}" if token else "")


def say(world: World, model: DeviceModel, how: str = "profile", value: str = PROFILE) -> LabelRule:
    return label_rules.add_rule(organisation=world.kanarra, kind=how, value=value, model=model, by=world.owner)


def scan(world: World, text: str) -> tuple[Client, str]:
    """Scan and press; return the technician's browser and the window's address."""
    client = Client()
    client.force_login(world.technician)
    answer = client.post(reverse("provisioning:scan"), {"text": text})
    assert answer.status_code == 302, answer.content
    report_press(world.waiting)
    return client, answer["Location"]


@pytest.mark.parametrize(("how", "value"), [("profile", "aabb1122"), ("join_eui", "11:22:33:44:55:66:77:88")])
def test_the_model_is_not_asked_where_the_label_tells_it(
    world: World, special: DeviceModel, how: str, value: str
) -> None:
    say(world, special, how, value)
    client, address = scan(world, tr005(world))
    page = client.get(address).content.decode()
    assert "<strong>KG-LoRa</strong>, as the label says" in page
    placed = client.post(f"{address}place/", {"name": "Pump", "group": world.anaheim.pk, "model": ""})
    assert placed.status_code == 302
    device = Device.objects.get(pk=world.waiting.pk)
    assert (device.model, device.group) == (special, world.anaheim)


def test_somebody_who_knows_better_chooses_another_model(world: World, special: DeviceModel) -> None:
    say(world, special)
    client, address = scan(world, tr005(world))
    other = DeviceModel.objects.get(organisation=world.kanarra, name="KG-250")
    client.post(f"{address}place/", {"name": "Pump", "group": world.anaheim.pk, "model": other.pk})
    assert Device.objects.get(pk=world.waiting.pk).model == other


def test_the_profile_counts_before_the_app_eui(world: World, special: DeviceModel) -> None:
    other = DeviceModel.objects.get(organisation=world.kanarra, name="KG-250")
    say(world, other, "join_eui", JOIN_EUI)
    rule = say(world, special)
    facts = {"profile": PROFILE, "join_eui": JOIN_EUI}
    assert label_rules.find_model(world.kanarra.pk, facts) == special
    DeviceModel.objects.filter(pk=special.pk).update(retired_at="2026-01-01T00:00:00Z")
    assert label_rules.find_model(world.kanarra.pk, facts) == other
    label_rules.remove_rule(rule=rule, by=world.owner)
    assert label_rules.find_model(world.other.pk, facts) is None


def test_without_a_rule_the_model_is_asked_as_ever(world: World, special: DeviceModel) -> None:
    client, address = scan(world, tr005(world))
    assert "as the label says" not in client.get(address).content.decode()
    refused = client.post(f"{address}place/", {"name": "Pump", "group": world.anaheim.pk, "model": ""})
    assert "Choose the device&#x27;s model." in refused.content.decode()


def test_programs_leave_it_out_too(world: World, special: DeviceModel) -> None:
    say(world, special)
    program = Program(world.technician)
    opened = program.post("windows/", {"text": tr005(world, "claim-me-12345678")}).json()
    assert opened["told_model"] == {"id": special.pk, "name": "KG-LoRa"}
    assert opened["label_facts"] == {
        "serial": world.waiting.serial,
        "dev_eui": DEV_EUI,
        "join_eui": JOIN_EUI,
        "profile": PROFILE,
    }
    assert "claim-me" not in json.dumps(Window.objects.get().label)
    report_press(world.waiting)
    done = program.post(f"windows/{opened['key']}/complete/", {"name": "Pump", "group": world.anaheim.pk})
    assert done.status_code == 200, done.content
    assert Device.objects.get(pk=world.waiting.pk).model == special


def test_back_ends_are_told_what_the_label_said(world: World, special: DeviceModel) -> None:
    url = "https://join.example/"
    hooks.create_hook(organisation=world.kanarra, name="Join server", url=url, by=world.owner)
    say(world, special)
    client, address = scan(world, tr005(world, "claim-me-12345678"))
    client.post(f"{address}place/", {"name": "Pump", "group": world.anaheim.pk, "model": ""})
    planning.plan_all()
    told = HookRun.objects.get().payload["data"]
    assert (told["model"], told["label"]["join_eui"]) == ("KG-LoRa", JOIN_EUI)
    assert "claim-me" not in json.dumps(told)


@pytest.mark.parametrize(
    "form", ['{{"unit": {{"no": "{0}"}}}}', "https://maker.example/p?no={0}", "https://maker.example/p?sn={0}"]
)
def test_labels_of_json_and_of_addresses_lead_to_their_device(world: World, form: str) -> None:
    text = form.format(world.waiting.serial)
    program = Program(world.technician)
    if "no" in form:
        assert kind(program.post("windows/", {"text": text})) == "not-a-label"
        label_rules.add_name(organisation=world.kanarra, name="No.", fact="serial", by=world.owner)
    assert program.post("windows/", {"text": text}).json()["serial"] == world.waiting.serial


def test_an_address_of_another_site_is_still_none_of_ours(world: World) -> None:
    program = Program(world.technician)
    for text in ("https://maker.example/p?sn=UNKNOWN1", "https://maker.example/p?x=1", "https://maker.example/"):
        answer = program.post("windows/", {"text": text})
        assert "the address of another site (maker.example)" in answer.json()["detail"]


@pytest.mark.parametrize("how", ["page", "api"])
def test_the_recipe_is_not_asked_where_the_label_tells_it(
    owner: Client, world: World, special: DeviceModel, how: str
) -> None:
    made = builders.make_recipe(world.kanarra, "LoRa", identity={"kind": "opaque"})
    text = f"LW:D0:{JOIN_EUI}:{DEV_EUI}:{PROFILE}:SLORA0001"
    form = {"serial": text, "recipe": "", "spare": "", "name": "", "group": "", "model": "", "tags": ""}

    def add() -> int:
        program = Program(world.owner)
        answer = owner.post("/devices/new/one/", form) if how == "page" else program.post("devices/", {"serial": text})
        return int(answer.status_code)

    assert add() == (422 if how == "page" else 400)
    assert not Device.objects.filter(serial="LORA0001").exists()
    label_rules.add_rule(
        organisation=world.kanarra, kind="profile", value=PROFILE, model=special, by=world.owner, recipe=made.recipe
    )
    assert add() < 400
    assert Device.objects.get(serial="LORA0001").version == made


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"kind": "profile", "value": ""}, "Write what stands on the label"),
        ({"kind": "join_eui", "value": "1122"}, "16 hex digits"),
        ({"kind": "x", "value": "A"}, "Choose what the label says"),
        ({"kind": "profile", "value": "A", "model": 999_999}, "is not offered"),
    ],
)
def test_what_is_no_rule_is_refused(
    owner: Client, world: World, special: DeviceModel, sent: dict[str, object], words: str
) -> None:
    answer = owner.post("/models/labels/rules/add/", {"model": special.pk, **sent})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not LabelRule.objects.exists()


def test_an_admin_says_it_once_and_takes_it_back(owner: Client, world: World, special: DeviceModel) -> None:
    rule = {"kind": "profile", "value": PROFILE, "model": special.pk}
    name = {"name": "Dev-Id", "fact": "dev_eui"}
    for path, sent in (("rules", rule), ("names", name)):
        assert owner.post(f"/models/labels/{path}/add/", sent).status_code == 302
        assert owner.post(f"/models/labels/{path}/add/", sent).status_code == 409
    page = owner.get("/models/labels/").content.decode()
    assert PROFILE in page
    assert "devid" in page
    told = Event.objects.filter(kind=Event.Kind.MODEL_CHANGED, data__name="KG-LoRa").get()
    assert told.data["act"] == f"labels with Profile {PROFILE} mean it"
    owner.post(f"/models/labels/rules/{LabelRule.objects.get().pk}/remove/")
    owner.post(f"/models/labels/names/{LabelName.objects.get().pk}/remove/")
    assert not LabelRule.objects.exists()
    assert not LabelName.objects.exists()


def test_programs_say_it_too(world: World, special: DeviceModel) -> None:
    program = Program(world.owner, world.kanarra.root)
    made = program.post("label-rules/", {"kind": "profile", "value": " aabb 1122", "model": special.pk})
    assert (made.status_code, made.json()["value"]) == (201, "AABB 1122")
    assert kind(program.post("label-rules/", {"kind": "profile", "value": "AABB 1122", "model": special.pk})) == (
        "label-rule-taken"
    )
    assert places(program.post("label-rules/", {"kind": "join_eui", "value": "1", "model": special.pk})) == ["#/value"]
    alien = DeviceModel.objects.get(organisation=world.other)
    assert places(program.post("label-rules/", {"kind": "profile", "value": "B", "model": alien.pk})) == ["#/model"]
    name = program.post("label-names/", {"name": "Dev-Id", "fact": "dev_eui"})
    assert program.get("label-names/").json()["results"] == [name.json()]
    for path in (f"label-rules/{made.json()['id']}/", f"label-names/{name.json()['id']}/"):
        assert program.get(path).status_code == 200
        assert program.delete(path).status_code == 204
        assert program.get(path).status_code == 404


def test_the_end_of_a_model_tells_which_labels_meant_it(world: World, special: DeviceModel) -> None:
    say(world, special)
    device_models.delete(model=special, by=world.owner)
    assert not LabelRule.objects.exists()
    told = Event.objects.filter(kind=Event.Kind.MODEL_CHANGED).latest("pk").data
    assert told["act"] == f"deleted; labels with Profile {PROFILE} mean nothing any more"


def test_the_scanner_is_told_the_names_of_fields(client: Client, world: World) -> None:
    for name, fact in (("dev-id", "serial"), ("hw", "dev_eui"), ("fam", "profile")):
        label_rules.add_name(organisation=world.kanarra, name=name, fact=fact, by=world.owner)
    client.force_login(world.technician)
    assert 'data-names="devid:serial hw:dev_eui"' in client.get("/register/").content.decode()
