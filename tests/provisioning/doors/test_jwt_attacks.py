"""Tokens that somebody made up: none is accepted, and each leaves its cause."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.db.models.functions import Now

from devices.identity import serials
from devices.models import Device
from provisioning.doors import refused_attempts
from provisioning.doors.jwt import keys
from provisioning.models import Door, DoorKey, DoorRefusal, JwtIssuer
from tests.provisioning.doors.makers import SECRET, add_key, make_jwt_door, register, sign

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.conftest import World

pytestmark = pytest.mark.django_db
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(private: Any) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(private.public_key().public_bytes(serialization.Encoding.PEM, kind).decode())


PEM = {algorithm: pem(private) for algorithm, private in PRIVATE.items()}


@pytest.fixture(autouse=True)
def _no_limit(settings: Settings) -> None:
    settings.DOOR_REFUSALS_ADDRESS = 10**6


@pytest.fixture
def door(world: World) -> Door:
    made = make_jwt_door(world.version, settings={"algorithms": list(keys.ALGORITHMS)})
    for algorithm, text in PEM.items():
        (given,) = keys.read_public_keys(text, name=f"{algorithm}-1")
        add_key(made, given)
    return made


def encode(part: bytes | dict[str, Any]) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forge(header: bytes | dict[str, Any], claims: bytes | dict[str, Any], secret: str | bytes = SECRET) -> str:
    """A token with whatever header, with a right HS256 signature by the secret."""
    signed = f"{encode(header)}.{encode(claims)}"
    secret = secret.encode() if isinstance(secret, str) else secret
    return f"{signed}.{encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


HS, ISS = {"alg": "HS256", "typ": "JWT"}, {"iss": "factory.example"}
STRANGER = rsa.generate_private_key(65537, 2048)
ATTACKS: dict[str, str] = {
    "alg none": f"{encode({'alg': 'none'})}.{encode(ISS)}.",
    "alg none, signed": forge({"alg": "none"}, ISS),
    "alg None": forge({"alg": "None"}, ISS),
    "alg missing": forge({"typ": "JWT"}, ISS),
    "alg a list": forge({"alg": ["HS256"]}, ISS),
    "alg hs256": forge({"alg": "hs256"}, ISS),
    "alg HS512": jwt.encode(ISS, SECRET * 2, "HS512"),
    "alg PS256": jwt.encode(ISS, PRIVATE["RS256"], "PS256"),
    "public RSA key as secret": forge(HS, ISS, PEM["RS256"]),
    "public EC key as secret": forge(HS, ISS, PEM["ES256"]),
    "public RSA key in DER as secret": forge(HS, ISS, keys.read_public_keys(PEM["RS256"])[0].material),
    "RS256 kid with HS256": forge(HS | {"kid": "RS256-1"}, ISS, PEM["RS256"]),
    "RS256 with HS256's signature": forge({"alg": "RS256"}, ISS),
    "empty secret": forge(HS, ISS, b""),
    "kid of a file": forge(HS | {"kid": "../../../../dev/null"}, ISS, b""),
    "kid with SQL": forge(HS | {"kid": "' OR 1=1 --"}, ISS, b"x"),
    "kid a number": forge(HS | {"kid": 7}, ISS),
    "kid long": forge(HS | {"kid": "x" * 500}, ISS),
    "jwk in the header": jwt.encode(ISS, STRANGER, "RS256", headers={"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}),
    "jku": jwt.encode(ISS, STRANGER, "RS256", headers={"jku": "http://127.0.0.1:1/keys"}),
    "x5u": jwt.encode(ISS, STRANGER, "RS256", headers={"x5u": "http://127.0.0.1:1/cert"}),
    "crit": forge(HS | {"crit": ["b64"], "b64": False}, ISS),
    "crit empty": forge(HS | {"crit": []}, ISS),
    "expired": sign({"exp": int(time.time()) - 90}),
    "expired a text": sign({"exp": "x"}),
    "expires at infinity": forge(HS, b'{"iss": "factory.example", "exp": 1e999}'),
    "expires at NaN": forge(HS, b'{"iss": "factory.example", "exp": NaN}'),
    "not yet valid": sign({"nbf": int(time.time()) + 86_400}),
    "issued in the future": sign({"iat": int(time.time()) + 86_400}),
    "issuer twice": forge(HS, b'{"iss": "nobody", "iss": "factory.example"}'),
    "alg twice": forge(b'{"alg": "none", "alg": "HS256"}', ISS),
    "another issuer": sign({"iss": "other.example"}),
    "issuer a list": forge(HS, {"iss": ["factory.example"]}),
    "no issuer": forge(HS, {"sub": "x"}),
    "another secret": sign(key="another secret, which nobody here ever had"),
    "cut off": sign()[:-2],
    "two parts": sign().rpartition(".")[0],
    "four parts": sign() + ".x",
    "padding": sign() + "=",
    "spaces": f" {sign()}",
    "newline": f"{sign()}\n",
    "JSON serialisation": json.dumps({"payload": encode(ISS), "signatures": []}),
    "encrypted, five parts": "a.b.c.d.e",
    "very long": sign({"x": "x" * 20_000}),
    "deep": forge(HS, b'{"iss": "factory.example", "x": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "claims no object": forge(HS, b'["iss"]'),
    "not UTF-8": forge(HS, b'{"iss": "\xff"}'),
    "NUL in issuer": forge(HS, {"iss": "factory.example\0"}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_forged_token_is_accepted(name: str, door: Door) -> None:
    before = Device.objects.count()
    answer = register(serials.generate(), ATTACKS[name])
    assert (answer.status_code, answer.json()) in [
        (403, {"error": "Invalid registration token"}),
        (413, answer.json()),
    ]
    assert Device.objects.count() == before


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_a_true_token_of_each_algorithm_is_accepted(algorithm: str, door: Door) -> None:
    key = PRIVATE.get(algorithm, SECRET)
    names: list[dict[str, Any]] = [{}, {"kid": f"{algorithm}-1"}]
    for headers in names:
        if algorithm == "HS256" or headers:
            assert register(serials.generate(), sign(key=key, algorithm=algorithm, **headers)).status_code == 200


def test_an_algorithm_counts_only_where_the_door_takes_it(door: Door) -> None:
    Door.objects.filter(pk=door.pk).update(settings={"issuer": "factory.example", "algorithms": ["ES256"]})
    assert register(serials.generate()).status_code == 403
    assert register(serials.generate(), sign(key=PRIVATE["ES256"], algorithm="ES256")).status_code == 200
    assert told(door) == {"door-token-algorithm"}


def told(door: Door) -> set[str]:
    refused_attempts.refused_attempts.count()
    return set(DoorRefusal.objects.of(door).values_list("reason", flat=True))


RULES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"exp": 1}, "door-token-expired"),
    ({}, {"nbf": 2**33}, "door-token-early"),
    ({"expires": True}, {}, "door-token-endless"),
    ({"audience": "handover"}, {"aud": "another"}, "door-token-audience"),
    ({"audience": "handover"}, {}, "door-token-audience"),
    ({"audience": "handover"}, {"aud": 7}, "door-token-audience"),
    ({"once": True}, {}, "door-token-unnamed"),
    ({}, {"exp": "soon"}, "door-token-unreadable"),
]


@pytest.mark.parametrize(("rules", "claims", "reason"), RULES)
def test_what_a_true_token_is_refused_for(
    world: World, rules: dict[str, Any], claims: dict[str, Any], reason: str
) -> None:
    door = make_jwt_door(world.version, settings=rules)
    assert register(serials.generate(), sign(claims)).status_code == 403
    assert told(door) == {reason}


def list_messages(door: Door) -> list[str]:
    refused_attempts.refused_attempts.count()
    return [refusal.message for refusal in DoorRefusal.objects.of(door)]


def test_a_token_that_is_not_whole_is_told_as_that(door: Door) -> None:
    header, claims, signature = sign(key=PRIVATE["ES256"], algorithm="ES256").split(".")
    short = encode(b'{"alg": "ES256"}').removesuffix("Q")
    forms = {
        "signature": [f"{header}.{claims}.{signature}x", f"{header}.{claims}.{signature}AAA", f"{header}.{claims}.A"],
        "header": [f"{short}{last}.{claims}.{signature}" for last in "RST"],
    }
    for part, tokens in forms.items():
        for token in tokens:
            DoorRefusal.objects.all().delete()
            assert register(serials.generate(), token).status_code == 403
            (message,) = list_messages(door)
            assert f"its {part} is no base64url" in message


def test_a_claim_s_value_is_told_as_that(door: Door) -> None:
    wrong: list[dict[str, Any]] = [{"exp": "soon"}, {"iat": "x"}, {"nbf": []}, {"sub": 3}]
    for claims in wrong:
        DoorRefusal.objects.all().delete()
        assert register(serials.generate(), sign(claims)).status_code == 403
        assert "a claim of it has a wrong type" in list_messages(door)[0]


def test_what_the_rules_admit(world: World) -> None:
    soon = int(time.time()) + 60
    make_jwt_door(world.version, settings={"expires": True, "audience": "handover", "once": True, "leeway": 120})
    claims = {"exp": soon - 120, "aud": ["x", "handover"], "jti": "1", "nbf": soon}
    assert register(serials.generate(), sign(claims)).status_code == 200
    assert register(serials.generate(), sign(claims)).status_code == 403  # once
    assert register(serials.generate(), sign(claims | {"jti": "2"})).status_code == 200


def test_a_key_that_ended_is_told_and_another_goes_on(world: World) -> None:
    door = make_jwt_door(world.version)
    newer = "another secret of thirty-two bytes, or more"
    add_key(door, keys.read_secret(newer, "2027"))
    assert register(serials.generate()).status_code == 200
    DoorKey.objects.filter(door=door, name="").update(ended_at=Now())
    assert register(serials.generate()).status_code == 403
    assert register(serials.generate(), sign(key=newer, kid="2027")).status_code == 200
    assert told(door) == {"door-key-ended"}


def test_a_token_of_one_organisation_acts_in_no_other(world: World) -> None:
    """Whoever takes another's key and issuer gets none of its devices: the name is the first one's, for good."""
    make_jwt_door(world.version)
    thief = Door.objects.create(
        organisation=world.other,
        kind="jwt",
        name="Thief",
        recipe=world.other_version.recipe,
        settings={"issuer": "factory.example", "algorithms": ["HS256"]},
    )
    add_key(thief, keys.read_secret(SECRET))
    for path in ("/api/register-device", "/o/other/api/register-device"):
        register(serials.generate(), path=path)
    assert not Device.objects.filter(organisation=world.other).exclude(pk=world.alien.pk).exists()
    assert JwtIssuer.objects.get().organisation == world.kanarra


def test_secrets_are_sealed_and_public_keys_are_public(door: Door) -> None:
    kept = {key.algorithm: bytes(key.material or b"") for key in DoorKey.objects.of(door)}
    assert SECRET.encode() not in kept["HS256"]
    assert kept["RS256"] == keys.read_public_keys(PEM["RS256"])[0].material


WEAK = rsa.generate_private_key(65537, 1024)
P384 = ec.generate_private_key(ec.SECP384R1())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (pem(WEAK), "2048"),
        (pem(P384), "P-256"),
        ("no key", "no key that we can read"),
        ("-----BEGIN PRIVATE KEY-----", "private key"),
        ("{", "no key that we can read"),
        ('{"keys": []}', "no list"),
        ('{"keys": [7]}', "no object"),
        ('{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}', "32"),
        ('{"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}', "can't be read"),
        ('{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "AQAB"}]}', "private key"),
        ("[" * 60_000, "no key that we can read"),
        ('{"keys": [' + "{}," * 30 + "{}]}", "more than 20"),
    ],
)
def test_a_key_that_is_too_weak_or_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        keys.read_public_keys(text)


@pytest.mark.parametrize("secret", ["short", "x" * 600, PEM["RS256"], '{"kty": "oct", "k": "' + "x" * 40 + '"}'])
def test_a_secret_that_is_too_short_or_a_public_key_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret"):
        keys.read_secret(secret)


def test_a_jwks_brings_its_keys_with_their_names() -> None:
    jwks = {
        "keys": [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE["RS256"].public_key())) | {"kid": "a"},
            json.loads(jwt.algorithms.ECAlgorithm.to_jwk(PRIVATE["ES256"].public_key())) | {"kid": "b"},
            json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(PRIVATE["EdDSA"].public_key())) | {"kid": "c"},
        ]
    }
    read = keys.read_public_keys(json.dumps(jwks))
    assert [(given.name, given.algorithm) for given in read] == [("a", "RS256"), ("b", "ES256"), ("c", "EdDSA")]
