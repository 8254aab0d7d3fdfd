"""Certificates as devices have them: signed by themselves or by an authority, in time or not, in files with keys."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


class Made(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def header(self) -> str:
        """As RFC 9440 has it."""
        return f":{base64.b64encode(self.der).decode()}:"

    def write(self, folder: Path) -> Path:
        """A file of both, as `curl --cert` takes it."""
        file = folder / f"{self.fingerprint[:12]}.pem"
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        file.write_text(self.pem + key)
        return file


def make(
    name: str = "00000002",
    *,
    by: Made | None = None,
    since: timedelta = -DAY,
    until: timedelta = DAY,
    authority: bool = False,
) -> Made:
    """Signed by itself, or `by` an authority; valid `since` and `until`, from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(by.certificate.subject if by else subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + since).not_valid_after(now + until)
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Made(builder.sign(by.key if by else key, hashes.SHA256()), key)


def write_without_its_key(victim: Made, folder: Path) -> Path:
    """A file with somebody's certificate and a key that claims to be its own: OpenSSL compares the public halves alone,
    so that a client of it begins the handshake and signs with the wrong one."""
    other = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
    form = PrivateFormat.TraditionalOpenSSL
    der = victim.key.private_bytes(Encoding.DER, form, NoEncryption())
    own = victim.key.private_numbers().private_value.to_bytes(32, "big")
    assert der.count(own) == 1
    body = base64.encodebytes(der.replace(own, other)).decode()
    file = folder / "stolen.pem"
    file.write_text(f"{victim.pem}-----BEGIN EC PRIVATE KEY-----\n{body}-----END EC PRIVATE KEY-----\n")
    return file
