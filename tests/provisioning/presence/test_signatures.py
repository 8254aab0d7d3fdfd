"""Signatures with which devices answer: published vectors, certificates, and what stands in docs/protocol.md."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devices.credentials import operations as credentials
from devices.models import Credential
from provisioning.presence.signatures import is_made_with, verify
from tests import certificates
from tests.provisioning.presence.test_challenge import (
    list_refused,
    make_secret,
    open_window,
    read_state,
    report_answers,
    wrong_digits,
)

if TYPE_CHECKING:
    from tests.certificates import Made
    from tests.conftest import World

PROTOCOL = (Path(__file__).parents[3] / "docs/protocol.md").read_text()
RFC_4231 = [  # sections 4.2, 4.3, 4.4, 4.7
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]
RFC_8032 = [  # section 7.1, tests 1 and 2
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
        "eeb00d291612bb0c00",
    ),
]
RFC_6979_X = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
RFC_6979_Y = "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
RFC_6979 = [  # appendix A.2.5, SHA-256
    (
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
]


@pytest.mark.parametrize(("key", "message", "mac"), RFC_4231)
def test_hmac_sha256_as_rfc_4231_has_it(key: bytes, message: bytes, mac: str) -> None:
    assert is_made_with(key, message, bytes.fromhex(mac))
    assert not is_made_with(key, message + b".", bytes.fromhex(mac))


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_ed25519_as_rfc_8032_has_it(public: str, message: bytes, signature: str) -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    assert verify(key, message, bytes.fromhex(signature))
    assert not verify(key, message + b".", bytes.fromhex(signature))


@pytest.mark.parametrize(("message", "r", "s"), RFC_6979)
def test_ecdsa_as_rfc_6979_has_it(message: bytes, r: str, s: str) -> None:
    """As RFC 7518 writes the two numbers, and as openssl does."""
    key = ec.EllipticCurvePublicNumbers(int(RFC_6979_X, 16), int(RFC_6979_Y, 16), ec.SECP256R1()).public_key()
    for signature in (bytes.fromhex(r + s), encode_dss_signature(int(r, 16), int(s, 16))):
        assert verify(key, message, signature)
        assert not verify(key, message + b".", signature)
        assert not verify(key, message, signature[:-1])


def test_no_key_of_another_kind_is_taken() -> None:
    weak, other = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())
    assert not verify(weak.public_key(), b"a", weak.sign(b"a", PKCS1v15(), SHA256()))
    assert not verify(other.public_key(), b"a", other.sign(b"a", ec.ECDSA(SHA256())))
    assert not verify(object(), b"a", b"b")


def let_in(world: World, made: Made) -> Credential:
    row = {"kind": Credential.Kind.CERTIFICATE, "access_key": made.fingerprint, "secret_hash": bytes(32)}
    return Credential.objects.create(device=world.waiting, **row)


def answer_with(made: Made, text: str, *, certificate: Made | None = None) -> str:
    signature = made.key.sign(text.encode(), ec.ECDSA(SHA256()))
    return ".".join(base64.urlsafe_b64encode(part).decode() for part in ((certificate or made).der, signature))


@pytest.mark.parametrize("name", ["device_id", "serial"])
def test_the_certificates_key_answers(world: World, name: str) -> None:
    made = certificates.make()
    let_in(world, made)
    window = open_window(world)
    report_answers(world.waiting, [answer_with(made, f"presence:{getattr(world.waiting, name)}:{window.challenge}")])
    assert (read_state(window), list_refused(world.waiting)) == ("pressed", [])


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("unknown", "answer-certificate-unknown"),
        ("revoked", "answer-certificate-unknown"),
        ("another's key", "answer-wrong"),
        ("other digits", "answer-wrong"),
        ("other name", "answer-wrong"),
    ],
)
def test_another_certificate_or_key_does_not(world: World, case: str, reason: str) -> None:
    made, other = certificates.make(), certificates.make()
    if case != "unknown":
        let_in(world, made)
    window = open_window(world)
    if case == "revoked":
        credentials.revoke_all_credentials([world.waiting], by=world.owner)
    name = world.foreign.device_id if case == "other name" else world.waiting.device_id
    text = f"presence:{name}:{wrong_digits(window) if case == 'other digits' else window.challenge}"
    sent = answer_with(other, text, certificate=made) if case == "another's key" else answer_with(made, text)
    report_answers(world.waiting, [sent])
    assert (read_state(window), list_refused(world.waiting)) == ("waiting", [reason])


# What stands in docs/protocol.md -------------------------------------------------------------


def find_part(language: str, word: str) -> str:
    (part,) = (each for each in re.findall(rf"```{language}\n(.*?)```", PROTOCOL, re.DOTALL) if word in each)
    return str(part)


def run_lines(lines: str, folder: Path, **env: str) -> list[str]:
    """Run them with a program in place of the one that sends, and return what that was given."""
    said = (
        'sent() { for each; do printf "%s\\n" "$each"; done; }; mosquitto_pub() { sent "$@"; }; curl() { sent "$@"; }'
    )
    done = subprocess.run(
        ["/bin/sh", "-euc", f"{said}\n{lines}"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "SITE": "", "ORGANISATION": "", "ACCESS_KEY": "", "ACCESS_SECRET": ""} | env,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_the_snippet_for_device_makers_opens_the_form(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    known: dict[str, Any] = {}
    exec(find_part("python", "def answer("), known)
    report_answers(world.waiting, [known["answer"](secret.hex(), world.waiting.device_id, window.challenge)])
    assert read_state(window) == "pressed"


def test_the_lines_for_a_shell_do_too(world: World, tmp_path: Path) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    env = {"DEVICE_ID": world.waiting.device_id, "DIGITS": window.challenge, "SECRET": secret.hex()}
    sent = run_lines(find_part("sh", "-macopt hexkey"), tmp_path, **env)
    assert f"devices/{world.waiting.device_id}/state" in sent
    (body,) = (each for each in sent if each.startswith("{"))
    report_answers(world.waiting, [], body=body)
    assert read_state(window) == "pressed"


def test_the_lines_for_a_certificate_do_too(world: World, tmp_path: Path) -> None:
    made = certificates.make(world.waiting.serial)
    let_in(world, made)
    (tmp_path / "device-cert.pem").write_text(made.pem)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (tmp_path / "device-key.pem").write_bytes(key)
    window = open_window(world)
    sent = run_lines(
        find_part("sh", "-sign device-key"), tmp_path, SERIAL=world.waiting.serial, DIGITS=window.challenge
    )
    (field,) = (each for each in sent if each.startswith("presenceAnswer="))
    report_answers(world.waiting, [field.removeprefix("presenceAnswer=")])
    assert read_state(window) == "pressed"
