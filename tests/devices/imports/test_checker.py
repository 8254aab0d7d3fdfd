"""The dry run: each row's problems, with row, column and cause."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices import imports
from devices.imports.checker import Checked
from devices.imports.row_source import Batch
from devices.models import Credential, Device, Import
from tests import builders
from tests.devices.imports.conftest import problems, result, work

if TYPE_CHECKING:
    from devices.models import RecipeVersion
    from tests.conftest import World
    from tests.devices.imports.conftest import Run


def make_certificate(name: str, *, days: int = 10) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=20)).not_valid_after(now + timedelta(days=days))
    return builder.sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def test_every_problem_of_every_row_is_kept(check: Run) -> None:
    importing = check(f"Serial,Name,Model,Group,Tags\n-,{'x' * 121},KG-9,Nowhere,a\nS2,Two,KG-250,Boise,a=1\n")
    assert (importing.state, importing.total, importing.refused) == (Import.State.CHECKED, 2, 1)
    assert [(row, column) for row, column, _ in problems(importing)] == [
        (2, "Group"),
        (2, "Model"),
        (2, "Name"),
        (2, "Serial"),
        (2, "Tags"),
    ]
    assert not Device.objects.filter(serial="S2").exists()


def test_serials_that_are_there_twice(check: Run, world: World) -> None:
    builders.make_device(world.version, serial="S0-3")
    importing = check("Serial\nS01\nS02\nso1\nS03\n")
    assert [(row, column) for row, column, _ in problems(importing)] == [(4, "Serial"), (5, "Serial")]
    first, second = (cause for _, _, cause in problems(importing))
    assert "row 2" in first
    assert "There is a device with this serial already" in second


def test_a_serial_that_is_there_in_another_writing_is_named(check: Run, world: World) -> None:
    for serial in ("NOB00001", "NOB00010", "NOB-7"):
        builders.make_device(world.version, serial=serial)
    importing = check("Serial\nnob-0000I\nNOBOOO1O\nnob7\n")
    same, alike = (
        "There is a device with this serial already.",
        "look-alikes such as O and 0, or I and 1, count as one.",
    )
    assert [cause for _, _, cause in problems(importing)] == [
        f"“NOB0000I”: {same} It is written “NOB00001” there: {alike}",
        f"“NOBOOO1O”: {same} It is written “NOB00010” there: {alike}",
        f"“NOB7”: {same}",
    ]
    told = {group["cause"]: group["rows"] for group in importing.problem_groups or []}
    assert told == {f"{same} It is written otherwise there: {alike}": 2, same: 1}
    Import.objects.update(by=world.stranger)
    importing.refresh_from_db()
    found = Checked(importing).find_problems(Batch([(2, 1, ["nob-0000I"])]))
    assert [error.cause for error in found] == [f"“NOB0000I”: {same}"]


def test_another_organisations_serials_and_groups_do_not_matter(check: Run, world: World) -> None:
    world.other_version.identity = {"kind": "opaque"}
    builders.make_device(world.other_version, serial="S01")
    importing = check(f"Serial,Group\nS01,\nS02,Elsewhere\nS03,#{world.other_site.pk}\nS04,Other / Elsewhere\n")
    assert [row for row, _, _ in problems(importing)] == [3, 4, 5]
    assert all("No such group" in cause for _, _, cause in problems(importing))


def test_what_a_row_may_call_a_group(run: Run, world: World) -> None:
    builders.make_group(world.tekton, "Same")
    same = builders.make_group(world.sadler, "Same")
    names = [
        "Kaiser Permanente Anaheim",
        "sadler-isberg / los angeles/Kaiser  Permanente Anaheim",
        "Kanarra › Sadler-Isberg › Los Angeles › Kaiser Permanente Anaheim",
        f"#{world.anaheim.pk}",
        "Sadler-Isberg / Same",
        "Same",
        "Los Angeles",
    ]
    importing = run("Serial;Group\n" + "".join(f"S{n};{name}\n" for n, name in enumerate(names)))
    groups = [device.group for device in Device.objects.filter(source=importing).order_by("row")]
    assert groups == [world.anaheim] * 4 + [same]
    assert [row for row, _, _ in problems(importing)] == [7, 8]


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ('{"site": "roof", "floor": 3}', {"site": "roof", "floor": "3"}),
        ('[{"name": "claim_code", "value": "x"}]', {"claim_code": "x"}),
        ("site=roof; floor = 3;", {"site": "roof", "floor": "3"}),
        ("site", None),
        ("[1]", None),
        ("{", None),
        ('{"a": "\\u0000"}', None),
        ('{"a\\ud800": "x"}', None),
        ("=x", None),
        ("[" * 90_000, None),
        (";".join(f"k{n}=v" for n in range(51)), None),
        (f"k={'v' * 256}", None),
    ],
)
def test_tags(run: Run, cell: str, tags: dict[str, str] | None) -> None:
    importing = run(f"Serial,Tags,tag:own\nS1,{quoted(cell)},mine\nS2,,\n")
    made = list(Device.objects.filter(source=importing).order_by("row").values_list("tags", flat=True))
    assert made == [*([tags | {"own": "mine"}] if tags is not None else []), {}]
    assert [column for _, column, _ in problems(importing)] == ([] if tags is not None else ["Tags"])


def test_a_west_file_brings_certificates(run: Run) -> None:
    good, other = make_certificate("S1"), make_certificate("S3")
    rows = [("S1", pem(good)), ("S2", der(other)), ("S3", der(other)), ("S4", "junk"), ("S5", der(good)), ("S6", "")]
    rows.append(("S7", pem(make_certificate("S7", days=-1))))
    tags = quoted('[{"name": "claim_code", "value": "7"}]')
    text = "ID,TLS Client Certificate,Tags\n" + "".join(f"{name},{quoted(cell)},{tags}\n" for name, cell in rows)
    importing = run(text)
    assert importing.dialect == Import.Dialect.WEST
    found = Credential.objects.filter(device__source=importing).order_by("device__row")
    assert [each.kind for each in found] == ["certificate", "certificate", "access-key"]
    assert found[0].access_key == good.fingerprint(hashes.SHA256()).hex()
    assert bytes(found[0].secret_hash).hex() == found[0].access_key
    assert found[0].expires_at == good.not_valid_after_utc
    assert [row for row, _, _ in problems(importing)] == [3, 5, 6, 8]
    assert [bool(row["Access secret"]) for row in result(importing)] == [row["ID"] == "S6" for row in result(importing)]


def test_one_certificate_never_serves_two_devices(run: Run, check: Run) -> None:
    certificate = der(make_certificate("any"))
    assert run(f"Serial,Certificate\nS1,{certificate}\n").made == 1
    importing = check(f"Serial,Certificate\nS2,{certificate}\nS3,{certificate}\n")
    assert [(row, "Another device" in cause or "in row 2" in cause) for row, _, cause in problems(importing)] == [
        (2, True),
        (3, True),
        (3, True),
    ]


def test_a_recipe_with_certificates_makes_no_secrets(run: Run, version: RecipeVersion) -> None:
    type(version).objects.filter(pk=version.pk).update(credential_kind="certificate")
    version.refresh_from_db()
    importing = run(f"Serial,Certificate\nS1,{der(make_certificate('x'))}\nS2,\n")
    assert (importing.made, importing.delivery) == (1, None)
    assert [row for row, _, _ in problems(importing)] == [3]


def test_a_recipe_whose_devices_activate_makes_no_credential(run: Run, version: RecipeVersion) -> None:
    version.credential_kind = "activation"
    version.expires = True
    version.save()
    importing = run("Serial\nS1\n")
    device = Device.objects.get(source=importing)
    assert device.expires_at is not None
    assert abs(device.expires_at - device.registered_at - timedelta(hours=48)) < timedelta(minutes=1)
    assert not device.credentials.exists()
    assert importing.delivery is None


def test_a_check_is_done_again_with_other_columns(check: Run, world: World) -> None:
    importing = check("A,Serial\nS1,?\nS2,?\n")
    assert importing.refused == 2
    assert imports.match(
        importing=importing,
        by=world.owner,
        columns=["serial", ""],
        encoding="utf-8",
        delimiter=",",
        group=None,
        all_or_nothing=True,
        name_pattern="Gateway {n} ({serial})",
    )
    assert not problems(importing) or importing.state == Import.State.CHECKING
    importing = work(importing)
    assert (importing.state, importing.refused, problems(importing)) == (Import.State.CHECKED, 0, [])
    assert imports.start(importing=importing, by=world.owner)
    work(importing)
    names = Device.objects.filter(source=importing).order_by("row").values_list("name", flat=True)
    assert list(names) == ["Gateway 1 (S1)", "Gateway 2 (S2)"]


def test_handovers_own_serials_are_made_where_the_file_has_none(run: Run, world: World) -> None:
    world.version.identity = {}
    world.version.save()
    importing = run("Name,Serial\nOne,\nTwo,1234\n", make_serials=True)
    assert importing.serials_to_make == 1
    device = Device.objects.get(source=importing)
    assert (device.name, len(device.serial)) == ("One", 12)
    assert [row for row, _, _ in problems(importing)] == [3]
    assert result(importing)[0]["Serial"] == device.serial


@pytest.mark.parametrize("cell", ["NULL", "KÃ¼hlraum", "a\0b", "#REF!"])
def test_a_spoilt_cell_is_told_wherever_it_stands(check: Run, cell: str) -> None:
    spoilt = {1, 257, 499, 500, 501, 820, 1200}  # batches have 500 rows, and are looked at in shorter parts
    rows = (f"S{row},{cell if row in spoilt else 'Pump'},{'x' * 120}\n" for row in range(1, 1201))
    importing = check("Serial,Name,Description\n" + "".join(rows))
    assert {row - 1 for row, _, _ in problems(importing)} == spoilt
