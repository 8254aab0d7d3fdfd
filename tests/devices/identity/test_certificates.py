"""What a certificate says of its device."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.identity.certificates import read_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
BEGIN, END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def make(*names: tuple[x509.ObjectIdentifier, str]) -> bytes:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    made = x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number(), BEGIN, END)
    return made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("names", "common"),
    [
        ([(NameOID.COMMON_NAME, "GW-0017")], "GW-0017"),
        ([(NameOID.ORGANIZATION_NAME, "Kanarra"), (NameOID.COMMON_NAME, "dévice 1")], "dévice 1"),
        ([(NameOID.COMMON_NAME, "first"), (NameOID.COMMON_NAME, "second")], "first"),
        ([(NameOID.SERIAL_NUMBER, "17")], ""),
        ([], ""),
    ],
)
def test_it_says_whose_it_is_and_from_when_to_when(names: list[tuple[x509.ObjectIdentifier, str]], common: str) -> None:
    der = make(*names)
    assert read_certificate(der) == (hashlib.sha256(der).hexdigest(), common, BEGIN, END)


@pytest.mark.parametrize("der", [b"", b"\x30", b"no certificate", make((NameOID.COMMON_NAME, "x"))[:-1]])
def test_what_is_no_certificate_is_told_as_one_error(der: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_certificate(der)
