"""The demo's world: a maker of generators with two customers, and another organisation."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models.functions import Now

from config.demo import activity, places, shelf, tank_sensors
from devices.identity import serials
from devices.lifecycle import assignments, locks, registration
from devices.models import Attribute, Device, DeviceModel, Recipe, RecipeVersion
from devices.recipes.command_lines import clean_lines
from tenants.groups import operations as groups
from tenants.models import Group, Membership, Organisation, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LOGO = Path(__file__).parent / "kanarra.png"
PASSWORD = "demo-demo"  # noqa: S105
SPARES = 2

NUMBER, STRING, BOOLEAN = Attribute.Type.NUMBER, Attribute.Type.STRING, Attribute.Type.BOOLEAN
GPS = Attribute.Type.GPS
ATTRIBUTES = (
    ("engineState", "Engine", STRING, ""),
    ("fault", "Fault", STRING, ""),
    ("rpm", "Engine speed", NUMBER, "rpm"),
    ("load", "Load", NUMBER, "kW"),
    ("current", "Current", NUMBER, "A"),
    ("voltage", "Voltage", NUMBER, "V"),
    ("frequency", "Frequency", NUMBER, "Hz"),
    ("manifoldTemperature", "Manifold temperature", NUMBER, "°C"),
    ("coolantTemperature", "Coolant temperature", NUMBER, "°C"),
    ("oilPressure", "Oil pressure", NUMBER, "kPa"),
    ("fuelLevel", "Fuel level", NUMBER, "%"),
    ("runHours", "Run hours", NUMBER, "h"),
    ("registerButton", "Register button", BOOLEAN, ""),
    (places.ATTRIBUTE, "Position", GPS, ""),
)
RANGES = {
    "rpm": (0, 1950),
    "frequency": (0, 63),
    "coolantTemperature": (-20, 105),
    "oilPressure": (None, 700),
    "fuelLevel": (15, 100),
}
FAULTS = {"fault": "low oil pressure, over-temperature, fail to start"}


LOAD = {"type": "number", "title": "Load", "unit": "kW", "minimum": 0, "maximum": 1000}
COMMANDS: tuple[dict[str, Any], ...] = (
    {"name": "start", "label": "Start"},
    {"name": "stop", "label": "Stop"},
    {"name": "setLoad", "label": "Set the load", "schema": {"properties": {"load": LOAD}, "required": ["load"]}},
    {"name": "identify", "label": "Blink", "role": "viewer", "seconds": 60},
)


@dataclass(frozen=True)
class Plan:
    """Describe an organisation to make; its recipe's model is the first of `models`.

    A placed device is (name, hospital, model); an account is (e-mail, group, role).
    """

    name: str
    slug: str
    colour: str
    logo: Path | None
    recipe: str
    models: Sequence[str]
    tree: Mapping[str, Mapping[str, Sequence[str]]]
    accounts: Sequence[tuple[str, str, Role]]
    prefix: str
    placed: Sequence[tuple[str, str, str]]
    waiting: Mapping[str, str] = field(default_factory=dict)  # name -> the hospital where it stands
    time_zone: str = "UTC"
    clock: str = "24"
    locked: str = ""
    expired: str = ""
    personal: Mapping[str, str] = field(default_factory=dict)  # a placed device -> of whom it is

    @property
    def serials(self) -> list[str]:
        return [self.serial(number) for number in range(1, len(self.placed) + len(self.waiting) + 1)]

    @property
    def homes(self) -> dict[str, str]:
        """Return, by serial, where each device stands, wherever it is registered."""
        hospitals = [*(hospital for _, hospital, _ in self.placed), *self.waiting.values()]
        return dict(zip(self.serials, hospitals, strict=True))

    def serial(self, number: int) -> str:
        payload = f"{self.prefix}{number:03}"
        return payload + serials.compute_check_characters(payload)


KANARRA = Plan(
    name="Kanarra",
    slug="kanarra",
    colour="#b3420f",
    logo=LOGO,
    recipe="Generator gateway",
    models=("KG-250", "KG-60", "KG-100", "KG-500", "KG-1000"),
    tree={
        "Sadler-Isberg": {
            "Los Angeles": ("Kaiser Permanente Anaheim", "Harbor Medical Center", "Valley View Hospital"),
            "Ohio Valley": ("Riverside General", "Hilltop Children's Hospital"),
        },
        "Tekton Health": {
            "Pacific Northwest": ("Cascade General", "Puget Sound Medical Center"),
            "Mountain": ("Boise Foothills Hospital",),
        },
    },
    accounts=(
        ("admin@kanarra.example", "Kanarra", Role.ADMIN),
        ("technician@sadler.example", "Sadler-Isberg", Role.TECHNICIAN),
        ("viewer@sadler.example", "Sadler-Isberg", Role.VIEWER),
        ("admin@tekton.example", "Tekton Health", Role.ADMIN),
    ),
    prefix="KANARRA",
    placed=(
        ("KP001", "Kaiser Permanente Anaheim", "KG-500"),
        ("Harbor main", "Harbor Medical Center", "KG-1000"),
        ("Harbor emergency wing", "Harbor Medical Center", "KG-250"),
        ("Valley View roof", "Valley View Hospital", "KG-250"),
        ("Riverside north lot", "Riverside General", "KG-500"),
        ("Cascade main", "Cascade General", "KG-1000"),
        ("Puget Sound east", "Puget Sound Medical Center", "KG-500"),
        ("Boise backup", "Boise Foothills Hospital", "KG-100"),
    ),
    waiting={
        "Waiting A": "Kaiser Permanente Anaheim",
        "Waiting B": "Riverside General",
        "Waiting C": "Cascade General",
        "Waiting D": "Boise Foothills Hospital",
        "Spare 1": "",
        "Spare 2": "",
    },
    time_zone="America/Los_Angeles",
    clock="12",
    locked="Returned, under suspicion",
    expired="Left in the warehouse",
    personal={"Valley View roof": "viewer@sadler.example"},
)
NORTHLIGHT = Plan(
    name="Northlight Pumps",
    slug="northlight",
    colour="#0b6e74",
    logo=None,
    recipe="Pump set gateway",
    models=("NP-40", "NP-90"),
    tree={"Coast": {"North shore": ("Alder pumping station",)}},
    accounts=(("admin@other.example", "Northlight Pumps", Role.ADMIN),),
    prefix="NRTHPMP",
    placed=(("Alder standby set", "Alder pumping station", "NP-90"),),
)
ACCOUNTS = (*KANARRA.accounts, *NORTHLIGHT.accounts)


def load_organisations(*, fleet: int = 0) -> list[Device]:
    """Make what is missing; return the devices in the order of the factory's file: the spares last."""
    for plan in (KANARRA, NORTHLIGHT):
        if not Organisation.objects.filter(slug=plan.slug).exists():
            _make(plan)
    _make_activity(User.objects.get(email=KANARRA.accounts[0][0]))
    _make_fleet(fleet)
    if "DEMO_PASSWORD" in os.environ:
        _set_passwords(read_password())
    order = [*KANARRA.serials[:-SPARES], *NORTHLIGHT.serials, *_fleet_serials(fleet), *list_spares()]
    devices = Device.objects.filter(organisation__slug__in=[KANARRA.slug, NORTHLIGHT.slug])
    by_serial = {device.serial: device for device in devices}
    return [by_serial[serial] for serial in order]


def _make_activity(admin: User) -> None:
    tank_sensors.make_tank_sensors(KANARRA.slug, by=admin)
    versions = RecipeVersion.objects.filter(recipe__organisation__slug=KANARRA.slug, recipe__name=KANARRA.recipe)
    if version := versions.select_related("recipe__organisation__root").order_by("number").first():
        activity.make_activity(version.recipe.organisation, version, by=admin)
        shelf.make_doors(version.recipe.organisation, version.recipe, by=admin)


def list_spares() -> list[str]:
    """Return the serials of the registered devices that nothing simulates: a visitor plays these."""
    return KANARRA.serials[-SPARES:]


def list_homes() -> dict[str, str]:
    """Return, by serial, the hospital where a device of the story stands."""
    return KANARRA.homes | NORTHLIGHT.homes


def read_password() -> str:
    return os.environ.get("DEMO_PASSWORD") or PASSWORD


def find_waiting_serial() -> str:
    """Return the serial of a device that nobody has placed yet, one that is simulated if there is any left."""
    placed = Device.objects.filter(serial__in=KANARRA.serials).exclude(group=None).values_list("serial", flat=True)
    left = [serial for serial in KANARRA.serials if serial not in set(placed)]
    return left[0] if left else KANARRA.serials[-1]


@transaction.atomic
def _make(plan: Plan) -> None:
    logo = plan.logo.read_bytes() if plan.logo else None
    settings: dict[str, object] = {"colour": plan.colour, "logo": logo}
    settings |= {"time_zone": plan.time_zone, "clock": plan.clock, "personal_devices": bool(plan.personal)}
    organisation = groups.create_organisation(name=plan.name, slug=plan.slug, **settings)
    places = {plan.name: organisation.root} | dict(_make_groups(organisation.root, plan.tree))
    models = {name: DeviceModel.objects.create(organisation=organisation, name=name) for name in plan.models}
    version = _make_recipe(plan.recipe, models[plan.models[0]])
    for email, place, role in plan.accounts:
        _make_account(email, organisation, places[place], role)
    admin = User.objects.get(email=plan.accounts[0][0])
    names = [(name, place, model) for name, place, model in plan.placed]
    for serial, (name, place, model) in zip(plan.serials, names, strict=False):
        device = registration.register_device(version=version, by=admin, serial=serial, name=name)
        person = User.objects.filter(email=plan.personal.get(name)).first()
        assignments.assign(device=device, group=places[place], name=name, model=models[model], by=admin, person=person)
    for serial, name in zip(plan.serials[len(plan.placed) :], plan.waiting, strict=True):
        registration.register_device(version=version, by=admin, serial=serial, name=name)
    _make_barred(plan, version, admin)


def _make_barred(plan: Plan, version: RecipeVersion, admin: User) -> None:
    """Make devices that nobody can register now: their technician is told why. The factory's file has neither."""
    number = len(plan.serials) + 1
    if plan.locked:
        device = registration.register_device(version=version, by=admin, serial=plan.serial(number), name=plan.locked)
        locks.lock_devices([device], by=admin)
    if plan.expired:
        device = registration.register_device(
            version=version, by=admin, serial=plan.serial(number + 1), name=plan.expired
        )
        Device.objects.filter(pk=device.pk).update(expires_at=Now())


def _make_groups(root: Group, tree: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, Group]]:
    for customer_name, regions in tree.items():
        customer = groups.create(parent=root, name=customer_name)
        yield customer_name, customer
        for region_name, sites in regions.items():
            region = groups.create(parent=customer, name=region_name)
            yield from ((site, groups.create(parent=region, name=site)) for site in sites)


def _make_recipe(name: str, model: DeviceModel) -> RecipeVersion:
    recipe = Recipe.objects.create(organisation=model.organisation, name=name)
    version = RecipeVersion.objects.create(recipe=recipe, model=model, commands=clean_lines(COMMANDS))
    Attribute.objects.bulk_create(
        _build_attribute(version, position, *declared) for position, declared in enumerate(ATTRIBUTES)
    )
    return version


def _build_attribute(version: RecipeVersion, position: int, name: str, label: str, kind: str, unit: str) -> Attribute:
    low, high = RANGES.get(name, (None, None))
    fields = {"name": name, "label": label, "type": kind, "unit": unit, "minimum": low, "maximum": high}
    return Attribute(version=version, position=position, faults=FAULTS.get(name, ""), **fields)


def _make_account(email: str, organisation: Organisation, group: Group, role: Role) -> None:
    user = User.objects.create_user(email, read_password(), organisation=organisation)
    Membership.objects.create(user=user, group=group, role=role)


def _set_passwords(new: str) -> None:
    for user in User.objects.filter(email__in=[email for email, _, _ in ACCOUNTS]):
        user.set_password(new)
        user.save(update_fields=["password"])


def _fleet_serials(count: int) -> list[str]:
    payloads = (f"GEN{number:07}" for number in range(1, count + 1))
    return [payload + serials.compute_check_characters(payload) for payload in payloads]


@transaction.atomic
def _make_fleet(count: int) -> None:
    """Make simulated gateways for load, dealt out over Kanarra's hospitals."""
    kanarra = Organisation.objects.get(slug=KANARRA.slug)
    version = RecipeVersion.objects.get(recipe__organisation=kanarra, recipe__name=KANARRA.recipe, number=1)
    admin = User.objects.get(email=KANARRA.accounts[0][0])
    leaves = list(Group.objects.registrable_by(admin))
    there = set(Device.objects.filter(organisation=kanarra).values_list("serial", flat=True))
    for number, serial in enumerate(_fleet_serials(count), start=1):
        if serial not in there:
            device = registration.register_device(version=version, by=admin, serial=serial, name=f"Load {number:04}")
            group = leaves[number % len(leaves)]
            assignments.assign(device=device, group=group, name=device.name, model=device.model, by=admin)
