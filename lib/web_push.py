"""What a browser's push service is sent: a message that the browser alone reads (RFC 8291, in the one record of RFC
8188's aes128gcm), and who says that (RFC 8292).

A browser that subscribed is known by its endpoint, its public key `p256dh` and its secret `auth`.
"""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from lib.outgoing.addresses import Target

    Key = ec.EllipticCurvePrivateKey

CURVE = ec.SECP256R1()
CONTENT_ENCODING = "aes128gcm"
POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
RECORD = 4096
MOST = 3_900  # bytes of a message: services take 4,096 in all
LAST = b"\x02"  # of the record, there is one
LASTS_SECONDS = 12 * 3600  # of what says who sends: a day at most


class Browser(NamedTuple):
    """Hold whom a message is for: a point of the curve, uncompressed, and the secret that it shares with us."""

    p256dh: bytes
    auth: bytes


def make_key() -> Key:
    return ec.generate_private_key(CURVE)


def write_point(key: Key) -> bytes:
    """Return the key's public half, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def read_scalar(key: Key) -> bytes:
    return key.private_numbers().private_value.to_bytes(32)


def build_key(scalar: bytes) -> Key:
    return ec.derive_private_key(int.from_bytes(scalar), CURVE)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Return what base64url says, padded or not. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def read_browser(p256dh: str, auth: str) -> Browser:
    """Return whom these mean, as a browser writes them (base64url). Raises ValueError."""
    browser = Browser(decode(p256dh), decode(auth))
    if len(browser.p256dh) != POINT_BYTES or len(browser.auth) != AUTH_BYTES:
        raise ValueError("too short or too long")
    ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser.p256dh)
    return browser


def encrypt(message: bytes, browser: Browser, *, key: Key | None = None, salt: bytes | None = None) -> bytes:
    """Return the body of a message for the browser; `key` and `salt` are of this message alone, and made here."""
    if len(message) > MOST:
        raise ValueError(f"more than {MOST} bytes")
    key, salt = key or make_key(), salt or os.urandom(SALT_BYTES)
    point = write_point(key)
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, browser.p256dh))
    sealed = _seal(shared, browser, point, salt)
    header = salt + RECORD.to_bytes(4) + bytes([len(point)]) + point
    return header + sealed.cipher.encrypt(sealed.nonce, message + LAST, None)


def decrypt(body: bytes, key: Key, auth: bytes) -> bytes:
    """Return the message, as the browser does that has the key. Raises ValueError."""
    salt, length = body[:SALT_BYTES], body[SALT_BYTES + 4]
    point, record = body[SALT_BYTES + 5 :][:length], body[SALT_BYTES + 5 + length :]
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
    sealed = _seal(shared, Browser(write_point(key), auth), point, salt)
    try:
        padded = sealed.cipher.decrypt(sealed.nonce, record, None).rstrip(b"\x00")
    except InvalidTag:
        raise ValueError("it is for somebody else") from None
    return padded.removesuffix(LAST)


class _Sealed(NamedTuple):
    cipher: AESGCM
    nonce: bytes


def _seal(shared: bytes, browser: Browser, point: bytes, salt: bytes) -> _Sealed:
    material = _derive(shared, browser.auth, b"WebPush: info\x00" + browser.p256dh + point, 32)
    key = _derive(material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    return _Sealed(AESGCM(key), _derive(material, salt, b"Content-Encoding: nonce\x00", 12))


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def write_authorization(target: Target, key: Key, *, contact: str, now: float | None = None) -> str:
    """Return the header Authorization, by which a push service knows that the key's holder sends this; `contact` is an
    address of https or mailto."""
    said = {"aud": f"https://{target.authority}", "exp": int(now or time.time()) + LASTS_SECONDS, "sub": contact}
    return f"vapid t={jwt.encode(said, key, algorithm='ES256')}, k={encode(write_point(key))}"
