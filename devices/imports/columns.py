"""Which column of a file fills which field of a device."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from devices import tags
from devices.models import Import

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from devices.identity.formats import Format

FIELDS = {
    "serial": "Serial",
    "name": "Name",
    "description": "Description",
    "model": "Model",
    "group": "Group",
    "tags": "Tags",
    "certificate": "Certificate",
    "claim_code": "Claim code",
    "gateways": "Gateways",
    "person": "Person",
}
"""Field -> its name for people. Besides them `tag:<key>`, the value of one tag, and "" for a column left out."""
TAG = "tag:"
NEEDED = "For this recipe each row needs its device's own serial: none is made here."
UNSAID = "?"  # instead of a field: a person has to say what the column is
HIDDEN = "(hidden column)"  # ends the name of a column that a sheet does not show: it is left out unless asked for

# Headings of many languages, apart by commas; the surest comes first: a serial number goes before an address.
_SPELLINGS = {
    "serial": "serialnumber, serialno, serialnr, seriennummer, seriennr, serial, sn, deviceserial, serialnumbers, "
    "serialnum, serno, sernum, serialnummer, sernr, serienr, geräteseriennummer, "
    "numéro de série, n° de série, no de série, num de série, numéro série, número de serie, n.º de serie, n serie, "
    "nº serie, núm serie, numero di serie, n di serie, numero seriale, seriale, matricola, "
    "número de série, número de sèrie, serienummer, tillverkningsnummer, raðnúmer, sarjanumero, valmistenumero, "
    "seerianumber, sērijas numurs, serijos numeris, numer seryjny, nr seryjny, numer fabryczny, nr fabryczny, "
    "sériové číslo, výrobní číslo, výrobné číslo, serijski broj, ser br, serijska številka, tvornički broj, "
    "sorozatszám, gyári szám, gyáriszám, szériaszám, număr de serie, numărul de serie, nr de serie, "
    "numri serial, numri i serisë, seri no, seri numaras\u0131, seriya nömrəsi, "
    "серийный номер, заводской номер, серійний номер, заводський номер, серыйны нумар, сериен номер, "
    "серијски \u0431\u0440\u043e\u0458, "
    "сериски \u0431\u0440\u043e\u0458, сериялық нөмірі, σειριακός αριθμός, αριθμός σειράς, "
    "الرقم التسلسلي, رقم تسلسلي, الرقم المتسلسل, شماره سریال, سریال, מספר סידורי, מספר סריאלי, "
    "सीरियल नंबर, หมายเลขซีเรียล, หมายเลขเครื่อง, ซีเรียลนัมเบอร์, số sê-ri, số seri, số serial, "
    "nomor seri, nomor serial, no seri, nombor siri, no siri, "
    "序列号, 序號, 序列號, 产品序列号, 设备序列号, 出厂编号, 机身号, "
    "シリアル番号, シリアルナンバー, シリアル, 製造番号, "
    "일련번호, 시리얼번호, 시리얼 넘버, 제조번호, "
    "gerätenummer, gerätenr, fabriknummer, fabriknr, fertigungsnummer, fertigungsnr, "
    "imei, deveui, eui, macaddress, mac, mac地址, macアドレス, mac주소, adresse mac, dirección mac, indirizzo mac, "
    "endereço mac, mac-adres, adres mac, mac-адрес, mac-адреса, mac adresi, mac adresa, mac-osoite, mac-cím, "
    "barcode, strichcode, code-barres, código de barras, codice a barre, streepjescode, snr, "
    "uuid, guid, deviceidentity, identity, id",
    "name": "name, devicename, bezeichnung, gerätename, label, title, nom, nom de l'appareil, nombre, "
    "nombre del dispositivo, nome, nome dispositivo, nome do dispositivo, naam, apparaatnaam, nazwa, nazwa urządzenia, "
    "název, názov, naziv, nimi, laitteen nimi, navn, namn, denumire, ad, ad\u0131, cihaz ad\u0131, tên, nama, όνομα, "
    "назва, название, имя, наименование, имя устройства, الاسم, اسم, שם, ชื่อ, 名称, 设备名称, 设备名, 名稱, 名前, "
    "装置名, デバイス名, 機器名, 이름, 장치명, 장치 이름, 기기명",
    "description": "description, desc, notes, note, comments, comment, beschreibung, bemerkung, remarque, remarques, "
    "commentaire, descripción, notas, comentario, observaciones, descrizione, descrição, observações, beschrijving, "
    "opmerking, opis, uwagi, описание, примечание, комментарий, 备注, 描述, 说明, 備註, 備考, 説明, 설명, 비고",
    "model": "model, devicemodel, modell, producttype, product, type, modèle, modelo, modello, модель, 型号, "
    "设备型号, 型號, 型番, 機種, モデル, 모델, 모델명",
    "group": "group, path, site, location, customer, grouppath, gruppe, standort, placedin, groupe, grupo, gruppo, "
    "groep, grupa, группа, 分组, 所属分组, 组, 分組, 群組, グループ, 그룹",
    "tags": "tags, labels, étiquettes, etiquetas, etichette, etykiety, tagi, теги, метки, 标签, 標籤, タグ, 태그",
    "certificate": "certificate, cert, tlsclientcertificate, clientcertificate, x509, pem, zertifikat, certificat, "
    "certificado, certificato, certificaat, certyfikat, сертификат, 证书, 憑證, 証明書, 인증서",
    "claim_code": "claimcode, ownertoken, claimtoken",
    "gateways": "gateways, gatewayserials, gatewayserial, gatewayserialnumber, speaksthrough, connectedthrough",
    "person": "person, personemail, belongstoperson, whoseesit",
}


def normalise_heading(name: str) -> str:
    """Return the name in lower case, without anything but letters of any script and digits, and without accents."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFC", "".join(letter for letter in letters if letter.isalnum()))


_KNOWN = {field: [normalise_heading(spelling) for spelling in names.split(",")] for field, names in _SPELLINGS.items()}
_BY_SPELLING = {spelling: field for field, spellings in _KNOWN.items() for spelling in spellings}
_RANK = {spelling: rank for spellings in _KNOWN.values() for rank, spelling in enumerate(spellings)}
_NUMBERS = frozenset(_KNOWN["serial"][: _KNOWN["serial"].index(normalise_heading("gerätenummer"))])
_NUMBERS_UNSPACED = [spelling for spelling in _NUMBERS if spelling[0] > "\u08ff"]
_ADDRESSES = ("imei", "deveui", "eui", "macaddress", "mac")
_BESIDES = (  # what may stand beside an address without making it another one's
    "address, addr, adresse, adres, adress, adresa, number, no, nr, num, nummer, numéro, número, numero, id, code, "
    "hex, text, dec, lan, wan, wlan, wifi, wi, fi, ethernet, eth, ble, bt, bluetooth, device, gerät, of, the, primary, "
    "main, base, printed, label, upper, lower, lsb, msb, a"
)
_BESIDE = frozenset(normalise_heading(word) for word in _BESIDES.split(","))
_LATER = re.compile(r"[02-9]|1\d")  # in a heading: it is the second of something
_WEAK = frozenset(_KNOWN["serial"][_KNOWN["serial"].index("eui") :]) - {"snr"}  # of what may be beside the serial
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[^\W\d_][^\W\d_A-Z]*")  # the words of “Sensor S/N 2” and of “sensorSerialNo”
LONGEST = 120  # characters of a name
UNNAMED = "Column %d"
_UNNAMED = re.compile(r"Column \d+")  # what is called so by its place says nothing of another file's
_WEST = ["id", "tlsclientcertificate", "tags"]


def guess_columns(
    header: Sequence[str], remembered: Mapping[str, str], can_generate: bool = True
) -> tuple[list[str], Import.Dialect]:
    """Return a field or "" for each column, and the file's dialect: as this recipe had it last, else by common names,
    else by the dialect. Of two columns for one field the surer one has it: a serial number goes before an id.

    A Losant file has columns of any name: one is the name, perhaps one the description, and every other one a tag.
    """
    plain = [normalise_heading(name) for name in header]
    found = [""] * len(header)
    names = zip(header, list_plain_names(header), strict=True)
    ranked = (_rank_candidate(name, bare, remembered) for name, bare in names)
    for (_, field), at in sorted(zip(ranked, range(len(header)), strict=True), key=lambda candidate: candidate[0][0]):
        if is_known(field) and field not in found:
            found[at] = field
    if plain == _WEST:
        return found, Import.Dialect.WEST
    if "name" in found and "serial" not in found and not remembered and can_generate:
        rest = [
            field or ("" if name.endswith(HIDDEN) else make_tag(name))
            for field, name in zip(found, header, strict=True)
        ]
        return [field if is_known(field) else "" for field in rest], Import.Dialect.LOSANT
    return found, Import.Dialect.OWN


def is_serial_number(name: str) -> bool:
    """Decide whether a heading is one of serial numbers, whatever stands beside it: `S/N 2`, `Sensor serial no.`"""
    if any(spelling in normalise_heading(name) for spelling in _NUMBERS_UNSPACED):
        return True
    parts = list_words(name)
    runs = ("".join(parts[at:to]) for at in range(len(parts)) for to in range(at + 1, min(at + 4, len(parts)) + 1))
    return any(run in _NUMBERS for run in runs)


def find_spelling(name: str) -> str:
    """Return the field that a heading names in one of the usual ways; else ""."""
    return _BY_SPELLING.get(_find_usual(name)) or _read_tag(name)


def is_weak(name: str) -> bool:
    """Decide whether a heading says only that its column tells devices apart: an address, an id, or none at all."""
    usual = _find_usual(name)
    return _BY_SPELLING.get(usual) != "serial" or usual in _WEAK


def names_address(name: str) -> bool:
    """Decide whether a heading is one of addresses or ids, rather than of serial numbers."""
    return is_weak(name) or _find_usual(name) in _ADDRESSES


def list_words(name: str) -> list[str]:
    """Return the words of a heading, normalised: of `sensorSerialNo` three."""
    return [normalise_heading(part) for part in _PARTS.findall(name)]


def _find_usual(name: str) -> str:
    """Return the heading as it is known, normalised: `MAC (LAN)` and `IMEI no.` by the address that they name."""
    plain = normalise_heading(name)
    if plain in _BY_SPELLING:
        return plain
    parts = list_words(name)
    for address in () if _LATER.search(name) else _ADDRESSES:
        for at in range(len(parts)):
            for to in (at + 1, at + 2):
                if "".join(parts[at:to]) == address and _BESIDE.issuperset(parts[:at] + parts[to:]):
                    return address
    return plain


def name_place(at: int) -> str:
    """Return the letters of a column as spreadsheets have them, of the first one A."""
    return (name_place(at // 26 - 1) if at > 25 else "") + chr(65 + at % 26)


def tell_apart(names: Sequence[str], above: Sequence[str]) -> list[str]:
    """Return the names with a word before or behind those that several columns have: the heading `above`, which stands
    over its first column alone, else the column's letters."""
    told = list(names)
    for name, number in Counter(names).items():
        if number > 1:
            places = [at for at, each in enumerate(names) if each == name and name != UNNAMED % (at + 1)]
            leads = [next((lead for cell in above[at::-1] if (lead := _clean_lead(cell))), "") for at in places]
            is_told = len(set(leads)) == len(leads) and not {"", name}.intersection(leads)
            for at, lead in zip(places, leads, strict=True):
                told[at] = f"{lead}: {name}"[:LONGEST] if is_told else _add_place(name, at)
    return told


def _clean_lead(cell: str) -> str:
    """Return a heading above others as it stands before theirs: parted by a colon, it has none itself."""
    return _collapse_spaces("".join(filter(str.isprintable, cell.replace(":", " "))))[:40]


def _add_place(name: str, at: int) -> str:
    stem, hidden = (name[: -len(HIDDEN)].rstrip(), f" {HIDDEN}") if name.endswith(HIDDEN) else (name, "")
    place = f" (column {name_place(at)}){hidden}"
    return stem[: LONGEST - len(place)] + place


def list_plain_names(header: Sequence[str]) -> list[str]:
    """Return the names without what tells equal ones apart."""
    bare = [_strip_place(name, at) for at, name in enumerate(header)]
    number = Counter(bare)
    return [name if number[base] == 1 else base for name, base in zip(header, bare, strict=True)]


def _strip_place(name: str, at: int) -> str:
    if name.endswith(place := f" (column {name_place(at)})"):
        return name.removesuffix(place)
    _, colon, rest = name.partition(": ")
    return rest if colon and rest and not _read_tag(name) else name


def make_tag(title: str) -> str:
    """Return the field for the tag that a heading names, without what no tag's name has."""
    return f"{TAG}{_collapse_spaces(re.sub('[=:;]', ' ', title))[: tags.NAME_LENGTH].strip()}"


def _rank_candidate(name: str, bare: str, remembered: Mapping[str, str]) -> tuple[int, str]:
    """Return how sure it is, lowest first, and the field. That a column was left out once says nothing against a known
    name. `bare`: the name without what tells it from equal ones."""
    spelling = _find_usual(bare)
    if name.endswith(HIDDEN):
        return -1, remembered.get(name, "")
    if field := (not _UNNAMED.fullmatch(name) and remembered.get(name)) or _read_tag(bare):
        return -1, field
    return _RANK.get(spelling, 0), _BY_SPELLING.get(spelling, "")


def _read_tag(name: str) -> str:
    """Return the tag that the header names itself, as `tag:site`, `Tag: site` and `tags.site` do; else ""."""
    match = re.match(r"tags?\s*[:.]\s*(\S.*)", name, re.IGNORECASE)
    return f"{TAG}{_collapse_spaces(match[1])}" if match else ""


def _collapse_spaces(text: str) -> str:
    return " ".join(text.split())


def _clean_field(field: str) -> str:
    """Return the field, a tag's with its name as tags keep it where it can be one."""
    try:
        return f"{TAG}{tags.clean_name(field[len(TAG) :])}" if field.startswith(TAG) else field
    except ValidationError:
        return field


def is_known(field: str) -> bool:
    return not field or field in FIELDS or (field.startswith(TAG) and tags.is_name(field[len(TAG) :]))


def check_columns(
    columns: Sequence[str],
    header: Sequence[str],
    *,
    fitting: Format,
    make_serials: bool,
    needs_certificate: bool,
    changes: bool = False,
) -> list[str]:
    """Return the columns to keep. Raises ValidationError of `columns` or `make_serials`, in words for people."""
    kept = ["" if field == "ignore" else _clean_field(field) for field in columns]
    if len(kept) != len(header):
        raise ValidationError({"columns": f"The file has {len(header)} columns, but {len(kept)} were matched."})
    if "serial" in kept:  # which says what the others are not
        kept = ["" if field == UNSAID else field for field in kept]
    if UNSAID in kept:
        raise ValidationError({"columns": ask_which_serial(header, kept)})
    if unknown := [field for field in kept if not is_known(field)]:
        raise ValidationError({"columns": f"“{unknown[0][:80]}” is no field of a device."})
    if twice := [field for field in dict.fromkeys(kept) if field and kept.count(field) > 1]:
        raise ValidationError(
            {"columns": f"Two columns can't both fill {title_field(twice[0])}. Leave one of them out."}
        )
    if changes:
        return _check_changes(kept, make_serials)
    if make_serials and not fitting.can_generate:
        raise ValidationError({"make_serials": f"This recipe's serials can't be made here: {fitting.describe()}."})
    if "serial" not in kept and not make_serials:
        lacking = "" if fitting.can_generate else f" {NEEDED}"
        raise ValidationError({"columns": ask_for_serials(fitting) + lacking})
    if "certificate" not in kept and needs_certificate:
        raise ValidationError({"columns": "Say which column holds the certificates: this recipe asks for one each."})
    return kept


def _check_changes(kept: list[str], make_serials: bool) -> list[str]:
    if make_serials:
        raise ValidationError({"make_serials": "Devices that are there have serials: none is made."})
    if "serial" not in kept:
        raise ValidationError({"columns": "Say which column holds the serials, by which the devices are found."})
    if "certificate" in kept:
        raise ValidationError({"columns": "Certificates can't be changed by a file. Leave that column out."})
    if "claim_code" in kept:
        raise ValidationError({"columns": "Claim codes can't be changed by a file. Leave that column out."})
    if not any(field and field != "serial" for field in kept):
        raise ValidationError({"columns": "Say which columns hold what is to be changed, besides the serials."})
    return kept


def ask_which_serial(header: Sequence[str], columns: Sequence[str]) -> str:
    """Return the question for whoever has to say which column is the serial."""
    asked = [f"“{name[:40]}”" for name, field in zip(header, columns, strict=True) if field == UNSAID]
    if len(asked) == 1:
        return f"Say whether {asked[0]} is the serial, or leave it out: it may only count rows, or name something else."
    each = f"{', '.join(asked[:-1])} and {asked[-1]}"
    words = f"{'both' if len(asked) == 2 else 'all'} look like the serial"
    return f"{each} {words}, and have other values in some rows. Say which is the serial; leave the others out."


def ask_for_serials(fitting: Format) -> str:
    """Return the question for whoever has to say where the serials are."""
    if fitting.can_generate:
        return "Say which column holds the serials; or, where the file has none, have one made for each row."
    return "Say which column holds the serials."


def title_field(field: str) -> str:
    return FIELDS.get(field) or f"the tag “{field[len(TAG) :]}”"
