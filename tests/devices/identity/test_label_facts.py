"""Each field of a label is read: of TR005, and of JSON and addresses, whose fields are called as makers like."""

from __future__ import annotations

import pytest

from devices.identity.label_facts import LabelFacts, fold_name, read_facts

BASE = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122"
WHOLE = LabelFacts("YYWWNNNNNN", "AABBCCDDEEFF0011", "1122334455667788", "AABB1122", "AABBCCDDEEFF", "FOOBAR")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (f"{BASE}:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C", WHOLE),
        (f"{BASE}:PFOOBAR:XUNKNOWN:SYYWWNNNNNN:OAABBCCDDEEFF", WHOLE),
        (f"{BASE}:Oab+/c==", LabelFacts("", "AABBCCDDEEFF0011", "1122334455667788", "AABB1122", "ab+/c==")),
        (BASE.lower(), LabelFacts("", "AABBCCDDEEFF0011", "1122334455667788", "AABB1122")),
        (
            '{"DevEUI": "aa:bb:cc:dd:ee:ff:00:11", "AppEUI": "11-22-33-44-55-66-77-88", "ownerToken": "t0ken"}',
            LabelFacts("", "AABBCCDDEEFF0011", "1122334455667788", "", "t0ken"),
        ),
        (
            "https://maker.example/d?devEUI=AABBCCDDEEFF0011&joinEui=1122334455667788&profile_id=KG%202&owner_token=x%2B",
            LabelFacts("", "AABBCCDDEEFF0011", "1122334455667788", "KG 2", "x+"),
        ),
        ('{"DevEUI": "AABB", "AppEUI": "not one"}', LabelFacts()),
        ('{"DevEUI": ', LabelFacts()),
        ("KANARRA01339", LabelFacts()),
        ("[" * 900, LabelFacts()),
        ("https://[::1", LabelFacts()),
    ],
)
def test_what_a_label_says(text: str, facts: LabelFacts) -> None:
    assert read_facts(text) == facts


def test_an_organisation_calls_fields_as_its_makers_do() -> None:
    text = '{"hw": {"Dev-Id": "AABBCCDDEEFF0011", "no": 17, "fam": "kg-2"}, "key": "t0ken"}'
    assert read_facts(text) == LabelFacts()
    names = {"devid": "dev_eui", "no": "serial", "fam": "profile", "key": "owner_token"}
    assert read_facts(text, names) == LabelFacts("17", "AABBCCDDEEFF0011", "", "KG-2", "t0ken")
    assert fold_name("Dev-Id ") == "devid"


def test_the_owner_token_is_not_kept() -> None:
    assert read_facts(f"{BASE}:Osecret").without_secrets() == {
        "dev_eui": "AABBCCDDEEFF0011",
        "join_eui": "1122334455667788",
        "profile": "AABB1122",
    }


@pytest.mark.parametrize("text", ['{"no": "A\\u0000"}', '{"no": "A\\ud800"}', "https://maker.example/d?no=A%00"])
def test_what_no_database_takes_is_no_fact(text: str) -> None:
    assert read_facts(text, {"no": "serial"}) == LabelFacts()
