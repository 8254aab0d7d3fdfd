"""What spreadsheets do to serials: read where nothing is lost, else named with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from devices.models import Device, Import
from tests.devices.imports.conftest import problems

if TYPE_CHECKING:
    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run

OPAQUE, IMEI = {"kind": "opaque"}, {"kind": "base10", "length": 15}


@pytest.mark.parametrize("identity", [OPAQUE, IMEI])
def test_digits_that_are_marked_as_text(run: Run, version: RecipeVersion, identity: dict[str, Any]) -> None:
    version.identity = identity
    version.save()
    cells = ['"=""861234567890123"""', '="861234567890124"', "'861234567890125", " 861234567890126 "]
    names = ['"=""Pump"""', "'s-Hertogenbosch", "Fan", "Fan"]
    text = "".join(f"{cell},{name}\n" for cell, name in zip(cells, names, strict=True))
    importing = run(f"Serial,Name\n{text}")
    made = Device.objects.filter(source=importing).order_by("row").values_list("serial", "name")
    assert [serial for serial, _ in made] == [f"86123456789012{at}" for at in range(3, 7)]
    assert [name for _, name in made] == ["Pump", "'s-Hertogenbosch", "Fan", "Fan"]


DAMAGE = [
    ("8.61E+14", "its last digits are lost"),
    ("8,61235E+14", "its last digits are lost"),
    ("8E+14", "its last digits are lost"),
    ("861234567890123.0", "a decimal number"),
    ("861234567890123,00", "a decimal number"),
    ("861,234,567,890,123", "grouped the digits"),
    ("861.234.567.890.301", "grouped the digits"),
    ("8.949.000.000.012.340.011", "grouped the digits"),
    ("861.234.567.890", "grouped the digits"),
    ("01-Mar", "a date"),
    ("Mar-05", "a date"),
    ("3. Okt 24", "a date"),
    ("2026-03-01", "a date"),
    ("2026-03-01 00:00:00", "a date"),
    ("01.03.2026", "a date"),
    ("3/1/2026", "a date"),
    ("########", "too narrow"),
    ("#N/A", "formula of the spreadsheet failed"),
    ("#NV", "formula of the spreadsheet failed"),
    ("Err:502", "formula of the spreadsheet failed"),
    ("=A2&B2", "formula stands here"),
]


@pytest.mark.parametrize("identity", [OPAQUE, IMEI])
def test_what_is_lost_is_named(check: Run, version: RecipeVersion, identity: dict[str, Any]) -> None:
    version.identity = identity
    version.save()
    importing = check("Serial;Name\n" + "".join(f'"{cell}";Pump\n' for cell, _ in DAMAGE))
    causes = problems(importing)
    assert [row for row, _, _ in causes] == list(range(2, len(DAMAGE) + 2))
    for (cell, said), (_, _, cause) in zip(DAMAGE, causes, strict=True):
        assert f"“{cell}”" in cause
        assert said in cause
        assert "as text" in cause


def test_serials_that_look_a_little_so(run: Run) -> None:
    cells = ["MAR-05", "10.11.12", "AB-12", "12-34-56", "8E14", "V1.0", "00:11:22", "2026.01", "12.5", "1-2-3"]
    cells += ["192.168.100.200", "10.200.100.101", "1.234.567", "1.2.3.4", "12.345", "100.200.100.200.1"]
    importing = run("Serial,Name\n" + "".join(f"{cell},Pump\n" for cell in cells))
    assert (importing.made, problems(importing)) == (len(cells), [])


MONTHS = [  # as spreadsheets write them, of a serial such as MAR1 or 1-3
    "gen feb mar apr mag giu lug ago set ott nov dic",
    "ene feb mar abr may jun jul ago sep oct nov dic",
    "jan fev mar abr mai jun jul ago set out nov dez",
    "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "jan feb mar apr maj jun jul aug sep okt nov dec",
    "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
    "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu",
    "led úno bře dub kvě čer čvc srp zář říj lis pro",
    "jan. febr. márc. ápr. máj. jún. júl. aug. szept. okt. nov. dec.",
    "ian. feb. mar. apr. mai iun. iul. aug. sept. oct. nov. dec.",
    "янв фев мар апр май июн июл авг сен окт ноя дек",
    "Ιαν Φεβ Μαρ Απρ Μαϊ Ιουν Ιουλ Αυγ Σεπ Οκτ Νοε Δεκ",  # noqa: RUF001
]


@pytest.mark.parametrize("months", MONTHS)
def test_dates_of_many_languages_are_named(check: Run, months: str) -> None:
    cells = [f"{at:02}-{month}" for at, month in enumerate(months.split(), 1)]
    cells += [f"{at}-{month}-26" for at, month in enumerate(months.split(), 1)]
    told = problems(check("Serial,Name\n" + "".join(f"{cell},x\n" for cell in cells)))
    assert [row for row, _, cause in told if "made a date" in cause] == list(range(2, len(cells) + 2))


@pytest.mark.parametrize(
    "cell",
    ["01-03-26", "1-3-26", "12-31-26", "31-12-26", "3/1/2026 12:00 AM", "avr.-45", "ott-45", "1.II.2026", "3月5日"],
)
def test_other_dates_are_named(check: Run, cell: str) -> None:
    [(_, _, cause)] = problems(check(f"Serial,Name\n{cell},x\n"))
    assert "A spreadsheet made a date of this serial" in cause


@pytest.mark.parametrize("cell", ["12:34:00 AM", "1:05 pm", "12:34:00\u202fPM"])
def test_times_are_named(check: Run, cell: str) -> None:
    [(_, _, cause)] = problems(check(f"Serial,Name\n{cell},x\n"))
    assert "A spreadsheet made a time of this serial" in cause


def test_serials_that_begin_or_end_like_a_month(run: Run) -> None:
    cells = [f"DIC-{at}" for at in range(10, 15)] + [f"{name}-{at}" for name in NEAR for at in (12, 45)]
    cells += ["12-GEN", "12-SET-26", "12-V", "1-II", "13-13-26", "00-01-26", "Setup-12", "12-setup", "12-dictator"]
    importing = run("Serial,Name\n" + "".join(f"{cell},Pump\n" for cell in cells))
    assert (importing.made, problems(importing)) == (len(cells), [])


NEAR = ["gen", "Set", "out", "Led", "pro", "mag", "lis", "tem", "ara", "GIU", "FEV"]


def test_zeros_at_the_front(check: Run, version: RecipeVersion) -> None:
    version.identity = IMEI
    version.save()
    causes = problems(check("Serial\n1234567890123\n861234567890123\n12\n"))
    assert [row for row, _, _ in causes] == [2, 4]
    assert "is it 001234567890123?" in causes[0][2]
    assert "is it" not in causes[1][2]


def test_digits_beyond_the_fifteenth(check: Run) -> None:
    lost = check("Serial\n8949000000012340000\n8949000000012350000\n")
    assert (lost.state, "the digits are lost" in lost.cause) == (Import.State.FAILED, True)
    kept = check("Serial\n8949000000012340000\n8949000000012340001\n")
    assert (kept.state, kept.refused) == (Import.State.CHECKED, 0)
    assert check("Serial\n8949000000012340\n").state == Import.State.CHECKED


def test_a_space_after_the_delimiter(run: Run, check: Run) -> None:
    importing = run('Serial, Cost, Name,\nSHF1, "1,200", Pump\nSHF2, 300, Fan,\n')
    made = Device.objects.filter(source=importing).order_by("row").values_list("serial", "name")
    assert list(made) == [("SHF1", "Pump"), ("SHF2", "Fan")]
    [(row, _, cause)] = problems(check('Serial, Name\nSHF3, "Big" pump\n'))
    assert (row, "closing quote" in cause) == (2, True)


ANYWHERE = [
    ("#REF!", "formula of the spreadsheet failed"),
    ("#n/a", "formula of the spreadsheet failed"),
    ("#BEZUG!", "formula of the spreadsheet failed"),
    ("#NV", "formula of the spreadsheet failed"),
    ("#¡REF!", "formula of the spreadsheet failed"),
    ("#¿NOMBRE?", "formula of the spreadsheet failed"),
    ("#VALEUR!", "formula of the spreadsheet failed"),
    ("#N/D", "formula of the spreadsheet failed"),
    ("#RIF!", "formula of the spreadsheet failed"),
    ("#\u041d/Д", "formula of the spreadsheet failed"),
    ("#ЗНАЧ!", "formula of the spreadsheet failed"),
    ("#ERROR!", "formula of the spreadsheet failed"),
    ("Err:502", "formula of the spreadsheet failed"),
    ("NULL", "wrote an empty cell so"),
    ("(null)", "wrote an empty cell so"),
    ("nan", "wrote an empty cell so"),
    ("undefined", "wrote an empty cell so"),
    ("\\N", "wrote an empty cell so"),
    ("[object Object]", "wrote an empty cell so"),
    ("#####", "too narrow"),
    ("8.61235E+14", "its last digits are lost"),
    ("8,94455E+18", "its last digits are lost"),
]


@pytest.mark.parametrize("heading", ["Name", "Description", "Group", "Model", "tag:iccid"])
def test_what_is_lost_is_named_in_every_column(check: Run, heading: str) -> None:
    importing = check(f"Serial;{heading}\n" + "".join(f'AB-{at};"{cell}"\n' for at, (cell, _) in enumerate(ANYWHERE)))
    told = problems(importing)
    assert [(row, column) for row, column, _ in told] == [(row, heading) for row in range(2, len(ANYWHERE) + 2)]
    for (cell, said), (_, _, cause) in zip(ANYWHERE, told, strict=True):
        assert cause.startswith(f"“{cell}”: ")
        assert said in cause
        assert "leave it empty" in cause


@pytest.mark.parametrize(
    ("cell", "before"),
    [("Pump &amp; Fan", "Pump & Fan"), ("K&uuml;hlraum", "Kühlraum"), ("H&#246;he &#x32;", "Höhe 2")],
)
def test_what_was_written_for_a_web_page_is_named(check: Run, cell: str, before: str) -> None:
    [(row, column, cause)] = problems(check(f'Serial,Name\nS1,"{cell}"\nS2,Fan\n'))
    assert (row, column, f"It was “{before}”" in cause) == (2, "Name", True)


def test_an_error_of_a_formula_changes_no_name(check: Run, world: World) -> None:
    importing = check(f"Serial,Name\n{world.placed.serial},#REF!\n", act="change")
    assert [(row, column) for row, column, _ in problems(importing)] == [(2, "Name")]
    assert importing.changing == 0


def test_names_and_tags_that_look_a_little_so(run: Run) -> None:
    cells = [
        "#12",
        "# 3",
        "#REF",
        "Pump #N/A",
        "1.5E+02",
        "6.02E+23",
        "E+12",
        "8E14",
        "#Fire!",
        "Nan",
        "Nullpunkt",
        "Err: 5",
        "R&D; Lab",
        "A&B",
    ]
    importing = run("Serial,Name,tag:of\n" + "".join(f"AB-{at},{cell},{cell}\n" for at, cell in enumerate(cells)))
    assert (importing.made, problems(importing)) == (len(cells), [])
