"""The rotating code on the device's display (RFC 6238)."""

from __future__ import annotations

import base64
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devices.credentials import presence_secrets
from devices.models import Device, Event, PresenceSecret
from lib import key_wrapping
from lib.refusals import Refusal
from provisioning import refusals
from provisioning.models import Window
from provisioning.presence.rotating_code import compute_code
from provisioning.windows import operations as windows
from provisioning.windows.proofs import prove_presence
from tests.builders import make_device
from tests.devices.api import Program
from tests.provisioning.conftest import ask_for, end_in
from tests.provisioning.windows.test_races import at_once
from tests.refused import refused

if TYPE_CHECKING:
    from tests.conftest import World

KEYS = {"sha1": b"1234567890" * 2, "sha256": (b"1234567890" * 4)[:32], "sha512": (b"1234567890" * 7)[:64]}
VECTORS = [  # RFC 6238, appendix B
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("at", "sha1", "sha256", "sha512"), VECTORS)
def test_the_vectors_of_the_rfc(at: int, sha1: str, sha256: str, sha512: str) -> None:
    codes = [compute_code(key, at // 30, digits=8, algorithm=name) for name, key in KEYS.items()]
    assert codes == [sha1, sha256, sha512]
    assert compute_code(KEYS["sha1"], at // 30) == sha1[-6:]


def test_the_snippet_for_device_makers_shows_the_same() -> None:
    text = (Path(__file__).parents[3] / "docs/protocol.md").read_text()
    (snippet,) = (part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def code(" in part)
    known: dict[str, Any] = {}
    exec(snippet.rpartition("print(")[0], known)
    secret = base64.b32encode(KEYS["sha1"]).decode()
    assert secret in snippet
    assert [known["code"](secret, at) for at, *_ in VECTORS] == [sha1[-6:] for _, sha1, *_ in VECTORS]


def make_secret(device: Device) -> bytes:
    made = presence_secrets.make_presence_secret(device=device, method="rotating-code", by=None)
    return base64.b32decode(made.secret)


def open_window(world: World) -> Window:
    ask_for(world, "rotating-code")
    window = windows.open_window(device=world.waiting, by=world.technician)
    return Window.objects.with_state().get(pk=window.pk)  # with the database's clock


def read_display(window: Window, secret: bytes, steps: int = 0) -> str:
    return compute_code(secret, int(Window.objects.with_state().get(pk=window.pk).now.timestamp()) // 30 + steps)


def test_what_the_display_shows_opens_the_form(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    code = read_display(window, secret)
    shown = Program(world.technician).post(f"windows/{window.key}/proof/", {"code": f"{code[:3]} {code[3:]}"}).json()
    assert (shown["state"], shown["method"]) == ("pressed", "rotating-code")
    assert Event.objects.get(kind="presence-proven").data["method"] == "rotating-code"


@pytest.mark.parametrize(("steps", "counts"), [(-3, False), (-1, True), (1, True), (3, False)])
def test_a_clock_may_be_a_step_off(world: World, steps: int, counts: bool) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    if (left := 30 - time.time() % 30) < 1:  # the step would end on the way
        time.sleep(left)
    code = read_display(window, secret, steps)
    if counts:
        prove_presence(window=window, by=world.technician, code=code)
        return
    with refused(refusals.WRONG_CODE):
        prove_presence(window=window, by=world.technician, code=code)


def test_a_code_counts_once_and_none_before_it_any_more(world: World) -> None:
    secret, window = make_secret(world.waiting), open_window(world)
    code = read_display(window, secret)
    prove_presence(window=window, by=world.technician, code=code)
    again = open_window(world)
    for used in (code, read_display(again, secret, -1)):
        with refused(refusals.WRONG_CODE):
            prove_presence(window=again, by=world.technician, code=used)
    prove_presence(window=again, by=world.technician, code=read_display(again, secret, 1))


@pytest.mark.parametrize("code", ["another's", "000000", "", "9" * 128, "12345", "\u0661" * 6, "\ud800"])
@pytest.mark.parametrize("has", [True, False])
def test_other_codes_count_for_nothing(world: World, code: str, has: bool) -> None:
    if has:
        make_secret(world.waiting)
    others = make_secret(make_device(world.version, name="Another"))
    window = open_window(world)
    with refused(refusals.WRONG_CODE):
        tried = read_display(window, others) if code == "another's" else code
        prove_presence(window=window, by=world.technician, code=tried)


def test_the_secret_is_sealed_and_a_new_one_ends_the_former(world: World) -> None:
    former, window = make_secret(world.waiting), open_window(world)
    row = PresenceSecret.objects.get(device=world.waiting)
    assert former not in bytes(row.sealed or b"")
    assert key_wrapping.unseal(row.sealed or b"") == former
    make_secret(world.waiting)
    with refused(refusals.WRONG_CODE):
        prove_presence(window=window, by=world.technician, code=read_display(window, former))


def send(window: Window, world: World, code: str) -> object:
    """What became of it: a refusal, or None if it was accepted."""
    try:
        prove_presence(window=window, by=world.technician, code=code)
    except Refusal as refusal:
        return refusal.kind
    return None


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_of_10000_guesses_none_is_accepted_and_of_one_code_sent_at_once_one(world: World) -> None:
    """Twenty are looked at, the rest refused before. `make soak` sends all, `make test` one of a hundred."""
    secret, window = make_secret(world.waiting), open_window(world)
    fitting = {read_display(window, secret, step) for step in range(-2, 4)}
    guesses = [code for code in (f"{number * 97:06}" for number in range(10_000)) if code not in fitting]
    first, then = guesses[:30], guesses[30 :: 1 if "SOAK_ROUNDS" in os.environ else 100]
    outcomes = [*at_once(len(first), lambda n: send(window, world, first[n]))]
    for number, code in enumerate(then):
        if number % 1_000 == 999:  # all in one window, however long it takes
            end_in(window, minutes=5)
        outcomes.append(send(window, world, code))
    assert set(outcomes) == {refusals.WRONG_CODE, refusals.TOO_MANY_CODES}
    assert outcomes.count(refusals.WRONG_CODE) == 20
    with refused(refusals.TOO_MANY_CODES):
        prove_presence(window=window, by=world.technician, code=read_display(window, secret))
    Window.objects.update(wrong_codes=0)
    code = read_display(window, secret)
    at_once(8, lambda _: prove_presence(window=window, by=world.technician, code=code))
    assert Event.objects.filter(kind="presence-proven").count() == 1
