"""Which column fills which field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError

from devices import imports
from devices.imports import guess_columns
from devices.models import Import

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.models import RecipeVersion
    from tests.conftest import World

OWN, WEST, LOSANT = Import.Dialect.OWN, Import.Dialect.WEST, Import.Dialect.LOSANT


@pytest.mark.parametrize(
    ("header", "columns", "dialect"),
    [
        (["Serial Number", "Device name", "X"], ["serial", "name", ""], OWN),
        (["S/N", "notes", "tag: Site", "tags.floor"], ["serial", "description", "tag:Site", "tag:floor"], OWN),
        (["serial", "Serial", "id"], ["serial", "", ""], OWN),
        (["ID", "TLS Client Certificate", "Tags"], ["serial", "certificate", "tags"], WEST),
        (["name", "description", "building"], ["name", "description", "tag:building"], LOSANT),
        (["a", "b"], ["", ""], OWN),
        (["ID", "Serial Number", "Name"], ["", "serial", "name"], OWN),
        (["id", "MAC", "IMEI", "S/N"], ["", "", "", "serial"], OWN),
        (["Type", "Model"], ["", "model"], OWN),
        (["Title", "Name", "Serial"], ["", "name", "serial"], OWN),
    ],
)
def test_guessed(header: list[str], columns: list[str], dialect: str) -> None:
    assert guess_columns(header, {}, can_generate=True) == (columns, dialect)


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("序列号,设备名称,所属分组,MAC地址,标签,备注", "serial,name,group,,tags,description"),
        ("MAC地址,备注", "serial,description"),
        ("MACアドレス,シリアル番号,名前,グループ,備考", ",serial,name,group,description"),
        ("일련번호,장치 이름,그룹,MAC 주소,비고", "serial,name,group,,description"),
        ("Серийный номер,Название,Группа,MAC-адрес,Примечание", "serial,name,group,,description"),
        ("Numéro de série,Nom,Groupe,Adresse MAC,Étiquettes", "serial,name,group,,tags"),
        ("NUMERO DE SERIE,Nombre,Grupo,IMEI,Modelo", "serial,name,group,,model"),
        ("Matricola,Nome,Gruppo,DevEUI,Descrizione", "serial,name,group,,description"),
        ("Endereço MAC,Número de série,Nome,Observações", ",serial,name,description"),
        ("Serienummer,Naam,Groep,MAC-adres,Opmerking", "serial,name,group,,description"),
        ("Adres MAC,Numer seryjny,Nazwa urządzenia,Grupa,Uwagi", ",serial,name,group,description"),
        ("Seriennummer,Gerätename,Standort,ICCID", "serial,name,group,"),
        ("未知,MAC厂商", ","),
    ],
)
def test_headings_of_other_languages(heading: str, columns: str) -> None:
    assert guess_columns(heading.split(","), {})[0] == columns.split(",")


def test_what_was_matched_last_comes_first() -> None:
    remembered = {"id": "name", "X": "serial", "Y": "nonsense"}
    assert guess_columns(["id", "X", "Y"], remembered, can_generate=True)[0] == ["name", "serial", ""]


@pytest.fixture
def match(world: World, upload: Callable[[str], Import]) -> Callable[..., bool]:
    def one(**options: Any) -> bool:
        importing = upload("id,X\nS1,1\n")
        defaults: dict[str, Any] = {
            "columns": ["serial", ""],
            "encoding": "utf-8",
            "delimiter": ",",
            "group": None,
            "all_or_nothing": True,
            "name_pattern": "",
        }
        return imports.match(importing=importing, by=world.owner, **defaults | options)

    return one


def test_a_column_left_out_once_is_known_again() -> None:
    remembered = {"Serial": "", "MAC": "serial", "Hall": ""}
    assert guess_columns(["Serial", "Hall"], remembered, can_generate=True)[0] == ["serial", ""]
    assert guess_columns(["MAC", "Serial"], remembered, can_generate=True)[0] == ["serial", ""]


def test_columns_are_remembered_of_what_was_imported(
    check: Callable[..., Import], run: Callable[..., Import], world: World, version: RecipeVersion
) -> None:
    def remembered() -> Any:
        version.recipe.refresh_from_db()
        return version.recipe.columns

    assert check("A,Serial\nS1,x\n", columns=["serial", ""]).state == Import.State.CHECKED
    assert remembered() == {}
    assert run("id,X\nFirst,S1\n", columns=["name", "serial"]).state == Import.State.DONE
    assert remembered() == {"id": "name", "X": "serial"}
    assert not world.other_version.recipe.columns


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"columns": ["serial"]}, "columns"),
        ({"columns": ["serial", "serial"]}, "columns"),
        ({"columns": ["name", ""]}, "columns"),
        ({"columns": ["serial", "pk"]}, "columns"),
        ({"columns": ["serial", "tag:"]}, "columns"),
        ({"delimiter": ";"}, "columns"),
        ({"delimiter": "x"}, "delimiter"),
        ({"encoding": "x"}, "encoding"),
        ({"name_pattern": "{evil}"}, "name_pattern"),
        ({"name_pattern": "x" * 121}, "name_pattern"),
    ],
)
def test_a_match_that_can_not_be(match: Callable[..., bool], options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        match(**options)
    assert field in refused.value.message_dict
    assert Import.objects.get().state == Import.State.UPLOADED


def test_groups_of_others_and_parents_are_refused(match: Callable[..., bool], world: World) -> None:
    for group in (world.other_site, world.region):
        with pytest.raises(ValidationError):
            match(group=group)
    assert match(group=world.anaheim)


def test_a_recipe_with_certificates_asks_for_their_column(match: Callable[..., bool], version: RecipeVersion) -> None:
    type(version).objects.filter(pk=version.pk).update(credential_kind="certificate")
    version.refresh_from_db()
    with pytest.raises(ValidationError, match="certificates"):
        match()
