"""What the steps share: the site, its people with a browser each, and chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenants.models import Role, User
from tests import builders
from tests.devices.api import Program
from tests.sequences.naive import ROOT, Machine, Naive, Person

if TYPE_CHECKING:
    from random import Random

    from devices.models import Device


@dataclass
class Opened:
    """A window as its technician holds it."""

    key: str
    person: str
    serial: str
    pressed: bool = False
    expired: bool = False


class Site:
    """Each step is done at the site's doors and in the naive model; what the one refuses, the other has to refuse."""

    def __init__(self, random: Random) -> None:
        self.random, self.number = random, 0
        organisation = builders.make_organisation("Kanarra", personal_devices=True)
        self.site = organisation
        version = builders.make_recipe(organisation, identity={"kind": "opaque"})
        self.model, self.recipe = version.model_id, version.recipe_id
        self.pks = {ROOT: organisation.root_id}
        self.naive = Naive({ROOT: None}, {ROOT: "Kanarra"})
        self.users = {"owner": builders.make_user("owner@kanarra.example", organisation.root, Role.ADMIN)}
        self.naive.people["owner"] = Person({ROOT: Role.ADMIN})
        self.programs = {"owner": Program(self.users["owner"])}
        for number in range(3):
            self._person(f"p{number}")
        self.devices: dict[str, Device] = {}
        for number in range(3):
            device = builders.make_device(version, serial=f"SEQUENCE{number}")
            self.devices[device.serial] = device
            self.naive.machines[device.serial] = Machine(name=device.name)
        self.touched = ""  # the device of the last step that had one
        self.windows: list[Opened] = []
        self.narrow: dict[str, Program] = {}
        self.token_pks: dict[str, int] = {}

    def _person(self, name: str) -> None:
        user = User.objects.create_user(f"{name}@kanarra.example", organisation=self.site)
        self.users[name], self.naive.people[name] = user, Person()
        self.programs[name] = Program(user)

    @property
    def owner(self) -> Program:
        return self.programs["owner"]

    def any(self, among: Any) -> Any:
        """One of them, or None of none."""
        found = sorted(among)
        return self.random.choice(found) if found else None

    def some(self, among: Any, *, everything: bool) -> list[str]:
        """All of them, or one by chance."""
        found = sorted(among)
        return found if everything else self.random.sample(found, min(1, len(found)))

    def machine(self) -> str:
        self.touched = str(self.any(self.devices))
        return self.touched

    def group(self) -> str:
        return str(self.any(self.naive.parent))

    def other(self) -> str:
        """Not the owner."""
        return str(self.any(set(self.users) - {"owner"}))

    @staticmethod
    def agreed(answer: Any, allowed: bool) -> bool:
        assert answer.status_code < 500, answer.content
        assert (answer.status_code < 300) == allowed, (answer.status_code, answer.content, allowed)
        return allowed
