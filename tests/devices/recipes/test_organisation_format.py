"""Which formats of serials an organisation has, by itself and by its recipes; and what a form makes of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.models.functions import Now

from devices.identity.formats import OWN, Format, Kind
from devices.models import Recipe, RecipeVersion
from devices.recipes import organisation_format
from devices.recipes.format_form import IdentityForm
from tenants.models import AuditEntry, Organisation
from tests import builders

if TYPE_CHECKING:
    from tests.conftest import World

DIGITS: dict[str, Any] = {"kind": "base10", "length": 8}
ANY: dict[str, Any] = {"kind": "opaque"}
MAC: dict[str, Any] = {"kind": "mac48"}


def organisation(world: World, own: dict[str, Any], *of_recipes: dict[str, Any]) -> Organisation:
    """With recipes of these formats, and none besides."""
    RecipeVersion.objects.filter(recipe__organisation=world.kanarra).update(
        identity=of_recipes[0] if of_recipes else {}
    )
    for n, identity in enumerate(of_recipes[1:]):
        builders.make_recipe(world.kanarra, f"Other {n}", identity=identity)
    world.kanarra.identity = own
    return world.kanarra


@pytest.mark.parametrize(
    ("own", "of_recipes", "checked"),
    [
        ({}, [], True),
        ({"kind": "own"}, [], True),
        ({"kind": "own", "prefix": "GW-"}, [], False),
        (DIGITS, [], False),
        (DIGITS, [MAC, {"kind": "own"}], True),
        (DIGITS, [{"kind": "own", "prefix": "GW-"}], False),
    ],
    ids=str,
)
def test_whether_serials_that_can_not_be_mistyped_are_among_its_own(
    world: World, own: dict[str, Any], of_recipes: list[dict[str, Any]], checked: bool
) -> None:
    assert organisation_format.makes_checked_serials(organisation(world, own, *of_recipes)) is checked


@pytest.mark.parametrize(
    ("own", "of_recipes", "text", "fits"),
    [
        (DIGITS, [], "12345678", True),
        (DIGITS, [], "1234567", False),
        (DIGITS, [MAC], "00:1b:44:11:3a:b7", True),
        ({}, [], "12345678", False),
        ({}, [DIGITS], "12345678", True),
        (ANY, [], "12345678", False),  # which takes anything
        (ANY, [{"kind": "opaque", "prefix": "GW"}], "GW1", True),
        ({"kind": "broken"}, [DIGITS], "12345678", True),
        (DIGITS, [{"kind": "broken"}], "x", False),
    ],
    ids=str,
)
def test_whether_a_text_is_one_of_its_serials(
    world: World, own: dict[str, Any], of_recipes: list[dict[str, Any]], text: str, fits: bool
) -> None:
    assert organisation_format.fits_formats(organisation(world, own, *of_recipes), text) is fits


def test_an_own_serial_is_one_of_an_organisation_without_a_format(world: World) -> None:
    assert organisation_format.fits_formats(organisation(world, {}), OWN.examples(1)[0])
    assert not organisation_format.fits_formats(organisation(world, DIGITS), OWN.examples(1)[0])


@pytest.mark.parametrize(
    ("own", "of_recipes", "lengths"),
    [
        ({}, [], [12]),
        (DIGITS, [], [8]),
        (DIGITS, [{}, MAC], [8, 17]),
        (DIGITS, [{"kind": "base16", "length": 8}], [8]),
        (ANY, [DIGITS], []),
        (DIGITS, [ANY], []),
        (DIGITS, [{"kind": "broken"}], []),
    ],
    ids=str,
)
def test_how_long_its_serials_are(
    world: World, own: dict[str, Any], of_recipes: list[dict[str, Any]], lengths: list[int]
) -> None:
    assert organisation_format.list_serial_lengths(organisation(world, own, *of_recipes)) == lengths


def test_of_nobody_there_are_none() -> None:
    assert organisation_format.list_serial_lengths(None) == []
    assert not organisation_format.makes_checked_serials(None)
    assert not organisation_format.fits_formats(None, "12345678")


def test_anothers_recipes_say_nothing_of_ones_own(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.other_version.pk).update(identity=ANY)
    Recipe.objects.filter(pk=world.version.recipe_id).update(retired_at=Now())  # whose devices there are
    assert organisation_format.list_serial_lengths(organisation(world, DIGITS, MAC)) == [8, 17]


def test_choosing_the_same_again_is_no_change(world: World) -> None:
    told: dict[str, Any] = {"organisation": world.kanarra, "by": world.owner}
    assert organisation_format.choose_format(identity=DIGITS, **told)
    assert not organisation_format.choose_format(identity=DIGITS, **told)
    assert AuditEntry.objects.filter(what="Format of serials set: 8 digits").count() == 1
    with pytest.raises(ValueError, match="not known"):
        organisation_format.choose_format(identity={"kind": "broken"}, **told)


def form(usual: Format = OWN, stored: object = None, whose: str = "Theirs", **given: str) -> IdentityForm:
    data = {f"identity-{name}": value for name, value in given.items()}
    return IdentityForm(data, usual=usual, stored=stored, whose=whose)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, {}),
        ({"kind": "", "prefix": "ignored", "length": "5"}, {}),
        ({"kind": "own"}, {"kind": "own"}),
        ({"kind": "base10", "length": "8"}, DIGITS),
        (
            {"kind": "base16", "prefix": "gw-", "casing": "lower"},
            {"kind": "base16", "prefix": "gw-", "casing": "lower"},
        ),
        ({"kind": "mac48", "separator": "dash"}, {"kind": "mac48", "separator": "-"}),
        ({"kind": "mac48", "separator": "none", "length": "5"}, {"kind": "mac48", "separator": ""}),
        ({"kind": "mac48"}, MAC),
    ],
    ids=str,
)
def test_a_format_is_stored_as_it_was_filled_in(given: dict[str, Any], stored: dict[str, Any]) -> None:
    filled = form(Format(Kind.BASE10, length=9), **given)
    assert filled.is_valid()
    assert filled.stored_json == stored
    assert filled.valid_format == (Format.from_json(stored) if stored else Format(Kind.BASE10, length=9))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"kind": "base10", "prefix": " x"}, "prefix"),
        ({"kind": "base10", "prefix": "x" * 33}, "prefix"),
        ({"kind": "base10", "prefix": "x" * 32, "length": "33"}, "length"),
        ({"kind": "base10", "length": "65"}, "length"),
        ({"kind": "base10", "length": "1.5"}, "length"),
        ({"kind": "base16", "casing": "title"}, "casing"),
        ({"kind": "mac48", "separator": ":"}, "separator"),
        ({"kind": "other"}, "kind"),
    ],
    ids=str,
)
def test_what_is_impossible_is_told_at_its_field(given: dict[str, Any], place: str) -> None:
    filled = form(**given)
    assert list(filled.errors) == [place]
    assert filled.valid_format is None
    assert filled.tried_serial == ""


def test_a_serial_is_tried_as_it_stands() -> None:
    for tried, trouble in (
        (form(kind="base10", length="3", sample=" 12"), "There is a space before or after the serial: remove it."),
        (form(kind="base10", length="3", sample="123"), None),
        (form(Format(Kind.BASE10, length=3), sample="123"), None),  # the organisation's
    ):
        assert tried.tried_serial == tried.data["identity-sample"]
        assert tried.trouble == trouble


@pytest.mark.parametrize(
    ("stored", "whose", "kind"),
    [
        (None, "Theirs", ""),
        (None, "", "base10"),
        (MAC, "Theirs", "mac48"),
        (MAC, "", "mac48"),
        ({"kind": "broken"}, "Theirs", ""),
        ({"kind": "broken"}, "", "base10"),
    ],
    ids=str,
)
def test_a_form_begins_with_what_is_stored(stored: object, whose: str, kind: str) -> None:
    shown = IdentityForm(usual=Format(Kind.BASE10, length=8), stored=stored, whose=whose)
    assert shown["kind"].value() == kind
    choices: Any = shown.fields["kind"]
    assert (choices.choices[0] == ("", "Theirs")) is bool(whose)
    assert shown.valid_format == (Format(Kind.MAC48) if kind == "mac48" else Format(Kind.BASE10, length=8))
