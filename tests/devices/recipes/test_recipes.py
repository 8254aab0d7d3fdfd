"""Recipes: pages, and what saving one does and does not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from devices.lifecycle import registration
from devices.models import DeviceModel, Event, Recipe, RecipeVersion
from devices.recipes import operations as recipes
from devices.recipes.operations import Contents, Line
from devices.refusals import RECIPE_CHANGED
from tests import builders
from tests.devices.api import Program
from tests.refused import refused

if TYPE_CHECKING:
    from django.test import Client

    from tests.conftest import World

Answer = Any
Given = dict[str, Any]


@pytest.fixture
def owner(client: Client, world: World) -> Client:
    client.force_login(world.owner)
    return client


def rows(name: str, *given: Given) -> Given:
    data: Given = {f"{name}-TOTAL_FORMS": len(given), f"{name}-INITIAL_FORMS": 0}
    return data | {f"{name}-{n}-{key}": value for n, row in enumerate(given) for key, value in row.items()}


RPM: Given = {"name": "rpm", "label": "Speed", "type": "number", "unit": "rpm", "minimum": "0", "maximum": "2200"}
WHERE: Given = {"name": "position", "label": "", "type": "gps"}


def filled(*attributes: Given, tags: tuple[Given, ...] = (), commands: tuple[Given, ...] = (), **more: object) -> Given:
    return {
        "name": "Pump gateway",
        "credential_kind": "access-key",
        **rows("attributes", *(attributes or (RPM, WHERE))),
        **rows("tags", *tags),
        **rows("commands", *commands),
        **more,
    }


def post(client: Client, name: str, data: Given, recipe: Recipe | None = None) -> Answer:
    return client.post(reverse(f"devices:{name}", kwargs={"pk": recipe.pk} if recipe else {}), data)


def create(client: Client, **more: Any) -> RecipeVersion:
    assert post(client, "recipe-create", filled(**more)).status_code == 302
    return Recipe.objects.get(name="Pump gateway").current


def test_a_recipe_is_made_as_it_was_filled_in(owner: Client, world: World) -> None:
    identity = {"identity-kind": "opaque", "identity-prefix": "GW-", "identity-length": "12"}
    tags = ({"key": "line", "value": "A"}, {"key": " plant ", "value": ""}, {"key": "", "value": ""})
    made = create(owner, tags=tags, model=world.version.model_id, **identity)
    assert (made.number, made.recipe.organisation, made.by) == (1, world.kanarra, world.owner)
    assert Contents.of(made) == Contents(
        model=world.version.model,
        default_tags={"line": "A", "plant": ""},
        identity={"kind": "opaque", "prefix": "GW-", "length": 12},
        attributes=(
            Line("rpm", "Speed", "number", "rpm", 0, 2200),
            Line("position", "position", "gps"),
        ),
    )
    event = Event.objects.get(kind=Event.Kind.RECIPE_CHANGED)
    assert (event.by, event.organisation, event.device) == (world.owner, world.kanarra, None)
    assert event.data == {"recipe": made.recipe_id, "name": "Pump gateway", "version": 1}


@pytest.fixture
def all_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were doors for every kind of credentials."""
    monkeypatch.setattr(recipes, "ACCEPTED", frozenset(RecipeVersion.CredentialKind))


def test_what_no_door_accepts_is_neither_offered_nor_taken(owner: Client, world: World) -> None:
    new, kind = owner.get(reverse("devices:recipe-new")).content.decode(), "certificate"
    assert f'value="{kind}"' not in new
    assert 'value="activation"' in new  # with which a device waits for a door
    made = create(owner)
    data = {"based_on": 1} | filled(credential_kind=kind)
    answer = post(owner, "recipe-change", data, made.recipe)
    assert answer.status_code == 422
    assert "No device can connect with these credentials yet" in answer.content.decode()
    program = Program(world.owner)
    refused = program.patch(f"recipes/{made.recipe_id}/", {"based_on": 1, "credential_kind": kind})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/credential_kind")
    RecipeVersion.objects.filter(pk=made.pk).update(credential_kind=kind)  # of before
    edit = owner.get(reverse("devices:recipe-edit", kwargs={"pk": made.recipe_id})).content.decode()
    assert f'<option value="{kind}" selected>' in edit
    assert program.patch(f"recipes/{made.recipe_id}/", {"based_on": 1, "credential_kind": kind}).status_code == 200


@pytest.mark.usefixtures("all_accepted")
@pytest.mark.parametrize(
    ("kind", "expires", "kept"),
    [
        ("access-key", "", False),
        ("certificate", "", False),
        ("activation", "", True),
        ("activation", "no", False),
        ("access-key", "yes", True),
    ],
)
def test_whether_devices_expire_follows_the_kind(owner: Client, kind: str, expires: str, kept: bool) -> None:
    made = create(owner, credential_kind=kind, expires=expires)
    assert made.expires is kept
    html = owner.get(reverse("devices:recipe-edit", kwargs={"pk": made.recipe_id})).content.decode()
    assert f'<option value="{expires}" selected>' in html


class TestChange:
    @pytest.fixture
    def made(self, owner: Client) -> RecipeVersion:
        return create(owner)

    def change(self, client: Client, made: RecipeVersion, **more: Any) -> Answer:
        data = {"based_on": made.number} | filled(*more.pop("attributes", ()), **more)
        return post(client, "recipe-change", data, made.recipe)

    @pytest.mark.usefixtures("all_accepted")
    def test_makes_a_version_and_leaves_devices_theirs(self, owner: Client, made: RecipeVersion, world: World) -> None:
        device = registration.register_device(version=made, by=world.owner)
        assert self.change(owner, made, attributes=(WHERE, RPM), credential_kind="activation").status_code == 302
        new = made.recipe.current
        assert (new.number, new.credential_kind, new.expires, new.by) == (2, "activation", True, world.owner)
        assert [each.name for each in new.attributes.all()] == ["position", "rpm"]
        device.refresh_from_db()
        assert device.version == made
        assert [each.name for each in made.attributes.all()] == ["rpm", "position"]
        data = Event.objects.filter(kind=Event.Kind.RECIPE_CHANGED)[0].data
        assert (data["version"], data["changed"]) == (2, ["credential_kind", "expires", "attributes"])

        page = owner.get(reverse("devices:recipe", kwargs={"pk": made.recipe_id})).content.decode()
        assert "Version 2" in page
        edit = owner.get(reverse("devices:recipe-edit", kwargs={"pk": made.recipe_id})).content.decode()
        assert "1 device keeps version 1" in edit
        earlier = owner.get(reverse("devices:recipe", kwargs={"pk": made.recipe_id}) + "?version=1").content.decode()
        assert "This is an earlier version" in earlier

    def test_saved_as_it_is_makes_none(self, owner: Client, made: RecipeVersion) -> None:
        events = Event.objects.count()
        assert self.change(owner, made).status_code == 302
        assert made.recipe.current == made
        assert Event.objects.count() == events

    def test_a_name_alone_is_no_version(self, owner: Client, made: RecipeVersion) -> None:
        assert self.change(owner, made, name="Pump gateway II").status_code == 302
        assert (made.recipe.current, Recipe.objects.get(pk=made.recipe_id).name) == (made, "Pump gateway II")
        assert Event.objects.filter(kind=Event.Kind.RECIPE_CHANGED)[0].data["from"] == "Pump gateway"

    def test_the_slower_of_two_loses_nothing_and_is_asked(self, owner: Client, made: RecipeVersion) -> None:
        assert self.change(owner, made, attributes=(RPM,)).status_code == 302
        answer = self.change(owner, made, attributes=(WHERE,), name="Other name")
        assert answer.status_code == 409
        html = answer.content.decode()
        assert "Somebody else saved this recipe meanwhile" in html
        assert 'value="Other name"' in html
        assert 'name="based_on" value="2"' in html
        assert made.recipe.current.number == 2
        assert Recipe.objects.get(pk=made.recipe_id).name == "Pump gateway"

    def test_a_version_that_is_not_the_last_is_no_ground(
        self, owner: Client, made: RecipeVersion, world: World
    ) -> None:
        with refused(RECIPE_CHANGED):
            recipes.change(recipe=made.recipe, name="x", contents=Contents(), based_on=7, by=world.owner)


BAD: list[tuple[tuple[Given, ...], Given, str]] = [
    ((RPM, RPM), {}, "This name stands here twice."),
    (({"name": "1st", "type": "number"},), {}, "Begin with a letter"),
    (({"name": "", "label": "Only a label", "type": "number"},), {}, "Give the attribute the name"),
    (({"name": "a", "type": "number", "minimum": "2", "maximum": "1"},), {}, "This is below the minimum."),
    (({"name": "a", "type": "number", "minimum": "nan"},), {}, "Write a number"),
    (({"name": "a", "type": "number", "minimum": "1e999"},), {}, "Write a number"),
    (({"name": "a", "type": "string", "minimum": "2"},), {}, "Only numbers have a range."),
    (({"name": "a", "type": "colour"},), {}, "is not one of the choices."),
    ((RPM,), {"name": "  "}, "Give the recipe a name."),
    ((RPM,), {"name": "x" * 121}, "at most 120 characters"),
    ((RPM,), {"name": "a\x00b"}, "U+0000"),
    ((RPM,), {"name": "a\u202eb"}, "Leave control characters out of it"),
    ((RPM,), {"name": "Generator gateway"}, "There is a recipe with this name already."),
    ((RPM,), {"credential_kind": "none"}, "No device can connect with these"),
    ((RPM,), {"expires": "maybe"}, "is not one of the choices."),
    ((RPM,), {"model": "x"}, "This model is not offered"),
    ((RPM,), {"identity-kind": "base10", "identity-length": "65"}, "64 at most"),
    ((RPM,), {"identity-kind": "base10", "identity-length": "60", "identity-prefix": "GW00000"}, "between 1 and 57"),
    ((RPM,), {"identity-kind": "base10", "identity-prefix": "a b"}, "A prefix has at most 32 characters"),
    ((RPM,), {"identity-kind": "what"}, "is not one of the choices."),
    ((RPM,), {"attributes-TOTAL_FORMS": "x"}, "The rows did not arrive whole."),
    ((RPM,), {"attributes-TOTAL_FORMS": "99999"}, "These are too many rows."),
    ((RPM,), rows("tags", {"key": "a"}, {"key": "a"}), "This tag stands here twice."),
    ((RPM,), rows("tags", {"value": "b"}), "Give the tag a name."),
    ((RPM,), rows("tags", *({"key": f"t{n}"} for n in range(51))), "These are 51; 50 are the most."),
]


@pytest.mark.parametrize(("attributes", "more", "cause"), BAD, ids=[cause for _, _, cause in BAD])
def test_what_can_not_be_is_told_and_nothing_is_saved(
    owner: Client, attributes: tuple[Given, ...], more: Given, cause: str
) -> None:
    answer = post(owner, "recipe-create", filled(*attributes, **more))
    assert answer.status_code == 422
    assert cause in answer.content.decode()
    assert Recipe.objects.filter(name="Pump gateway").count() == 0
    assert not Event.objects.filter(kind=Event.Kind.RECIPE_CHANGED).exists()


def test_two_hundred_attributes_fit_and_one_more_does_not(owner: Client) -> None:
    many: list[Given] = [{"name": f"a{n}", "type": "number"} for n in range(201)]
    assert "These are 201; 200 are the most." in post(owner, "recipe-create", filled(*many)).content.decode()
    assert post(owner, "recipe-create", filled(*many[:200])).status_code == 302
    assert Recipe.objects.get(name="Pump gateway").current.attributes.count() == 200


def test_rows_go_by_their_numbers_and_removed_ones_go(owner: Client) -> None:
    attributes: tuple[Given, ...] = (
        {"name": "c", "type": "number", "ORDER": "3"},
        {"name": "1 broken", "type": "number", "ORDER": "1", "DELETE": "on"},
        {"name": "b", "type": "number", "ORDER": "2"},
        {"name": "", "type": "string", "ORDER": "4"},
        {"name": "a", "type": "number", "ORDER": "1"},
    )
    assert post(owner, "recipe-create", filled(*attributes)).status_code == 302
    made = Recipe.objects.get(name="Pump gateway").current
    assert [each.name for each in made.attributes.all()] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["recipe-create", "recipe-change"])
def test_another_organisations_model_and_a_retired_one_are_no_choices(owner: Client, world: World, name: str) -> None:
    retired = DeviceModel.objects.create(organisation=world.kanarra, name="Old", retired_at=world.waiting.registered_at)
    recipe = world.version.recipe if name == "recipe-change" else None
    for model in (world.other_version.model_id, retired.pk):
        answer = post(owner, name, filled(model=model, based_on=1), recipe)
        assert answer.status_code == 422
        assert "This model is not offered" in answer.content.decode()
    assert RecipeVersion.objects.count() == 2


def test_the_model_that_a_recipe_has_may_stay_though_it_is_retired(owner: Client, world: World) -> None:
    DeviceModel.objects.filter(recipe_versions=world.version).update(retired_at=world.waiting.registered_at)
    data = filled(model=world.version.model_id, based_on=1, name="Generator gateway")
    assert post(owner, "recipe-change", data, world.version.recipe).status_code == 302
    assert world.version.recipe.current.model == world.version.model


@pytest.mark.parametrize("name", ["recipe-change", "recipe-retire", "recipe-restore"])
def test_anothers_recipe_stays_as_it_is(owner: Client, world: World, name: str) -> None:
    before = list(Recipe.objects.values().order_by("pk"))
    for recipe in (world.other_version.recipe, Recipe(pk=999_999)):
        assert post(owner, name, filled(based_on=1), recipe).status_code == 404
    assert list(Recipe.objects.values().order_by("pk")) == before
    assert RecipeVersion.objects.count() == 2


def test_retired_and_restored_once_each(owner: Client, world: World) -> None:
    recipe = world.version.recipe
    for name, act in (("recipe-retire", "retired"), ("recipe-restore", "restored")):
        for _ in range(2):
            assert post(owner, name, {}, recipe).status_code == 302
        assert Event.objects.filter(kind=Event.Kind.RECIPE_CHANGED, data__act=act).count() == 1
        recipe.refresh_from_db()
        assert bool(recipe.retired_at) == (act == "retired")
        assert ("Retired" in owner.get(reverse("devices:recipes")).content.decode()) == (act == "retired")


@pytest.mark.parametrize("number", ["0", "2", "x", "1 OR 1", "\x00", "²"])
def test_a_version_that_is_not_there(owner: Client, world: World, number: str) -> None:
    url = reverse("devices:recipe", kwargs={"pk": world.version.recipe_id})
    assert owner.get(url, {"version": number}).status_code == 404


class TestFormat:
    def ask(self, client: Client, **given: str) -> str:
        data = {f"identity-{name}": value for name, value in given.items()}
        answer = client.get(reverse("devices:recipe-format"), data)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def test_says_what_fits(self, owner: Client) -> None:
        html = self.ask(owner, kind="mac48", separator="dash", casing="lower")
        assert "a MAC-48 address in lower case" in html
        assert "-" in html.split("chip serial")[1][:40]

    def test_tries_a_serial(self, owner: Client) -> None:
        known = {"kind": "opaque", "prefix": "GW-", "length": "12"}
        assert "fits." in self.ask(owner, **known, sample="GW-ABCDEF123456")
        told = self.ask(owner, **known, sample="GW-<b>")
        assert "does not fit" in told
        assert "<b>" not in told

    def test_without_a_kind_it_is_the_organisations(self, owner: Client, world: World) -> None:
        world.kanarra.identity = {"kind": "base10", "length": 9}
        world.kanarra.save()
        assert "9 digits" in self.ask(owner, prefix="ignored")

    @pytest.mark.parametrize("kind", ["opaque", "own", "", "what"])
    @pytest.mark.parametrize("value", ["x", "-1", "0", "9" * 5000, "\x00", "é"])
    def test_whatever_is_given_is_answered(self, owner: Client, kind: str, value: str) -> None:
        self.ask(owner, kind=kind, prefix=value, length=value, casing=value, separator=value, sample=value)


def test_the_list_asks_as_much_for_many_as_for_few(owner: Client, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert owner.get(reverse("devices:recipes")).status_code == 200
        return len(asked)

    few = queries()
    for n in range(5):
        builders.make_recipe(world.kanarra, f"Recipe {n}")
    assert queries() == few
    assert few < 12


def test_without_any_it_leads_on(client: Client, world: World) -> None:
    Recipe.objects.filter(organisation=world.other).update(organisation=world.kanarra, name="Moved")
    client.force_login(world.stranger)
    assert "Make the first recipe" in client.get(reverse("devices:recipes")).content.decode()


START: Given = {"name": "start", "label": "Start", "role": "admin", "answers": "no", "seconds": "60"}
LOAD: Given = {"name": "setLoad", "role": "technician", "answers": "yes"}
SCHEMA = '{"properties": {"load": {"type": "number", "maximum": 500}}, "required": ["load"]}'


def test_commands_are_declared_and_kept(owner: Client) -> None:
    version = create(owner, commands=(START, LOAD | {"schema": SCHEMA}))
    start, load = version.commands
    assert (start["role"], start["answers"], start["seconds"], start["schema"]) == ("admin", False, 60, {})
    assert (load["label"], load["seconds"]) == ("setLoad", 300)
    assert load["schema"]["required"] == ["load"]
    page = owner.get(reverse("devices:recipe-edit", kwargs={"pk": version.recipe_id})).content.decode()
    assert "setLoad" in page
    assert "maximum" in page  # its schema, to be changed
    shown = owner.get(reverse("devices:recipe", kwargs={"pk": version.recipe_id})).content.decode()
    assert '<td data-label="Waits">5 min</td>' in shown


@pytest.mark.parametrize("schema", ["{", "[1]", '{"properties": {"x": {"type": "blob"}}}'])
def test_commands_that_can_not_be_declared_are_told(owner: Client, schema: str) -> None:
    answer = post(owner, "recipe-create", filled(commands=(LOAD | {"schema": schema},)))
    assert answer.status_code == 422
    assert not RecipeVersion.objects.filter(recipe__name="Pump gateway").exists()
