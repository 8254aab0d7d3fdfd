"""What the rows of a file would change of devices that are there; or why a row changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef

from devices import tags
from devices.identity import label_text, serials
from devices.imports import lost_zeros, placeholders, spreadsheets
from devices.imports.cells import ANY, quote_cell
from devices.imports.certificates import Cause
from devices.imports.columns import FIELDS, TAG, normalise_heading
from devices.imports.first_seen import FirstSeen
from devices.imports.gateway_changes import GatewayChanges
from devices.imports.groups import GroupNames
from devices.imports.lost_zeros import LostZeros
from devices.imports.people import People
from devices.imports.row_parser import RowError, Rules, list_models, read_tags
from devices.lifecycle import assignments, endings
from devices.models import Change, Device, DeviceModel, Import
from lib import names
from lib.csv_export import neutralise, read_neutral
from tenants.models import User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from devices.imports.row_source import Batch
    from devices.models import DeviceQuerySet

    Clean = Callable[[str], str]

UNKNOWN = "No device of yours has this serial."
TO_ADD = "To add it, import the file as new devices."
MISSING = "The serial is missing: it says which device is meant."
DEVICE_ID = normalise_heading("Device ID")  # as exports and reports have it
RETIRED = "This device is retired: bring it back first."
_CLEAN: dict[str, Clean] = {"name": names.clean_name, "description": names.clean_several_lines}


class Wish(NamedTuple):
    """Hold what a row says of a device; `cells` are the filled ones, by what they fill."""

    row: int
    serial: str
    key: str
    cells: dict[str, str]
    itself: str  # the cell as it stands, folded, which counts before what it may be read as
    cause: str  # why it can be nothing but itself
    device_id: str  # as a column says that nobody matched


class ChangeFinder:
    """Compare the rows of one import with the devices that whoever asked for it manages."""

    def __init__(self, importing: Import) -> None:
        self._importing = importing
        self._rules = Rules(importing)
        organisation = importing.version.recipe.organisation
        self._groups = GroupNames(organisation.root.path)
        models = DeviceModel.objects.filter(organisation=organisation.pk).values_list("name", "pk", "retired_at")
        self._models = {name.casefold(): (pk, name, retired_at is None) for name, pk, retired_at in models}
        self._serials = FirstSeen(importing.total)
        self._managed = Device.objects.manageable_by(importing.by) if importing.by else Device.objects.none()
        self._managed = self._managed.filter(organisation=organisation)
        self._zeros = LostZeros(self._managed)
        self._device_id_at = _find_device_ids(importing)
        self._people = People(importing) if "person" in self._rules.at else None
        self._gateways = GatewayChanges(importing, self._rules) if "gateways" in self._rules.at else None

    def find(self, batch: Batch) -> tuple[list[Change], list[RowError]]:
        """Return what changes, and what is wrong."""
        wishes: list[Wish] = []
        wrong: list[RowError] = []
        is_plain = batch.is_plain
        for row, _, cells in batch:
            found, causes = self._rules.prepare(row, cells, is_plain=is_plain)
            if causes:
                wrong += causes
            else:
                wishes.append(self._read_wish(row, found))
        devices = self._find_devices({key for wish in wishes for key in (wish.itself, wish.key)})
        if self._gateways:
            self._gateways.load([wish.cells.get("gateways", "") for wish in wishes], devices.values())
        changes = []
        unknown = [wish for wish in wishes if wish.itself not in devices and wish.key not in devices]
        wrong += self._explain_unknown(unknown)
        for wish in wishes:
            if (device := devices.get(wish.itself) or devices.get(wish.key)) is None:
                continue
            if (first := self._serials.find_first(device.serial_key, wish.row)) != wish.row:
                cause = f"The same serial as in row {first}; look-alikes such as O and 0 count as one."
                wrong.append(self._rules.make_error(wish.row, "serial", f"{quote_cell(wish.serial)}{cause}"))
            elif isinstance(change := self._compare(wish, device), Change):
                changes.append(change)
            else:
                wrong += change
        return changes, wrong

    def _read_wish(self, row: int, cells: Sequence[str]) -> Wish:
        said = {field: text for field, at in self._rules.at.items() if (text := cells[at].strip())}
        text = spreadsheets.read_serial(said.pop("serial", ""))
        device_id = "" if self._device_id_at is None else cells[self._device_id_at].strip()
        if not text:
            return Wish(row, "", "", said, "", MISSING, device_id)
        itself, cause = serials.fold(text) if serials.is_plausible(text) else "", ""
        try:
            text = label_text.read_serial(text, ANY, origins=settings.SITE_URLS)
        except ValueError as error:
            cause = str(error)
        key = itself if cause else serials.fold(text)
        return Wish(row, text, key, said, itself or key, cause, device_id)

    def _explain_unknown(self, wishes: Sequence[Wish]) -> list[RowError]:
        """Return why these name no device, and which one they may mean; two queries for all of them."""
        ids = {wish.device_id for wish in wishes if wish.device_id}
        by_id = dict(self._managed.filter(device_id__in=ids).values_list("device_id", "serial")) if ids else {}
        zeros = self._zeros.find(wish.key for wish in wishes)
        wrong = []
        for wish in wishes:
            cause = spreadsheets.explain_damage(wish.serial) or wish.cause
            asked = lost_zeros.ask(zeros.get(wish.key, ()))
            if wish.device_id in by_id:
                cause = f"{cause or UNKNOWN} By its Device ID, is it {by_id[wish.device_id]}? Correct the cell."
            cause = cause or f"{UNKNOWN} {asked or TO_ADD}"
            wrong.append(self._rules.make_error(wish.row, "serial", f"{quote_cell(wish.serial)}{cause}"))
        return wrong

    def _find_devices(self, keys: set[str]) -> dict[str, Device]:
        """Return the device that each key names; an address of a device may be written otherwise."""
        others = serials.list_writings(keys)
        related = self._managed.select_related("group", "model", "version", "person")
        found = {device.serial_key: device for device in related.filter(serial_key__in=keys.union(*others.values()))}
        return {key: found[each] for key, written in others.items() for each in written if each in found} | found

    def _compare(self, wish: Wish, device: Device) -> Change | list[RowError]:
        """Return the change, or what is wrong: nothing, where the device is as the row says."""
        if device.retired_at:
            return [self._rules.make_error(wish.row, "serial", f"{quote_cell(wish.serial)}{RETIRED}")]
        after, wrong = self._read_values(wish, device)
        if wrong:
            return wrong
        if not _moves(device, after):
            after.pop("group", None)
            after.pop("person", None)
        else:
            after = {"group": device.group_id, "person": None} | after
            if device.assignment_id:
                # What a group wrote stays with the group, but for what an empty cell leaves as it is.
                after = assignments.build_registered_facts(device) | self._find_kept(wish, device) | after
        if self._gateways and (cause := self._gateways.find_problem(device, after)):
            return [self._rules.make_error(wish.row, "gateways", cause)]
        before = {field: self._read_stored(device, field) for field in after}
        if "group" not in after:
            after = {field: value for field, value in after.items() if value != before[field]}
            before = {field: before[field] for field in after}
        return (
            Change(importing=self._importing, row=wish.row, device=device, before=before, after=after) if after else []
        )

    def _find_kept(self, wish: Wish, device: Device) -> dict[str, Any]:
        """Return the texts for which the file has a column, but this row nothing in it."""
        return {
            field: getattr(device, field) for field in _CLEAN if field in self._rules.at and field not in wish.cells
        }

    def _read_values(self, wish: Wish, device: Device) -> tuple[dict[str, Any], list[RowError]]:
        after: dict[str, Any] = {}
        wrong: list[RowError] = []
        readers: dict[str, Callable[[str], Any]] = {
            "name": lambda text: _read_text("name", text, device.name),
            "description": lambda text: _read_text("description", text, device.description),
            "model": lambda text: self._read_model(text, device),
            "group": lambda text: self._read_group(text, device),
            "person": lambda text: self._read_person(text, device, after.get("group", device.group_id)),
            "gateways": lambda text: self._gateways.read(text) if self._gateways else [],
        }
        for field, read in readers.items():
            if field in wish.cells:
                try:
                    after[field] = read(wish.cells[field])
                except (Cause, ValidationError) as error:
                    cause = error.messages[0] if isinstance(error, ValidationError) else str(error)
                    quoted = "" if cause.startswith("“") else quote_cell(wish.cells[field])
                    wrong.append(self._rules.make_error(wish.row, field, f"{quoted}{cause}"))
        moves = bool(device.assignment_id and _moves(device, after))
        if not wrong and (self._rules.tags_at or "tags" in (self._rules.at if moves else wish.cells)):
            self._read_tags(wish, device, after, wrong, moves=moves)
        return after, wrong

    def _read_tags(
        self, wish: Wish, device: Device, after: dict[str, Any], wrong: list[RowError], *, moves: bool
    ) -> None:
        """Set the tags: a cell of tags is all of them, one of a tag's own column that one; an empty one leaves them."""
        stored: dict[str, Any] = device.tags
        if moves and "tags" not in self._rules.at:
            own = {name: device.tags[name] for name, _ in self._rules.tags_at if name in device.tags}
            stored = device.version.default_tags | own
        try:
            for field in ("tags", *(f"{TAG}{name}" for name, _ in self._rules.tags_at)):
                if cause := spreadsheets.explain_formula(text := wish.cells.get(field, "")):
                    wrong.append(self._rules.make_error(wish.row, field, f"{quote_cell(text)}{cause}"))
            if wrong:
                return
            said = dict(read_tags(wish.cells["tags"])) if "tags" in wish.cells else dict(stored)
            own = {name: wish.cells.get(f"{TAG}{name}", "") for name, _ in self._rules.tags_at}
            said |= {name: read_neutral(text) for name, text in own.items() if text}
            after["tags"] = tags.check(said, {**device.tags, **stored})
        except Cause as cause:
            wrong.append(self._rules.make_error(wish.row, "tags", str(cause)))
        except ValidationError as error:
            wrong.append(self._rules.make_error(wish.row, "tags", error.messages[0]))

    def _read_model(self, text: str, device: Device) -> int:
        found = self._models.get(read_neutral(text).casefold())
        if found and (found[2] or found[0] == device.model_id):
            return found[0]
        offered = list_models(name for _, name, is_offered in self._models.values() if is_offered)
        raise Cause(f"No such model. Supported are: {offered}.")

    def _read_group(self, text: str, device: Device) -> int:
        text = read_neutral(text)
        found = self._groups.find(text)
        if isinstance(found, int):
            return found
        if device.group_id and self._groups.calls(text, device.group_id):
            return device.group_id  # it is there, though nothing else could come into it
        raise Cause(found)

    def _read_person(self, text: str, device: Device, group: int | None) -> int:
        email = read_neutral(text)
        if device.person and group == device.group_id and email.lower() == device.person.email:
            return device.person.pk  # whose it is stays so, whatever is allowed by now
        assert self._people is not None
        return self._people.read(email, group)

    def _read_stored(self, device: Device, field: str) -> Any:
        if field == "gateways":
            return self._gateways.list_stored(device) if self._gateways else []
        return device.serializable_value(field)


def _find_device_ids(importing: Import) -> int | None:
    """Return the place of the column that has device IDs, if one is headed so."""
    headings = [normalise_heading(name) for name in importing.header]
    return headings.index(DEVICE_ID) if DEVICE_ID in headings else None


def _moves(device: Device, after: Mapping[str, Any]) -> bool:
    """Decide whether it would come into another group, or within its own to a person or from one."""
    if after.get("group", device.group_id) != device.group_id:
        return True
    return bool(after.get("person", device.person_id) != device.person_id)


def _read_text(field: str, text: str, stored: str) -> str:
    """Return what a cell says; what is stored where that is how an export writes it."""
    if text == neutralise(stored).strip() or names.is_same(text, stored):
        return stored
    if cause := spreadsheets.explain_formula(text):
        raise Cause(cause)
    if text in placeholders.DITTO or text in placeholders.NOTHING:
        raise Cause(placeholders.DITTO_TOLD if text in placeholders.DITTO else placeholders.KEPT_TOLD)
    plain = read_neutral(text)
    return stored if names.is_same(plain, stored) else _CLEAN[field](plain)


class Described(NamedTuple):
    """Hold a change as people write it: of each field its name, what it was and what it becomes; and, where the device
    leaves a group, the names of those fields that it takes along as they are, and what is in them; and what would end
    for good."""

    change: Change
    lines: list[tuple[str, str, str]]
    stays: list[tuple[str, str]]
    ends: list[str]


def find_leaving(importing: Import) -> DeviceQuerySet:
    """Return the devices that would come into another group, or to another person: none once that was begun."""
    if importing.state != Import.State.CHECKED:
        return Device.objects.none()
    return Device.objects.filter(Exists(importing.changes.filter(device=OuterRef("pk"), after__has_key="group")))


def describe_changes(changes: Sequence[Change], importing: Import) -> Iterator[Described]:
    """Yield each change of the import as people write it."""
    named = {pk for change in changes for said in (change.before, change.after) if (pk := said.get("model"))}
    models = dict(DeviceModel.objects.filter(pk__in=named).values_list("pk", "name"))
    said = [each for change in changes for each in (change.before, change.after)]
    people = dict(User.objects.filter(pk__in={each.get("person") for each in said}).values_list("pk", "email"))
    gateways = {pk for each in said for pk in each.get("gateways") or ()}
    serials = dict(Device.objects.filter(pk__among=gateways).values_list("pk", "serial")) if gateways else {}
    leaving = [change.device_id for change in changes if "group" in change.after]
    groups = GroupNames(importing.organisation.root.path) if leaving else None
    ends = endings.list_endings(find_leaving(importing).filter(pk__among=leaving)) if leaving else {}

    def write(field: str, value: Any) -> str:
        if field == "tags":
            return tags.write_cell(value)
        if field == "model":
            return models.get(value, "")
        if field == "person":
            return people.get(value, "")
        if field == "gateways":
            return ", ".join(sorted(serials.get(pk, "") for pk in value or ()))
        return (groups.describe(value) if groups else "") if field == "group" else str(value)

    for change in changes:
        fields = [field for field in FIELDS if field in change.after]
        old = {field: write(field, change.before.get(field)) for field in fields}
        new = {field: write(field, change.after[field]) for field in fields}
        lines = [(FIELDS[field], old[field], new[field]) for field in fields if old[field] != new[field]]
        same = [(FIELDS[field], new[field]) for field in fields if old[field] == new[field] != ""]
        stays = same if change.before.get("group") else []
        yield Described(change, lines, stays, ends.get(change.device_id, []))
