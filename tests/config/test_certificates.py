"""Certificates of the site's TLS end: signed by an authority of one's own, for the names that devices ask for."""

from __future__ import annotations

import ipaddress
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import CommandError, call_command

from config import certificates
from config.certificates import AUTHORITY, AUTHORITY_KEY, SERVER, renew_certificate
from tests.certificates import make

if TYPE_CHECKING:
    from pathlib import Path


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def names_of(certificate: x509.Certificate) -> list[object]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [name.value for name in found]


def test_the_certificate_is_of_the_names_and_its_authoritys(tmp_path: Path) -> None:
    file = renew_certificate(tmp_path, ["devices.example", "*.devices.example", "192.0.2.7", "2001:db8::7"])
    own, authority = load(file), load(tmp_path / AUTHORITY)
    assert names_of(own) == [
        "devices.example",
        "*.devices.example",
        ipaddress.ip_address("192.0.2.7"),
        ipaddress.ip_address("2001:db8::7"),
    ]
    own.verify_directly_issued_by(authority)
    authority.verify_directly_issued_by(authority)
    assert load_pem_private_key(file.read_bytes(), None).public_key() == own.public_key()


def test_what_each_of_the_two_is_good_for(tmp_path: Path) -> None:
    own, authority = load(renew_certificate(tmp_path, ["localhost"])), load(tmp_path / AUTHORITY)
    constraints = [each.extensions.get_extension_for_class(x509.BasicConstraints) for each in (own, authority)]
    assert [(each.critical, each.value.ca, each.value.path_length) for each in constraints] == [
        (True, False, None),
        (True, True, 0),
    ]
    usages = [each.extensions.get_extension_for_class(x509.KeyUsage).value for each in (own, authority)]
    assert [(usage.digital_signature, usage.key_cert_sign, usage.crl_sign) for usage in usages] == [
        (True, False, False),
        (False, True, True),
    ]
    extended = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [*extended] == [ExtendedKeyUsageOID.SERVER_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        authority.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_both_are_in_time_for_a_device_whose_clock_is_behind(tmp_path: Path) -> None:
    own, authority = load(renew_certificate(tmp_path, ["localhost"])), load(tmp_path / AUTHORITY)
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    for certificate, lasts in ((own, certificates.SERVER_LASTS), (authority, certificates.AUTHORITY_LASTS)):
        assert abs(now - timedelta(hours=1) - certificate.not_valid_before_utc) < minute
        assert abs(now + lasts - certificate.not_valid_after_utc) < minute
    assert own.not_valid_after_utc - own.not_valid_before_utc < timedelta(days=398)  # what browsers take


def test_a_new_certificate_is_the_same_authoritys(tmp_path: Path) -> None:
    first = load(renew_certificate(tmp_path, ["localhost"]))
    before = [(tmp_path / name).read_bytes() for name in (AUTHORITY, AUTHORITY_KEY)]
    second = load(renew_certificate(tmp_path, ["localhost"]))
    assert [(tmp_path / name).read_bytes() for name in (AUTHORITY, AUTHORITY_KEY)] == before
    assert first.public_key() != second.public_key()
    assert first.serial_number != second.serial_number


def test_keys_are_their_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    renew_certificate(folder, ["localhost"])
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(
        [AUTHORITY, AUTHORITY_KEY, SERVER], 0o600
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["localhost", "a", "xn--pmpe-0ra.example", "A.Example", "1.example", "a" * 63, "*.a"])
def test_what_can_be_a_host_is_one(tmp_path: Path, name: str) -> None:
    assert names_of(load(renew_certificate(tmp_path, [name]))) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a b",
        "-a",
        "a-",
        "a..b",
        ".a",
        "a.",
        "*",
        "a.*",
        "*.*.a",
        "a/b",
        "pümpe.example",
        "a" * 64,
        "a_b",
        "1.2.3.4/24",
        "a:80",
    ],
)
def test_what_can_be_none_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no host name and no address"):
        renew_certificate(tmp_path, ["localhost", name])
    assert not (tmp_path / SERVER).exists()


def put(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


def write_key(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize("harm", ["no key", "no certificate", "another's key", "locked key", "no pem", "ends soon"])
def test_an_authority_that_can_not_sign_is_kept_and_told(tmp_path: Path, harm: str) -> None:
    renew_certificate(tmp_path, ["localhost"])
    own = load_pem_private_key((tmp_path / AUTHORITY_KEY).read_bytes(), None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    if harm == "no key":
        (tmp_path / AUTHORITY_KEY).unlink()
    elif harm == "no certificate":
        (tmp_path / AUTHORITY).unlink()
    elif harm == "another's key":
        put(tmp_path, AUTHORITY_KEY, write_key(ec.generate_private_key(ec.SECP256R1())))
    elif harm == "locked key":
        put(tmp_path, AUTHORITY_KEY, write_key(own, b"secret"))
    elif harm == "no pem":
        put(tmp_path, AUTHORITY, b"nothing")
    else:
        short = make("Short", authority=True, until=certificates.SERVER_LASTS - timedelta(days=1))
        put(tmp_path, AUTHORITY, short.pem.encode())
        put(tmp_path, AUTHORITY_KEY, write_key(short.key))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"can't be used .*Keep both elsewhere for a new one"):
        renew_certificate(tmp_path, ["localhost"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_command_says_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("tls_certificate", "localhost", folder=tmp_path)
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{tmp_path / SERVER}: certificate and key of the TLS end, for 397 days"
    assert second == f"{tmp_path / AUTHORITY}: what devices are to trust"


def test_the_command_says_what_it_can_not_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No certificate for a b: 'a b' is no host name") as refused:
        call_command("tls_certificate", "a b", folder=tmp_path)
    assert refused.value.returncode == 2
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="can't be written") as refused:
        call_command("tls_certificate", "localhost", folder=tmp_path / "file" / "below")
    assert refused.value.returncode == 2
