"""A certificate authority of one's own, and certificates of the site's TLS end that it signs."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lib.private_file import open_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

AUTHORITY, AUTHORITY_KEY, SERVER = "authority.pem", "authority.key", "server.pem"
AUTHORITY_LASTS, SERVER_LASTS = timedelta(days=3650), timedelta(days=397)
EARLIER = timedelta(hours=1)
"""By how much a certificate is valid before it was made: devices' clocks are behind."""
LONGEST_COMMON_NAME = 64
_HOST = re.compile(r"(\*\.)?(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE | re.ASCII)
Key = ec.EllipticCurvePrivateKey


def renew_certificate(folder: Path, names: Sequence[str]) -> Path:
    """Return a PEM file in the folder of a certificate for these host names and addresses, with its key; made anew, by
    the folder's authority, which is made where there is none. Raises ValueError where a name can't be one, or the
    authority can't sign."""
    authority, key = _load_authority(folder) or _make_authority(folder)
    own = ec.generate_private_key(ec.SECP256R1())
    common_name = names[0] if len(names[0]) <= LONGEST_COMMON_NAME else "Handover"  # nobody goes by it
    builder = _begin(common_name, own, SERVER_LASTS).issuer_name(authority.subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([_read_name(name) for name in names]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_make_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
    certificate = builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())
    with open_private(folder / SERVER) as out:
        out.write(_write(certificate) + _write_key(own))
    return folder / SERVER


def _make_authority(folder: Path) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _begin("Handover's own authority", key, AUTHORITY_LASTS).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_make_usage(key_cert_sign=True, crl_sign=True), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    authority = builder.issuer_name(_make_name("Handover's own authority")).sign(key, hashes.SHA256())
    with open_private(folder / AUTHORITY_KEY) as out:
        out.write(_write_key(key))
    with open_private(folder / AUTHORITY) as out:
        out.write(_write(authority))
    return authority, key


def _load_authority(folder: Path) -> tuple[x509.Certificate, Key] | None:
    """Return the folder's authority; None where there is none. Raises ValueError for one that can't sign: it is never
    replaced unasked, since devices trust it."""
    if not any((folder / name).exists() for name in (AUTHORITY, AUTHORITY_KEY)):
        return None
    try:
        return _read_authority(folder)
    except (FileNotFoundError, TypeError, ValueError) as error:
        raise ValueError(
            f"the authority of {AUTHORITY} and {AUTHORITY_KEY} in {folder} can't be used ({error}). "
            "Keep both elsewhere for a new one, which devices then have to be given"
        ) from None


def _read_authority(folder: Path) -> tuple[x509.Certificate, Key]:
    authority = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
    key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
    if not isinstance(key, Key) or authority.public_key() != key.public_key():
        raise ValueError("there is no EC key of that certificate")
    if authority.not_valid_after_utc < datetime.now(UTC) + SERVER_LASTS:
        raise ValueError(f"it ends on {authority.not_valid_after_utc:%Y-%m-%d}")
    return authority, key


def _begin(common_name: str, key: Key, lasts: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_make_name(common_name)).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - EARLIER).not_valid_after(now + lasts)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _make_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _read_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is no host name and no address") from None
        return x509.DNSName(name)


def _make_usage(**given: bool) -> x509.KeyUsage:
    names = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign"
    usage: dict[str, Any] = dict.fromkeys([*names.split(), "crl_sign", "encipher_only", "decipher_only"], False)
    return x509.KeyUsage(**usage | given)


def _write(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _write_key(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
