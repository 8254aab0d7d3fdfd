"""Steps that hand devices over, and what was made for them."""

from __future__ import annotations

import csv

from django.db.models import F

from provisioning.models import Window
from tenants.models import Role
from tests.devices.api import body
from tests.provisioning.conftest import report_press
from tests.sequences.base import Opened, Site
from tests.sequences.naive import File, Told
from tests.telemetry.reports import now, save, timed


class Devices(Site):
    def assign(self) -> None:
        serial, key, name = self.machine(), self.group(), f"Machine {self.number:03}"
        person = self.other() if self.random.random() < 0.5 else None
        whose = {"person": self.users[person].email} if person else {}
        answer = self.owner.post(f"devices/{serial}/assign/", {"group": self.pks[key], "name": name, **whose})
        fits = person is None or (self.naive.people[person].active and self.naive.has_role(person, key))
        if self.agreed(answer, fits and self.naive.takes_devices(key) and not self.naive.machines[serial].retired):
            self.naive.hand_over(serial, key, name, person)

    def release(self) -> None:
        serial = self.machine()
        placed = self.naive.machines[serial].group is not None and not self.naive.machines[serial].retired
        if self.agreed(self.owner.post(f"devices/{serial}/release/"), placed):
            self.naive.hand_over(serial, None, serial)

    def report(self) -> None:
        serial, mark = self.machine(), f"mark-{self.number:03}"
        self.devices[serial].refresh_from_db()
        save(timed(self.devices[serial], now(), engineState=mark))
        self.naive.machines[serial].shown.append(mark)

    def issue(self) -> None:
        serial = self.machine()
        answer = self.owner.post(f"devices/{serial}/credentials/")
        if self.agreed(answer, not self.naive.machines[serial].retired):
            self.naive.issue(serial)

    def retire(self) -> None:
        serial = self.machine()
        assert self.owner.post(f"devices/{serial}/retire/").status_code == 200
        if not self.naive.machines[serial].retired:
            self.naive.machines[serial].retired = True
            self.naive.note_end("retired", serial)
            self.naive.revoke(serial, within=False)

    def bring_back(self) -> None:
        """Mostly one that is retired, so that the others go on."""
        retired = {serial for serial, machine in self.naive.machines.items() if machine.retired}
        serial = self.touched = str(self.any(retired or self.devices))
        machine = self.naive.machines[serial]
        fits = not machine.retired or machine.group is None or self.naive.takes_devices(machine.group)
        if self.agreed(self.owner.post(f"devices/{serial}/restore/"), fits):
            if machine.retired:
                self.naive.note_end("brought-back", serial)
            machine.retired = False

    def remove(self) -> None:
        """One that was just made by mistake."""
        serial = f"MISTAKE{self.number}"
        assert self.owner.post("devices/", {"recipe": self.recipe, "serial": serial}).status_code == 201
        assert self.owner.delete(f"devices/{serial}/").status_code == 204
        self.naive.ended.append(Told("device-removed", serial, None))

    def reissue(self) -> None:
        """For all that somebody manages, to be taken later."""
        name, naive = self.any(self.users), self.naive
        serials = naive.listed(naive.grants(name), Role.ADMIN)
        if not serials or not naive.people[name].signed_in:
            return
        asked = {"kind": "reissue", "params": {"old": "now"}, "serials": sorted(serials)}
        answer = self.programs[name].post("actions/", asked)
        assert (answer.status_code, answer.json()["changed"]) == (201, len(serials)), answer.content
        for serial in serials:
            naive.revoke(serial, within=False)
        made = {serial: naive.issue(serial) for serial in serials}
        naive.files.append(File(name, answer["Location"].removeprefix("/api/v1/"), made))

    def take(self) -> None:
        waiting = [file for file in self.naive.files if self.naive.people[file.person].signed_in]
        if not waiting:
            return
        file = self.random.choice(waiting)
        may = bool(self.naive.reached(self.naive.grants(file.person), Role.ADMIN))
        answer = self.programs[file.person].post(f"{file.address}result/")
        if not may or file.taken:
            assert answer.status_code in {404, 410}, answer.content
            return
        left = self.naive.take(file)
        assert answer.status_code == (200 if left else 410), answer.content
        rows = csv.DictReader(body(answer).splitlines()) if left else ()
        assert {row["serial"] for row in rows if row["access_secret"]} == left

    def open_window(self) -> None:
        name, serial = self.other(), self.machine()
        person = self.naive.people[name]
        if not person.signed_in or not person.active:
            return
        allowed = bool(self.naive.reached(self.naive.grants(name), Role.TECHNICIAN))
        free = self.naive.machines[serial].group is None and not self.naive.machines[serial].retired
        busy = any(each.serial == serial and each.person != name and not each.expired for each in self.windows)
        answer = self.programs[name].post("windows/", {"text": serial})
        if self.agreed(answer, allowed and free and not busy):
            self.windows = [each for each in self.windows if each.serial != serial]
            self.windows.append(Opened(answer.json()["key"], name, serial))

    def press(self) -> None:
        if self.windows:
            opened = self.random.choice(self.windows)
            self.devices[opened.serial].refresh_from_db()
            report_press(self.devices[opened.serial])
            opened.pressed = not opened.expired

    def expire(self) -> None:
        if self.windows:
            opened = self.random.choice(self.windows)
            Window.objects.filter(key=opened.key).update(deadline=F("opened_at"))
            opened.expired = True

    def place(self) -> None:
        if not self.windows:
            return
        opened = self.random.choice(self.windows)
        person, naive = self.naive.people[opened.person], self.naive
        if not person.signed_in or not person.active:
            return
        key = self.group()
        allowed = key in naive.reached(naive.grants(opened.person), Role.TECHNICIAN) and naive.takes_devices(key)
        machine = naive.machines[opened.serial]
        ready = opened.pressed and not opened.expired and machine.group is None and not machine.retired
        name = f"Placed {self.number:03}"
        given = {"name": name, "group": self.pks[key], "model": self.model}
        answer = self.programs[opened.person].post(f"windows/{opened.key}/complete/", given)
        if self.agreed(answer, allowed and ready):
            self.windows.remove(opened)
            naive.hand_over(opened.serial, key, name)
