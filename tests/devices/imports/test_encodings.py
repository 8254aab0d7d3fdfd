# ruff: noqa: RUF001
"""Letters are read right, or the encoding is asked for; what was lost before is told by row."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from devices import imports
from devices.imports import ENCODINGS
from devices.imports.encodings import find_codec, guess_encodings, undo_mojibake
from devices.models import Device, Import, RecipeVersion
from lib.refusals import Refusal
from tests.devices.api import Program
from tests.devices.imports.conftest import problems, work
from tests.devices.imports.pages import address, matched, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.conftest import World
    from tests.devices.imports.conftest import Run

NAMES = {
    "utf-8": ["Kühlraum", "主泵房", "Ψυγείο №3"],
    "utf-16": ["Kühlraum", "主泵房", "Щит"],
    "utf-16-le": ["Kühlraum", "Generator 1", "Łódź"],
    "utf-16-be": ["Kühlraum", "Generator 1", "Łódź"],
    "utf-32": ["Kühlraum", "主泵房", "Щит"],
    "utf-32-le": ["Kühlraum", "Generator 1", "Łódź"],
    "windows-1252": ["Kühlraum", "Pompe à chaleur nº 2 – forêt", "Ñandú 5 €"],
    "iso-8859-15": ["Höhe", "Cœur", "Caña 5 €"],
    "mac-roman": ["Kühlraum", "Pompe à chaleur", "Größe Ñandú"],
    "cp850": ["Kühlraum", "Pompe à chaleur", "Größe Ñandú"],
    "windows-1250": ["Čerpadlo č. 1", "Łódź główna", "Kőbánya hűtő"],
    "iso-8859-2": ["Šachta č. 1", "Źródło", "Tűzoltó"],
    "cp852": ["Čerpadlo č. 1", "Łódź główna", "Kőbánya hűtő"],
    "windows-1251": ["Насос", "Холодильник цех 3", "Щит"],
    "koi8-r": ["Насос", "Холодильник цех 3", "Щит"],
    "cp866": ["Насос", "Холодильник цех 3", "Щит"],
    "windows-1253": ["Αντλία", "Γεννήτρια Αθήνα", "Ψυγείο"],
    "windows-1254": ["Güneş İstanbul", "Şırnak", "Pompa çıkışı"],
    "windows-1255": ["משאבה", "גנרטור ראשי", "תל אביב"],
    "windows-1256": ["مضخة", "مولد كهرباء", "القاهرة"],
    "windows-1257": ["Šiluma", "Sūknis Rīga", "Põhja pump"],
    "windows-874": ["ปั๊มน้ำ", "เครื่องกำเนิดไฟฟ้า", "กรุงเทพ"],
    "gb18030": ["主泵房", "发电机", "女"],
    "big5": ["主泵房", "發電機", "臺北醫院"],
    "shift_jis": ["ポンプ", "発電機", "①号機 髙橋"],
    "euc-jp": ["ポンプ", "発電機", "東京病院"],
    "iso-2022-jp": ["ポンプ", "発電機", "東京病院"],
    "euc-kr": ["펌프", "발전기", "서울병원"],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_read_right_or_asked(upload: Callable[..., Import], run: Run, encoding: str) -> None:
    for number, name in enumerate(NAMES[encoding]):
        data = f"Serial,Name\r\nS{number},{name}\r\n".encode(find_codec(encoding))
        importing = upload(data)
        if importing.encoding_guesses:
            with pytest.raises(ValidationError, match="encoded in"):
                match(importing, encoding=None)
            assert encoding in ENCODINGS
        else:
            assert (
                data.decode(find_codec(importing.encoding)).lstrip("\ufeff") == f"Serial,Name\r\nS{number},{name}\r\n"
            )
        read = run(data, encoding=encoding)
        assert list(Device.objects.filter(source=read).values_list("name", flat=True)) == [name], problems(read)
        Device.objects.filter(source=read).delete()


def match(importing: Import, **options: Any) -> bool:
    kept: dict[str, Any] = {"columns": importing.columns, "delimiter": importing.delimiter, "group": None}
    kept |= {"all_or_nothing": True, "name_pattern": "", "by": importing.by}
    return imports.match(importing=importing, **kept | options)


@pytest.mark.parametrize(("encoding", "name"), [(each, names[0]) for each, names in NAMES.items() if each[:3] != "utf"])
def test_what_it_may_be_is_offered(encoding: str, name: str) -> None:
    if encoding == "iso-2022-jp":
        return
    offered = guess_encodings(f"S1,{name}\n".encode(find_codec(encoding)))
    assert name in [guess.reads for guess in offered], offered


WESTERN = (
    "Pompe à chaleur|Café|Höhe|Forêt|Größe|Ñandú|Généré à l’été|São João|Kjøkken|Blåbær|Ça va|Mañana|L’été|Señal|Caffè"
    "|Città|Œuvre|Naïve|Manhã|Pompe à chaleur n° 2 – forêt|HÔTEL|DÉPÔT À L’ÉTÉ|Ålesund|Perché è così"
)
OTHERS = {
    "windows-1250": "Łódź główna|Čerpadlo č. 1|Kőbánya hűtő|Dvořák|Příbram|Příliš žluťoučký kůň|Pompă de apă|Město|Dům",
    "cp850": "Kühlraum|Größe Ñandú",
    "shift_jis": "ポンプ|発電機",
    "euc-kr": "펌프|발전기",
}


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        *(("windows-1252", name) for name in WESTERN.split("|")),
        *((encoding, name) for encoding, names in OTHERS.items() for name in names.split("|")),
    ],
)
def test_what_the_letters_say_is_offered_first(encoding: str, name: str) -> None:
    assert guess_encodings(f"S1,{name}\n".encode(find_codec(encoding)))[0].reads == name


LATER = {
    "windows-1250": ["Łódź wieża", "Wąbrzeźno", "Čerpadlo č. 1"],
    "windows-1254": ["Güneş İstanbul", "Şırnak", "Pompa çıkışı"],
    "cp852": ["Łódź główna", "Kőbánya hűtő", "Čerpadlo č. 1"],
    "windows-1257": ["Šiluma", "Sūknis Rīga", "Põhja pump"],
    "windows-1252": ["Kühlraum", "Forêt", "Größe"],
}


@pytest.mark.parametrize("before", ["Pump – hall {}", "Kanarra › Site {}", "Pumpe “{}”, " + 40 * "long "])
@pytest.mark.parametrize("encoding", LATER)
def test_letters_that_tell_are_shown_wherever_they_stand(
    upload: Callable[..., Import], encoding: str, before: str
) -> None:
    codec = find_codec(encoding)
    names = [*(before.format(n) for n in range(3000)), *LATER[encoding]]
    shared = "".join(character if character.isascii() else encodable(character, codec) for character in names[0])
    names[:3000] = [shared.replace("0", str(n)) for n in range(3000)]
    lines = [f'S{n},"{name}"\n' for n, name in enumerate(names)]
    guesses = upload(("Serial,Name\n" + "".join(lines)).encode(codec)).encoding_guesses or []
    reads = {guess["encoding"]: guess["reads"] for guess in guesses}
    assert any(name in reads[encoding] for name in LATER[encoding]), reads
    assert len({*reads.values()}) == len(reads)


def encodable(character: str, codec: str) -> str:
    return character.encode(codec, "replace").decode(codec).replace("?", "é")


def test_of_a_long_cell_the_words_that_tell_are_shown() -> None:
    text = "An old pump beside the wall that leads to " * 3 + "Wąbrzeźno"
    assert "Wąbrzeźno" in [guess.reads for guess in guess_encodings(text.encode("cp1250"))]


def test_unicode_is_not_asked_about(upload: Callable[..., Import]) -> None:
    for data in (
        b"Serial\nS1\n",
        "Serial,Name\nS1,10 °C\n".encode(),
        codecs.BOM_UTF8 + "Serial,Name\nS1,女\n".encode(),
    ):
        assert (upload(data).encoding, upload(data).encoding_guesses) == ("utf-8", [])
    assert upload(codecs.BOM_UTF32_BE + "Serial\nS1\n".encode("utf-32-be")).encoding == "utf-32"


def test_letters_far_down_are_seen(upload: Callable[..., Import], world: World, version: RecipeVersion) -> None:
    lines = [b"S%d,Pump\n" % number for number in range(9000)]
    chunks = [b"Serial,Name\n", b"".join(lines), "X1,主泵".encode("gb18030"), "房\n".encode("gb18030")]
    importing = imports.upload(by=world.owner, version=version, name="x.csv", chunks=chunks)
    assert importing.encoding_guesses


def test_a_program_is_asked(world: World) -> None:
    RecipeVersion.objects.filter(pk=world.version.pk).update(identity={"kind": "opaque"})
    program = Program(world.owner, world.kanarra.root)
    file = SimpleUploadedFile("serials.csv", "Serial,Name\r\nGBK1,主泵房\r\n".encode("gb18030"), "text/csv")
    made = program.send("imports/", {"recipe": world.version.recipe_id, "file": file})
    at = str(made["Location"]).removeprefix("/api/v1/")
    guesses = made.json()["encoding_guesses"]
    assert {"encoding": "gb18030", "reads": "主泵房"} in guesses
    refused = program.post(f"{at}match/")
    assert (refused.status_code, "#/encoding" in str(refused.json())) == (400, True)
    assert program.post(f"{at}match/", {"encoding": "gb18030"}).json()["encoding_guesses"] == []
    work(Import.objects.get())
    assert program.post(f"{at}match/", {"all_or_nothing": False}).json()["encoding"] == "gb18030"


def test_a_page_asks(client: Client, world: World, upload: Callable[..., Import]) -> None:
    client.force_login(world.owner)
    importing = upload("Serial,Name\r\nGBK1,主泵房\r\n".encode("gb18030"))
    page = client.get(address(importing))
    assert "Which one reads right?" in words(page)
    assert "Chinese, simplified (GB18030, GBK): 主泵房" in words(page)
    answer = client.post(address(importing, "import-match"), matched(importing, encoding=""))
    assert (answer.status_code, "Say what the file's letters are encoded in" in words(answer)) == (422, True)
    read = client.get(address(importing), {"encoding": "gb18030", "columns": "1"})
    assert "主泵房" in words(read)
    assert client.post(address(importing, "import-match"), matched(importing, encoding="gb18030")).status_code == 302
    work(importing)
    again = client.get(address(importing), {"columns": "1"}).content.decode()
    assert '<option value="gb18030" selected>' in again
    assert "Which one reads right?" not in again


def test_a_mark_in_the_wrong_encoding_is_no_part_of_a_name(run: Run) -> None:
    importing = run("\ufeffï»¿Serial,Name\nS1,Pump\n", encoding="utf-8")
    assert (importing.header, importing.made) == (["Serial", "Name"], 1)


@pytest.mark.parametrize("end", ["\r\n\x1a", "\x1a", "\n\x1a\x1a\n", "\r\n\x1a\r\n"])
def test_an_end_of_file_as_dos_writes_it_is_no_row(run: Run, end: str) -> None:
    importing = run(f"Serial,Name\r\nS1,Pump\r\nS2,Fan{end}")
    assert (importing.total, importing.made, problems(importing)) == (2, 2, [])


def test_an_end_of_file_amid_rows_is_told(check: Run) -> None:
    assert [row for row, _, _ in problems(check("Serial,Name\nS1,Pump\x1a\nS2,Fan\n"))] == [2]


MIXED = b"Serial,Name\r\nMIX1,K\xc3\xbchlraum\r\nMIX2,H\xf6he\r\n"


def test_mixed_encodings_are_told_by_row(upload: Callable[..., Import], check: Run) -> None:
    guesses = upload(MIXED).encoding_guesses or []
    assert "utf-8" in [guess["encoding"] for guess in guesses]
    as_unicode, as_western = check(MIXED, encoding="utf-8"), check(MIXED, encoding="windows-1252")
    [(row, column, cause)] = problems(as_unicode)
    assert (row, column, "H�he" in cause, "several encodings" in cause) == (3, "Name", True, True)
    [(row, column, cause)] = problems(as_western)
    assert (row, column, "It was “Kühlraum”" in cause) == (2, "Name", True)


def test_letters_that_were_lost_are_told_by_row(check: Run) -> None:
    importing = check("Serial,Name,Other\nS1,K\ufffdhlraum,x\nS2,Grün,x\nS3,Fan,\ufffd\nS4,Ð¿Ñ€Ð¾,x\n")
    assert [row for row, _, _ in problems(importing)] == [2, 5]
    assert "A letter was lost" in problems(importing)[0][2]


@pytest.mark.parametrize(
    ("read_as", "name"),
    [
        ("windows-1252", "Kühlraum"),
        ("mac-roman", "Kühlraum 2"),
        ("mac-roman", "Café “Nord”"),
        ("cp850", "Café"),
        ("cp437", "Höhe"),
        ("windows-1250", "Kühlraum"),
        ("windows-1251", "Холодильник"),
        ("windows-1251", "Kühlraum"),
    ],
)
def test_letters_that_were_read_in_another_encoding_are_told_by_row(check: Run, read_as: str, name: str) -> None:
    shown = name.encode().decode(read_as, "replace").replace("\ufffd", "\x98")  # as a browser reads the one it has not
    importing = check(f"Serial,Name\nS1,{shown}\nS2,{name}\n")
    [(row, column, cause)] = problems(importing)
    assert (row, column, f"It was “{name}”" in cause) == (2, "Name", True)


@pytest.mark.parametrize("read_as", ["windows-1252", "latin-1", "mac-roman", "cp850", "windows-1251", "gb18030"])
def test_a_lost_letter_is_told_however_it_was_read_since(check: Run, read_as: str) -> None:
    shown = "Hall \ufffd\ufffd 2".encode().decode(read_as)
    [(row, column, cause)] = problems(check(f"Serial,Name\nS1,{shown}\n"))
    assert (row, column, "A letter was lost" in cause) == (2, "Name", True)


@pytest.mark.parametrize(
    "text",
    [
        "Рівне",
        "СЁМГА",
        "Київ",
        "РС-485",
        "TĂŞNAD",
        "ĂSTA",
        "√2",
        "√ 16 mm²",
        "├─ Pump",
        "5–°C",
        "Щит №5",
        "冷库一号",
        "Ñuñoa",
        "ÏLE",
    ],
)
def test_what_another_encoding_has_too_is_no_mojibake(text: str) -> None:
    assert undo_mojibake(text) == ""


@pytest.mark.parametrize("text", ["Größe", "CAFÉ®", "NÃO", "Åbo £5", "naïve", "主泵房", "São João"])
def test_what_is_no_mojibake(text: str) -> None:
    assert undo_mojibake(text) == ""
    assert undo_mojibake(text.encode().decode("windows-1252", "ignore")) in (text, "")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html><head></head><body><table>\n<tr><td>Serial</td></tr></table></body></html>\n", "a web page"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<p>x", "a web page"),
        (b'<?xml version="1.0"?>\n<devices/>', "XML"),
        (b"<devices>\n <device/></devices>", "XML"),
        (b'[{"serial": "S1"}]', "JSON"),
        (b'{\n "devices": []}', "JSON"),
        (b'ID;PWXL;N;E\nC;Y1;X1;K"Serial"\nE\n', "a SYLK file"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\n<html>", "a web page"),
        (b"From: <Saved by Blink>\r\nSubject: Serials\r\nMIME-Version: 1.0\r\n\r\n<html>", "a web page"),
        (b'TABLE\r\n0,1\r\n"EXCEL"\r\nVECTORS\r\n0,2\r\n""\r\n', "a DIF file"),
        ("Serial,Name\nS1,Pump\n".encode("cp500"), "EBCDIC"),
        ("Serial,Name\rS1,Kühlraum\r".encode("cp1140"), "EBCDIC"),
        (b"Serial,Name\nS1,Pump\n" + "S2,Fan\r\n".encode("utf-16-le"), "put together from several encodings"),
        (b"\xef\xbb\xbfSerial,Name\r\n" + b"S1,Pump\r\n" * 60 + "S2,Fan\r\n".encode("utf-16"), "several encodings"),
    ],
)
def test_what_is_no_csv_is_named(upload: Callable[..., Import], data: bytes, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        upload(data)
