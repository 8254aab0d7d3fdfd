"""Keys as an admin gives them: what is read as which kind, and what is said of the rest."""

from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict

from lib import key_wrapping
from provisioning.doors import refusals
from provisioning.doors.jwt import keys
from provisioning.doors.jwt.forms import KeyForm
from provisioning.models import DoorKey
from tests.refused import refused

EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = "s" * 32


def pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return text.decode()


def jwk(**change: object) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key()))
    return {name: value for name, value in (made | change).items() if value is not None}


def oct_key(secret: bytes, **change: object) -> dict[str, Any]:
    encoded = base64.urlsafe_b64encode(secret).decode()
    return {"kty": "oct", "k": encoded, **change}


def read(*listed: object) -> list[keys.Given]:
    return keys.read_public_keys(json.dumps({"keys": list(listed)}))


@pytest.mark.parametrize(("length", "taken"), [(31, False), (32, True), (512, True), (513, False)])
def test_a_shared_secret_has_so_many_bytes(length: int, *, taken: bool) -> None:
    secret = "ä" * (length // 2) + "x" * (length % 2)
    if taken:
        assert keys.read_secret(secret, "one") == keys.Given("one", "HS256", secret.encode())
        return
    with pytest.raises(ValueError, match=r"this one has 31|512 bytes at most"):
        keys.read_secret(secret)


@pytest.mark.parametrize(("key", "algorithm"), [(EC, "ES256"), (ED, "EdDSA")])
def test_a_public_key_is_for_the_algorithm_of_its_kind(key: Any, algorithm: str) -> None:
    (given,) = keys.read_public_keys(f"\n{pem(key)}\n", "named")
    assert (given.name, given.algorithm) == ("named", algorithm)
    stored = DoorKey(algorithm=algorithm, material=keys.keep(given))
    assert stored.material == given.material
    assert keys.load(stored).public_bytes_raw() if algorithm == "EdDSA" else keys.load(stored).curve.name == "secp256r1"


def test_a_shared_secret_is_kept_sealed_and_unsealed_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    given = keys.read_secret(SECRET)
    stored = DoorKey(algorithm="HS256", material=keys.keep(given))
    assert SECRET.encode() not in bytes(stored.material or b"")
    assert keys.load(stored) == SECRET.encode()
    assert SECRET not in repr(given)


def test_one_that_the_site_can_unseal_no_more_is_told() -> None:
    assert key_wrapping.unseal(b"of another site") is None
    with refused(refusals.DOOR_KEY_UNREADABLE):
        keys.load(DoorKey(algorithm="HS256", material=b"of another site"))


@pytest.mark.parametrize("alone", [True, False], ids=["a key alone", "in a list"])
def test_keys_of_a_jwks_are_read_with_their_names(alone: bool) -> None:
    text = json.dumps(jwk(kid="2026") if alone else {"keys": [jwk(kid="2026")]})
    assert [(given.name, given.algorithm) for given in keys.read_public_keys(f"  {text}")] == [("2026", "ES256")]


def test_a_jwks_may_mix_kinds_and_leave_names_out() -> None:
    found = read(jwk(), oct_key(b"k" * 32, kid="shared", alg="HS256"), jwk(kid="b", alg="ES256"))
    assert [(given.name, given.algorithm) for given in found] == [("", "ES256"), ("shared", "HS256"), ("b", "ES256")]
    assert found[1].material == b"k" * 32


@pytest.mark.parametrize("padded", ["", "=", "=="])
def test_a_shared_secret_of_a_jwks_counts_with_its_padding_or_without(padded: str) -> None:
    encoded = base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")
    assert read({"kty": "oct", "k": encoded + padded})[0].material == b"k" * 32


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (jwk(kid=7), "`kid` no text"),
        (jwk(kid="x" * 201), "`kid` no text"),
        (jwk(kid="a\0"), "`kid` no text"),
        ("text", "no object"),
        (jwk(d="AQAB"), "private key"),
        (jwk(alg="ES384", kid="a"), "The key a is for another algorithm"),
        (jwk(alg="ES512"), "The key without `kid` is for another algorithm"),
        (jwk(crv="P-384"), "can't be read"),
        (jwk(x=None), "The key without `kid` of this JWKS can't be read"),
        (jwk(kty="DSA", kid="a"), "The key a of this JWKS can't be read"),
        ({}, "can't be read"),
        (oct_key(b"k" * 31), "32 to 512 bytes"),
        (oct_key(b"k" * 513), "32 to 512 bytes"),
        (oct_key(b"k" * 64, alg="HS512"), "is for HS256"),
        ({"kty": "oct"}, "no base64url"),
        ({"kty": "oct", "k": 7}, "no base64url"),
        ({"kty": "oct", "k": "k" * 40 + "!"}, "no base64url"),
        (oct_key(pem(EC).encode()), "Give it as a public key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_said_of_a_key_that_will_not_do(key: object, words: str) -> None:
    with pytest.raises(ValueError) as told:
        read(jwk(), key)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x" * (keys.LONGEST_FILE + 1), "too long"),
        (f"{pem(EC)}-----BEGIN ENCRYPTED PRIVATE KEY-----", "private key"),
        (pem(ed448.Ed448PrivateKey.generate()), "RSA, EC of the curve P-256, or Ed25519"),
        ('{"keys": "all"}', "no list"),
        ('{"keys": {}}', "no list"),
        ("[]", "no key that we can read"),
    ],
    ids=["long", "private", "Ed448", "text", "object", "list"],
)
def test_what_is_said_of_a_file_that_will_not_do(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        keys.read_public_keys(text)


# As an admin sends them ----------------------------------------------------------------------------


def send(text: str = "", secret: str = "", file: bytes | None = None) -> KeyForm:
    files: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict()
    if file is not None:
        files["file"] = SimpleUploadedFile("keys.pem", file)
    return KeyForm({"name": "2026", "text": text, "secret": secret}, files)


@pytest.mark.parametrize(
    ("sent", "algorithm"),
    [({"text": pem(EC)}, "ES256"), ({"file": pem(ED).encode()}, "EdDSA"), ({"secret": SECRET}, "HS256")],
    ids=["text", "file", "secret"],
)
def test_a_key_comes_as_text_as_a_file_or_as_a_secret(sent: dict[str, Any], algorithm: str) -> None:
    form = send(**sent)
    assert form.is_valid(), form.errors
    assert [(each.name, each.algorithm) for each in form.cleaned_data["given"]] == [("2026", algorithm)]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"text": pem(EC), "secret": SECRET},
        {"text": pem(EC), "file": pem(ED).encode()},
        {"file": pem(ED).encode(), "secret": SECRET},
        {"text": pem(EC), "file": pem(ED).encode(), "secret": SECRET},
    ],
    ids=["none", "text and secret", "text and file", "file and secret", "all"],
)
def test_of_several_none_is_taken_and_the_others_left_out(sent: dict[str, Any]) -> None:
    assert send(**sent).errors == {"__all__": ["Give one: a public key, a file with keys, or a shared secret."]}


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"text": "no key"}, "text", "no key that we can read"),
        ({"secret": "short"}, "secret", "has 32 bytes at least"),
        ({"file": b"\xff\xfe"}, "file", "no key that we can read"),
        ({"file": b"no key"}, "file", "no key that we can read"),
        ({"file": b" "}, "file", "no key that we can read"),
        ({"file": b""}, "file", "empty"),
        ({"file": b"x" * (keys.LONGEST_FILE + 1)}, "file", "too large for keys"),
    ],
    ids=["text", "secret", "no UTF-8", "no key", "blank", "empty", "large"],
)
def test_what_is_wrong_with_a_key_is_said_where_it_was_given(sent: dict[str, Any], field: str, words: str) -> None:
    form = send(**sent)
    assert list(form.errors) == [field]
    assert words in form.errors[field][0]
