"""Messages for browsers, by the RFCs' own examples."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from lib import web_push
from lib.outgoing.addresses import read_target
from lib.web_push import decode, encode

# RFC 8291, section 5 and appendix A
PLAIN = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
AUTHORITY = "https://push.example.net"


def test_a_message_is_that_of_the_rfc() -> None:
    browser = web_push.read_browser(P256DH, AUTH)
    body = web_push.encrypt(PLAIN, browser, key=web_push.build_key(decode(SENDER)), salt=decode(SALT))
    assert encode(body) == BODY


def test_the_browser_reads_it_and_nobody_else() -> None:
    key = web_push.build_key(decode(BROWSER))
    assert encode(web_push.write_point(key)) == P256DH
    assert web_push.decrypt(decode(BODY), key, decode(AUTH)) == PLAIN
    for other, auth in ((web_push.make_key(), decode(AUTH)), (key, bytes(16))):
        with pytest.raises(ValueError, match="somebody else"):
            web_push.decrypt(decode(BODY), other, auth)


def test_no_two_messages_are_alike() -> None:
    browser = web_push.read_browser(P256DH, AUTH)
    first, second = web_push.encrypt(PLAIN, browser), web_push.encrypt(PLAIN, browser)
    assert first[:16] != second[:16]
    assert first[21:86] != second[21:86]
    key = web_push.build_key(decode(BROWSER))
    assert web_push.decrypt(first, key, decode(AUTH)) == web_push.decrypt(second, key, decode(AUTH)) == PLAIN


def test_the_largest_message_fits_into_what_services_take() -> None:
    browser = web_push.read_browser(P256DH, AUTH)
    assert len(web_push.encrypt(b"x" * web_push.MOST, browser)) <= 4096
    with pytest.raises(ValueError, match="more than"):
        web_push.encrypt(b"x" * (web_push.MOST + 1), browser)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", AUTH),
        (P256DH[:-2], AUTH),
        (P256DH, AUTH[:-2]),
        (P256DH, AUTH + "AAAA"),
        (encode(b"\x04" + bytes(64)), AUTH),  # no point of the curve
        (encode(b"\x00" * 65), AUTH),
        (P256DH.replace("_", "!"), AUTH),
        (P256DH, "…"),
    ],
)
def test_keys_that_are_none(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError):
        web_push.read_browser(p256dh, auth)


def test_who_sends_it_is_said_as_the_rfc_has_it() -> None:
    """RFC 8292, section 2: signed by ES256, for the origin of the endpoint, for a day at most."""
    key = web_push.make_key()
    target = read_target(f"{AUTHORITY}/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV")
    header = web_push.write_authorization(target, key, contact="mailto:push@example.com", now=1_453_523_768.5)
    scheme, _, rest = header.partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    assert (scheme, set(parts)) == ("vapid", {"t", "k"})
    public = ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, decode(parts["k"]))
    said = jwt.decode(parts["t"], public, ["ES256"], audience=AUTHORITY, options={"verify_exp": False})
    assert said["sub"] == "mailto:push@example.com"
    assert said["exp"] - 1_453_523_768 <= 24 * 3600
    assert json.loads(decode(parts["t"].partition(".")[0])) == {"typ": "JWT", "alg": "ES256"}


def test_the_rfcs_own_signature_is_read() -> None:
    """RFC 8292, section 2.4: what is sent there is what we would take for one of this key."""
    token = (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1"
        "YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW"
        "2L9OkSSHzvoD1oA"
    )
    point = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    public = ec.EllipticCurvePublicKey.from_encoded_point(web_push.CURVE, decode(point))
    said = jwt.decode(token, public, ["ES256"], audience=AUTHORITY, options={"verify_exp": False})
    assert said["sub"] == "mailto:push@example.com"
