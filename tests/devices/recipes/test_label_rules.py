"""What an admin says of labels: how it is kept, how much of it, and what it then says of a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.models import DeviceModel, Event, LabelRule, Recipe
from devices.recipes import label_rules
from devices.refusals import LABEL_NAME_TAKEN, LABEL_RULE_TAKEN, LABEL_RULES_TOO_MANY
from tenants.models import AuditEntry
from tests import builders
from tests.refused import refused

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.conftest import World

LABEL = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:SX1"


def rule(
    world: World, value: str, kind: str = "profile", recipe: Recipe | None = None, name: str = "KG-250"
) -> LabelRule:
    model, _ = DeviceModel.objects.get_or_create(organisation=world.kanarra, name=name)
    told = {"kind": kind, "value": value, "model": model, "recipe": recipe}
    return label_rules.add_rule(organisation=world.kanarra, by=world.owner, **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("profile", " kg  lora ", "KG LORA"),
        ("profile", "x" * 64, "X" * 64),
        ("join_eui", "11:22-33.44 55_66 77 88", "1122334455667788"),
        ("join_eui", "aabbccddeeff0011", "AABBCCDDEEFF0011"),
    ],
)
def test_a_value_is_kept_as_labels_are_read(world: World, kind: str, value: str, kept: str) -> None:
    made = rule(world, value, kind)
    assert (made.value, str(made)) == (kept, f"{made.get_kind_display()} {kept}")
    with refused(LABEL_RULE_TAKEN):
        rule(world, kept.lower(), kind)


@pytest.mark.parametrize(
    ("kind", "value", "cause"),
    [
        ("profile", " ", "Write the profile as it stands on the label."),
        ("profile", "x" * 65, "Write the profile as it stands on the label."),
        ("profile", "a\x00", "Write the profile as it stands on the label."),
        ("join_eui", "112233445566778", "An AppEUI has 16 hex digits."),
        ("join_eui", "112233445566778899", "An AppEUI has 16 hex digits."),
        ("join_eui", "112233445566778G", "An AppEUI has 16 hex digits."),
    ],
)
def test_what_no_label_can_say_is_told(world: World, kind: str, value: str, cause: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(world, value, kind)
    assert caught.value.message_dict == {"value": [cause]}
    assert not LabelRule.objects.exists()


def test_one_value_may_stand_for_both_kinds_and_in_each_organisation(world: World) -> None:
    value = "1122334455667788"
    for kind in ("profile", "join_eui"):
        rule(world, value, kind)
    alien = DeviceModel.objects.get(organisation=world.other)
    label_rules.add_rule(organisation=world.other, kind="profile", value=value, model=alien, by=world.stranger)
    assert LabelRule.objects.count() == 3


@pytest.mark.parametrize(("name", "kept"), [("Dev-Id ", "devid"), ("x" * 64, "x" * 64), ("N°7", "n7")])
def test_a_fields_name_is_kept_as_names_are_compared(world: World, name: str, kept: str) -> None:
    made = label_rules.add_name(organisation=world.kanarra, name=name, fact="serial", by=world.owner)
    assert str(made) == f"{kept}: serial"
    with refused(LABEL_NAME_TAKEN):
        label_rules.add_name(organisation=world.kanarra, name=kept.upper(), fact="profile", by=world.owner)
    assert label_rules.find_names(world.kanarra.pk) == {kept: "serial"}
    assert label_rules.find_names(world.other.pk) == label_rules.find_names(None) == {}


@pytest.mark.parametrize("name", ["", " - ", "é", "x" * 65])
def test_what_no_field_is_called_is_told(world: World, name: str) -> None:
    with pytest.raises(ValidationError, match="as it stands in the label"):
        label_rules.add_name(organisation=world.kanarra, name=name, fact="serial", by=world.owner)


def test_an_organisation_says_so_much_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_rules, "MOST", 2)
    for value in ("A", "B"):
        rule(world, value)
        label_rules.add_name(organisation=world.kanarra, name=value, fact="serial", by=world.owner)
    with refused(LABEL_RULES_TOO_MANY):
        rule(world, "C")
    with refused(LABEL_RULES_TOO_MANY):
        label_rules.add_name(organisation=world.kanarra, name="C", fact="serial", by=world.owner)
    alien = DeviceModel.objects.get(organisation=world.other)
    label_rules.add_rule(organisation=world.other, kind="profile", value="A", model=alien, by=world.stranger)
    label_rules.remove_rule(rule=LabelRule.objects.get(value="B"), by=world.owner)
    rule(world, "C")


def test_each_is_told_once_and_taken_back_once(world: World) -> None:
    made = rule(world, "A")
    name = label_rules.add_name(organisation=world.kanarra, name="no", fact="serial", by=world.owner)
    key, name_key = made.pk, name.pk
    for wanted in (True, False):
        made.pk, name.pk = key, name_key
        assert label_rules.remove_rule(rule=made, by=world.owner) is wanted
        assert label_rules.remove_name(name=name, by=world.owner) is wanted
    acts = Event.objects.filter(kind="model-changed").order_by("pk").values_list("data__act", flat=True)
    assert list(acts) == ["labels with Profile A mean it", "labels with Profile A mean it no more"]
    told = AuditEntry.objects.filter(what__contains="“no”").order_by("pk").values_list("what", flat=True)
    assert list(told) == ["Fields “no” of labels hold: Serial", "Fields “no” of labels hold nothing any more"]


def test_a_labels_recipe_goes_by_its_profile_before_its_app_eui(world: World) -> None:
    by_eui, by_profile = (builders.make_recipe(world.kanarra, name).recipe for name in ("By EUI", "By profile"))

    def found(text: str = LABEL, organisation: int | None = world.kanarra.pk) -> str | None:
        recipe = label_rules.find_recipe(organisation, text)
        return recipe.name if recipe else None

    assert found() is None
    rule(world, "1122334455667788", "join_eui", by_eui)
    assert found() == found(f"]Q1{LABEL.lower()}\r\n") == "By EUI"
    rule(world, "AABB1122", "profile")  # which names no recipe
    assert found() == "By EUI"
    LabelRule.objects.filter(kind="profile").update(recipe=by_profile)
    assert found() == "By profile"
    Recipe.objects.filter(pk=by_profile.pk).update(retired_at=timezone.now())
    assert found() == "By EUI"
    assert found(organisation=world.other.pk) is found(organisation=None) is found("X1") is None


def test_a_label_of_json_is_read_by_the_organisations_names(world: World) -> None:
    recipe = builders.make_recipe(world.kanarra, "Family").recipe
    rule(world, "kg-2", recipe=recipe)
    text = '{"no": "X1", "fam": "KG-2"}'
    assert label_rules.find_recipe(world.kanarra.pk, text) is None
    label_rules.add_name(organisation=world.kanarra, name="Fam.", fact="profile", by=world.owner)
    assert label_rules.find_recipe(world.kanarra.pk, text) == recipe


def test_of_a_label_that_is_its_serial_alone_nothing_is_asked(
    world: World, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert label_rules.find_model(world.kanarra.pk, {"serial": "X1"}) is None
