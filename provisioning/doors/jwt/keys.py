"""Keys by which tokens are signed: read from what an admin gives, kept, and loaded to check a signature.

Each key is for one algorithm: a public key never counts as a shared secret. Minimal sizes: RFC 7518, 3.2 and 3.3.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import PyJWTError

from lib import key_wrapping
from lib.refusals import Refusal
from provisioning.doors import refusals

if TYPE_CHECKING:
    from provisioning.models import DoorKey

    PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
SHORTEST_SECRET, SHORTEST_RSA, LONGEST_RSA = 32, 2048, 8192  # bytes; bits
LONGEST_SECRET = 512  # bytes
LONGEST_FILE = 64 << 10
MOST = 20  # in a file
PRIVATE = "This is a private key. Keep it where tokens are signed, and give its public part here."
NO_KEY = "This is no key that we can read. Give a public key in PEM, or a JWKS in JSON."


class Given(NamedTuple):
    """Hold a key as an admin gave it: `material` is DER, or the shared secret itself."""

    name: str
    algorithm: str
    material: bytes

    def __repr__(self) -> str:
        return f"Given({self.name!r}, {self.algorithm!r}, …)"


def read_secret(text: str, name: str = "") -> Given:
    """Return a shared secret, which is the text itself. Raises ValueError in words for people."""
    secret = text.encode()
    if len(secret) < SHORTEST_SECRET:
        raise ValueError(f"A secret for HS256 has {SHORTEST_SECRET} bytes at least; this one has {len(secret)}.")
    if len(secret) > LONGEST_SECRET:
        raise ValueError(f"A secret has {LONGEST_SECRET} bytes at most.")
    return _check_secret(Given(name, "HS256", secret))


def _check_secret(given: Given) -> Given:
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(given.material)
    except PyJWTError:
        raise ValueError("This is no shared secret but a key of a pair. Give it as a public key.") from None
    return given


def read_public_keys(text: str, name: str = "") -> list[Given]:
    """Return the keys of a PEM, or of a JWKS (RFC 7517). Raises ValueError in words for people."""
    if len(text) > LONGEST_FILE:
        raise ValueError("This is too long for keys.")
    if "PRIVATE KEY" in text:
        raise ValueError(PRIVATE)
    if text.lstrip().startswith("{"):
        return _read_jwks(text)
    try:
        loaded = serialization.load_pem_public_key(text.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(NO_KEY) from None
    return [_check_public(loaded, name)]


def _read_jwks(text: str) -> list[Given]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(NO_KEY) from None
    listed = content.get("keys", [content])
    if not isinstance(listed, list) or not listed:
        raise ValueError("This JWKS has no list of `keys`.")
    if len(listed) > MOST:
        raise ValueError(f"This JWKS has more than {MOST} keys.")
    return [_read_jwk(each) for each in listed]


def _read_jwk(jwk: Any) -> Given:
    if not isinstance(jwk, dict) or not isinstance(name := jwk.get("kid", ""), str) or len(name) > 200 or "\0" in name:
        raise ValueError("A key of this JWKS is no object, or its `kid` no text of 200 characters at most.")
    if jwk.get("kty") == "oct":
        return _read_oct(jwk, name)
    if "d" in jwk:
        raise ValueError(PRIVATE)
    try:
        given = _check_public(jwt.PyJWK(jwk).key, name)
    except (PyJWTError, UnsupportedAlgorithm, KeyError, TypeError, AttributeError):
        raise ValueError(f"The key {name or 'without `kid`'} of this JWKS can't be read.") from None
    if jwk.get("alg", given.algorithm) != given.algorithm:
        raise ValueError(f"The key {name or 'without `kid`'} is for another algorithm than {', '.join(ALGORITHMS)}.")
    return given


def _read_oct(jwk: dict[str, Any], name: str) -> Given:
    try:
        encoded = jwk["k"].rstrip("=")
        secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (KeyError, AttributeError, ValueError, binascii.Error):
        raise ValueError("The `k` of a shared secret is no base64url.") from None
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET or jwk.get("alg", "HS256") != "HS256":
        raise ValueError(f"A shared secret is for HS256, and has {SHORTEST_SECRET} to {LONGEST_SECRET} bytes.")
    return _check_secret(Given(name, "HS256", secret))


def _check_public(key: Any, name: str) -> Given:
    material = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, RSAPublicKey):
        if not SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
            raise ValueError(f"An RSA key has {SHORTEST_RSA} to {LONGEST_RSA} bits; this one has {key.key_size}.")
        return Given(name, "RS256", material)
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name == SECP256R1.name:
        return Given(name, "ES256", material)
    if isinstance(key, Ed25519PublicKey):
        return Given(name, "EdDSA", material)
    raise ValueError("A public key is RSA, EC of the curve P-256, or Ed25519.")


def keep(given: Given) -> bytes:
    """Return it as it is stored: a secret is sealed."""
    return key_wrapping.seal(given.material) if given.algorithm == "HS256" else given.material


def load(key: DoorKey) -> Any:
    """Return what PyJWT checks a signature with. Raises Refusal where a secret can't be unsealed any more."""
    material = bytes(key.material or b"")
    if key.algorithm != "HS256":
        return serialization.load_der_public_key(material)
    if (secret := key_wrapping.unseal(material)) is None:
        raise Refusal(refusals.DOOR_KEY_UNREADABLE)
    return secret
