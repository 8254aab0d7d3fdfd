"""Signatures by a device's own key: with the secret that it shares with the site, or with the key of a certificate that
is one of its credentials.

Written as base64 (RFC 4648, with either alphabet and with or without its padding): HMAC-SHA256 (RFC 2104); or, behind
the certificate (DER) and a dot, what the certificate's key makes: Ed25519 (RFC 8032), ECDSA on P-256 with SHA-256 (as
RFC 7518 or X9.62 write it), or RSA (RFC 8017, PKCS1-v1_5 with SHA-256) of 2048 bits at least.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

LONGEST = 8_000  # characters of an answer
MAC_LENGTH = 32  # bytes
LEAST_RSA = 2048  # bits
_P256_LENGTH = 64  # bytes of two numbers, as RFC 7518 writes them
_TO_PLAIN = str.maketrans("-_", "+/")


class Signed(NamedTuple):
    """Hold an answer: a signature, and the certificate (DER) whose key made it, empty where the shared secret did."""

    signature: bytes
    certificate: bytes


def read_answer(text: str) -> Signed:
    """Return what the device sent. Raises ValueError, in words, for what is no answer."""
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} characters")
    before, _, last = text.strip().rpartition(".")
    signature, certificate = _decode(last), _decode(before)
    if not signature:
        raise ValueError("it is empty")
    if not certificate and len(signature) != MAC_LENGTH:
        raise ValueError(f"it has {len(signature)} bytes, HMAC-SHA256 has {MAC_LENGTH}")
    return Signed(signature, certificate)


def _decode(text: str) -> bytes:
    plain = text.translate(_TO_PLAIN).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None


def compute_fingerprint(certificate: bytes) -> str:
    """Return the SHA-256 of the whole certificate, in hex: what a device is known by (docs/decisions/0038)."""
    return hashlib.sha256(certificate).hexdigest()


def is_made_with(secret: bytes, message: bytes, mac: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(secret, message, "sha256"), mac)


def is_signed_by(certificate: bytes, message: bytes, signature: bytes) -> bool:
    """Decide whether the certificate's key signed the message; by what kind of key, the certificate alone says."""
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        return verify(key, message, signature)
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        return False


def verify(key: object, message: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(_write_der(signature), message, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA:
            key.verify(signature, message, padding.PKCS1v15(), SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _write_der(signature: bytes) -> bytes:
    if len(signature) != _P256_LENGTH:
        return signature
    half = _P256_LENGTH // 2
    return encode_dss_signature(*(int.from_bytes(part, "big") for part in (signature[:half], signature[half:])))
