"""Recipes: what new devices are made from. A change makes a new version; devices already made keep theirs."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce, Now

from devices import events, tags
from devices.models import Attribute, Device, DeviceModel, Event, Recipe, RecipeVersion
from devices.models.recipe import ATTRIBUTE_NAME, ATTRIBUTE_NAME_CAUSE, RESERVED_NAMES, is_number
from devices.recipes.command_lines import clean_lines
from devices.refusals import RECIPE_CHANGED, RECIPE_OUTDATED, RECIPE_RETIRED
from lib import names
from lib.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devices.models import RecipeQuerySet
    from tenants.models import Organisation, User

MAX_ATTRIBUTES = 200
NOT_ACCEPTED = "No device can connect with these credentials yet. Choose access key and secret."
LABEL_LENGTH, UNIT_LENGTH, FAULTS_LENGTH = 120, 16, 120
MOST_DECIMALS = 9


@dataclass(frozen=True)
class Line:
    """Describe an attribute of a recipe; its place is that in the list."""

    name: str
    label: str
    type: str = Attribute.Type.NUMBER
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    reads_text: bool = False
    faults: str = ""  # values that are a fault, with commas between them


def find_available_recipes(user: User) -> RecipeQuerySet:
    """Return the recipes from which the user may add devices."""
    return Recipe.objects.manageable_by(user).available()


# The kinds with which a device may connect so far: a door adds its own.
ACCEPTED = frozenset({RecipeVersion.CredentialKind.ACCESS_KEY, RecipeVersion.CredentialKind.ACTIVATION})


@dataclass(frozen=True)
class Contents:
    """Hold what a version of a recipe says. `identity` is a format's JSON (devices.identity.formats), or empty."""

    model: DeviceModel | None = None
    credential_kind: str = RecipeVersion.CredentialKind.ACCESS_KEY
    expires: bool = False
    presence: str = ""  # of tenants.models.Presence; empty: as the organisation says
    default_tags: dict[str, str] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)  # devices.recipes.command_lines
    identity: dict[str, Any] = field(default_factory=dict)
    attributes: tuple[Line, ...] = ()

    @classmethod
    def of(cls, version: RecipeVersion) -> Contents:
        kept = {part.name: getattr(version, part.name) for part in fields(cls) if part.name != "attributes"}
        names = [part.name for part in fields(Line)]
        lines = version.attributes.order_by("position", "name").values_list(*names)
        return cls(**kept, attributes=tuple(Line(*line) for line in lines))

    def differs_in(self, other: Contents) -> list[str]:
        """Return the names of the parts that are not the same."""
        return [part.name for part in fields(self) if getattr(self, part.name) != getattr(other, part.name)]


def create(*, organisation: Organisation, name: str, contents: Contents, by: User | None) -> Recipe:
    """Create a recipe with its first version. Raises ValidationError if the name is taken, or what it says does not go
    together."""
    contents = _check_contents(organisation, contents)
    with transaction.atomic():
        recipe = _save_name(Recipe(organisation=organisation), name)
        _write_version(recipe, 1, contents, by)
        _record(recipe, by, version=1)
    return recipe


def change(*, recipe: Recipe, name: str, contents: Contents, based_on: int, by: User | None) -> RecipeVersion | None:
    """Make and return the new version, from which devices are made from now on; None if it would say what the last one
    says.

    `based_on` is the number of the version that the change started from. Raises Refusal if it is no longer the last
    one, ValidationError like `create`.
    """
    with transaction.atomic():
        recipe = (
            Recipe.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation").get(pk=recipe.pk)
        )
        last = recipe.current
        if last.number != based_on:
            raise Refusal(RECIPE_CHANGED)
        contents = _check_contents(recipe.organisation, contents, Contents.of(last))
        before = recipe.name
        if before != name:
            _save_name(recipe, name)
        changed = contents.differs_in(Contents.of(last))
        version = _write_version(recipe, last.number + 1, contents, by) if changed else None
        renamed = {"from": before} if before != name else {}
        if changed or renamed:
            _record(recipe, by, version=last.number + bool(changed), changed=changed, **renamed)
    return version


def retire(*, recipe: Recipe, by: User) -> bool:
    """Stop offering the recipe for new devices; return whether this call did it."""
    return _set_retired(recipe, by, retired=True)


def restore(*, recipe: Recipe, by: User) -> bool:
    return _set_retired(recipe, by, retired=False)


def require_offered(version: RecipeVersion) -> None:
    """Raise Refusal where no new devices are made from the version (any more)."""
    rows = Recipe.objects.filter(pk=version.recipe_id).annotate(last=Max("versions__number"))
    recipe: Any = rows.only("name", "retired_at").get()
    require_not_retired(recipe)
    if recipe.last != version.number:
        raise Refusal(RECIPE_OUTDATED, recipe=recipe.name, last=recipe.last, number=version.number)


def require_not_retired(recipe: Recipe) -> None:
    """Raise Refusal where the recipe, as it was read, makes no new devices."""
    if recipe.retired_at:
        raise Refusal(RECIPE_RETIRED, recipe=recipe.name)


def list_recipes(scope: RecipeQuerySet) -> list[Recipe]:
    """Return the recipes with `device_count` and `last`, the last version, with its model and its `attribute_count`."""
    devices = Device.objects.filter(version__recipe=OuterRef("pk")).order_by().values("version__recipe")
    last = RecipeVersion.objects.filter(recipe=OuterRef("pk")).order_by("-number").values("pk")[:1]
    rows = scope.annotate(
        device_count=Coalesce(Subquery(devices.annotate(count=Count("*")).values("count")), 0), last_pk=Subquery(last)
    )
    found: list[Any] = list(rows)
    wanted = RecipeVersion.objects.filter(pk__in=[recipe.last_pk for recipe in found]).select_related("model")
    known = wanted.annotate(attribute_count=Count("attributes")).in_bulk()
    for recipe in found:
        recipe.last = known[recipe.last_pk]
    return found


def count_behind(recipe: Recipe, last: RecipeVersion) -> int:
    """Count the recipe's devices that are not retired and have another version than the last one."""
    return Device.objects.filter(version__recipe=recipe, retired_at=None).exclude(version=last).count()


def list_versions(recipe: Recipe) -> list[RecipeVersion]:
    """Return the versions, the newest first, with `device_count`, how many devices keep it."""
    devices = Device.objects.filter(version=OuterRef("pk")).order_by().values("version")
    count = Coalesce(Subquery(devices.annotate(count=Count("*")).values("count")), 0)  # by the index of versions alone
    return list(recipe.versions.select_related("by").annotate(device_count=count).order_by("-number"))


def _set_retired(recipe: Recipe, by: User, *, retired: bool) -> bool:
    with transaction.atomic():
        rows = Recipe.objects.filter(pk=recipe.pk, retired_at__isnull=retired)
        if rows.update(retired_at=Now() if retired else None) != 1:
            return False
        _record(recipe, by, act="retired" if retired else "restored")
    return True


def _check_contents(organisation: Organisation, contents: Contents, last: Contents | None = None) -> Contents:
    """Return what is kept of it; what `last` says already may be of before a rule."""
    if contents.model and contents.model.organisation_id != organisation.pk:
        raise ValidationError({"model": "This model belongs to another organisation."})
    if len(contents.attributes) > MAX_ATTRIBUTES:
        raise ValidationError(f"A recipe has at most {MAX_ATTRIBUTES} attributes.")
    last = last or Contents()
    if contents.credential_kind not in ACCEPTED | {last.credential_kind}:
        raise ValidationError({"credential_kind": NOT_ACCEPTED})
    lines = tuple(line if line in last.attributes else _clean_attribute(line) for line in contents.attributes)
    if len({line.name for line in lines}) < len(lines):
        raise ValidationError({"attributes": "A name stands here twice. Remove one of them."})
    try:
        default_tags = tags.check(contents.default_tags, last.default_tags)
    except ValidationError as error:
        raise ValidationError({"default_tags": error.messages}) from None
    commands = contents.commands if contents.commands == last.commands else clean_lines(contents.commands)
    return replace(contents, default_tags=default_tags, attributes=lines, commands=commands)


def _clean_attribute(line: Line) -> Line:
    """Return the attribute as it is kept. Raises ValidationError of `attributes`."""
    name = names.clean_one_line(line.name, "attributes")
    if not re.match(ATTRIBUTE_NAME, name):
        raise ValidationError({"attributes": f"{ATTRIBUTE_NAME_CAUSE} “{name[:40]}” doesn't."})
    if name in RESERVED_NAMES:
        raise ValidationError(
            {"attributes": f"{name} is what a device answers beside its values, and none of them. Choose another name."}
        )
    label, unit = names.clean_one_line(line.label, "attributes"), names.clean_one_line(line.unit, "attributes")
    if len(label) > LABEL_LENGTH or len(unit) > UNIT_LENGTH:
        most = f"A label has at most {LABEL_LENGTH} characters, a unit {UNIT_LENGTH}."
        raise ValidationError({"attributes": f"{most} Shorten those of {name}."})
    if line.type not in Attribute.Type.values:
        raise ValidationError({"attributes": f"There is no type “{line.type[:40]}”: choose another one for {name}."})
    if line.type != Attribute.Type.NUMBER and (line.decimals is not None or line.reads_text):
        raise ValidationError({"attributes": f"Only numbers have decimals, or are read from text: {name} is none."})
    faults = names.clean_one_line(line.faults, "attributes")
    if cause := find_cause_against_faults(line.type, faults):
        raise ValidationError({"attributes": f"{name}: {cause}"})
    return replace(line, name=name, label=label or name, unit=unit, faults=faults)


def find_cause_against_faults(kind: str, faults: str) -> str:
    """Return why values of this type can't be the ones that are a fault; empty where they can."""
    values = Attribute(faults=faults).fault_values
    if len(faults) > FAULTS_LENGTH:
        return f"The values that are a fault have at most {FAULTS_LENGTH} characters. Shorten them."
    if kind == Attribute.Type.NUMBER and not all(is_number(value) for value in values):
        return "The faults of a number are numbers, with commas between them: 3, 4."
    if kind == Attribute.Type.BOOLEAN and not {*values} <= {"true", "false"}:
        return "Write true or false: which of them is the fault."
    return "A position is no fault. Leave this empty." if kind == Attribute.Type.GPS and values else ""


def _save_name(recipe: Recipe, name: str) -> Recipe:
    recipe.name = names.clean_name(name)
    try:
        with transaction.atomic():
            recipe.save(update_fields=None if recipe.pk is None else ["name"])
    except IntegrityError:
        raise ValidationError({"name": "There is a recipe with this name already. Choose another name."}) from None
    return recipe


def _write_version(recipe: Recipe, number: int, contents: Contents, by: User | None) -> RecipeVersion:
    kept = {part.name: getattr(contents, part.name) for part in fields(contents) if part.name != "attributes"}
    version = RecipeVersion.objects.create(recipe=recipe, number=number, by=by, **kept)
    Attribute.objects.bulk_create(_build_attributes(version, contents.attributes))
    return version


def _build_attributes(version: RecipeVersion, lines: Iterable[Line]) -> list[Attribute]:
    names = [part.name for part in fields(Line)]
    return [
        Attribute(version=version, position=place, **dict(zip(names, astuple(line), strict=True)))
        for place, line in enumerate(lines)
    ]


def _record(recipe: Recipe, by: User | None, **data: Any) -> None:
    data = {"recipe": recipe.pk, "name": recipe.name, **data}
    events.record(Event.Kind.RECIPE_CHANGED, organisation=recipe.organisation_id, by=by, **data)
