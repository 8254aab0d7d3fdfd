"""A gateway from the shelf: what it sends to a door, what it tells and keeps, and how it ends when it is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from firmware_sim import cli, link
from firmware_sim.entering import MOST_REFUSALS, Refused
from firmware_sim.fleet import Fleet
from firmware_sim.identity import BadInput
from tests.parts import free_port

from .conftest import BrokerProcess, Listener, ScriptedBroker, simulate, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firmware_sim.fleet import Plan

SERIAL, ID, SECRET = "7K3MQ2XW9TBC", "66f0c0ffee66f0c0ffee0001", "an access secret that nobody may see"
TOKEN = "0123456789abcdef" * 2 + "01234567"
JWT = {"deviceId": ID, "accessKey": "key-1", "accessSecret": SECRET}
ZTP = {"hostname": "b.example", "brokerHost": "b.example", "port": 8883, "clientId": ID}
ZTP |= {"username": "key-1", "password": SECRET}


class Sent(NamedTuple):
    path: str
    content_type: str
    body: str


class Site:
    """Says what it was told to, one answer after the other, and the last one again and again."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                site.sent.append(Sent(self.path, self.headers["Content-Type"], body))
                status, text, headers = site.answers.pop(0) if len(site.answers) > 1 else site.answers[0]
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(text.encode()))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def says(self, status: int, body: object = "", **headers: str) -> None:
        self.answers.append((status, body if isinstance(body, str) else json.dumps(body), headers))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("firmware_sim.entering.sleep", lambda _: None)
    server = Site()
    yield server
    server.stop()


def planned(site: Site, door: str, *arguments: Any, **env: str) -> Plan:
    everything = ["--door", door, "--site", site.url, *map(str, arguments)]
    return cli.build_plan(cli.build_parser(env).parse_args(everything), env)


def refuse(site: Site, door: str, *arguments: Any) -> str:
    with pytest.raises(Refused) as refused:
        planned(site, door, "--serial", SERIAL, "--token", "a token", "--device-id", ID, *arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def kept_in(path: str | Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(Path(path).read_text())
    return found


def test_a_signed_token(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.says(200, JWT)
    claims = base64.urlsafe_b64encode(b'{"iss":"factory.example","exp":1795751975}').decode().rstrip("=")
    token = f"eyJhbGciOiJIUzI1NiJ9.{claims}.{'s' * 43}"
    plan = planned(site, "jwt", SERIAL=SERIAL, TOKEN=token)
    [identity] = plan.identities
    assert (identity.device_id, identity.access_key, identity.access_secret) == (ID, "key-1", SECRET)
    sent = Sent("/api/register-device", "application/json", json.dumps({"token": token, "manufacturerId": SERIAL}))
    assert site.sent == [sent]
    told = capsys.readouterr().out
    assert "signed by 'factory.example', until 2026-11-27" in told
    assert f"> POST {site.url}/api/register-device" in told
    assert f'< 200 OK: {{"deviceId": "{ID}", "accessKey": "key-1", "accessSecret": "an acc… (36 characters)"}}' in told
    assert token not in told
    assert SECRET not in told


def test_the_shared_token_of_a_profile_tells_the_broker(site: Site) -> None:
    site.says(200, ZTP)
    plan = planned(site, "ztp", "--serial", SERIAL, TOKEN="a-uuid")
    sent = json.dumps({"token": "a-uuid", "hardwareId": SERIAL})
    assert site.sent == [Sent("/ztp/cloudlocate/credentials", "application/json", sent)]
    assert (plan.broker.host, plan.broker.port, plan.broker.tls is not None) == ("b.example", 8883, True)
    [identity] = plan.identities
    assert (identity.device_id, identity.access_key, identity.access_secret) == (ID, "key-1", SECRET)
    mine = planned(site, "ztp", "--serial", SERIAL, "--mqtt-url", "mqtt://mine.example")
    assert (mine.broker.host, mine.broker.port, mine.broker.tls) == ("mine.example", 1883, None)


def test_activation_gives_a_token_that_is_the_password(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.says(200, TOKEN)
    plan = planned(site, "activate", "--serial", "7k3m q2xw-9tbc", "--organisation", "kanarra", "--device-id", ID)
    form = "application/x-www-form-urlencoded"
    assert site.sent == [Sent("/o/kanarra/provision/activate", form, "id=7k3m%20q2xw-9tbc")]
    [identity] = plan.identities
    user_name = hashlib.sha256(f"token:{TOKEN}".encode()).hexdigest()[:32]
    assert (identity.device_id, identity.access_key, identity.access_secret) == (ID, user_name, TOKEN)
    assert TOKEN not in capsys.readouterr().out


def test_a_second_start_asks_nobody(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.says(200, JWT)
    first = planned(site, "jwt", "--serial", "7k3m-q2xw-9tbc", TOKEN="t")
    file = Path(f"var/firmware/{SERIAL}.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name], "a draft was left"
    capsys.readouterr()
    second = planned(site, "jwt", "--serial", "7k3m-q2xw-9tbc")  # nor is the token needed any more
    assert len(site.sent) == 1
    assert second.identities == first.identities
    assert "is not asked again" in capsys.readouterr().out


def test_a_makers_file_gives_everything(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.says(200, TOKEN)
    given = {"site": "http://nobody.example", "organisation": "kanarra", "serial": SERIAL, "device_id": ID}
    Path("gateway.json").write_text(json.dumps(given | {"mqtt_url": "mqtt://127.0.0.1:7"}))
    plan = planned(site, "activate", "--given", "gateway.json", "--quiet", ORGANISATION="other")
    assert site.sent[0].path == "/o/other/provision/activate"  # an option before a variable before the file
    assert plan.broker.port == 7
    assert kept_in("gateway.flash.json")["access_secret"] == TOKEN
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("door", "status", "body", "means"),
    [
        ("jwt", 403, {"error": "Missing manufacturerId field."}, "--serial"),
        ("jwt", 403, {"error": "Device already registered."}, "--flash"),
        ("jwt", 403, {"error": "Invalid registration token"}, "under Refused on the door's page"),
        ("ztp", 403, "Device hardware code not whitelisted", "other serials"),
        ("ztp", 403, "Device already registered", "in 30 s"),
        ("ztp", 403, "No plan for device", "--token"),
        ("ztp", 400, "What came is no JSON object.", "--serial"),
        ("activate", 404, "", "adds the device first"),
        ("activate", 409, "", "open the window again"),
        ("activate", 403, "", "--organisation"),
        ("activate", 415, "This door gives no tokens.", "choose a password"),
        ("jwt", 404, "<!doctype html>", "--site"),
        ("jwt", 301, "", "moved"),
        ("jwt", 200, {"deviceId": ID}, "it lacks accessKey, accessSecret"),
        ("jwt", 200, JWT | {"deviceId": "a/b"}, "device_id has"),
        ("ztp", 200, ZTP | {"port": None}, "it lacks port"),
        ("ztp", 200, "[" * 9999, "it lacks hostname"),
        ("activate", 200, "no token\n", "no token of 40"),
    ],
)
def test_a_refusal_ends_it_with_what_to_do(site: Site, door: str, status: int, body: object, means: str) -> None:
    site.says(status, body)
    assert means in refuse(site, door)
    assert len(site.sent) == 1
    assert not list(Path("var/firmware").iterdir())


def test_what_a_stranger_answers_does_nothing_to_the_terminal(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.says(403, "\033[2Jred\x00\n" * 9999)
    assert "\033" not in (said := refuse(site, "ztp"))
    assert "\033" not in (told := capsys.readouterr().out)
    assert len(said) + len(told) < 2000


def test_a_busy_site_is_asked_again(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("firmware_sim.entering.sleep", waited.append)
    site.says(503, "Away for a moment.", **{"Retry-After": "5"})
    site.says(429, "Too often.", **{"Retry-After": "9999"})
    site.says(429, "Too often.", **{"Retry-After": "soon"})
    site.says(200, JWT)
    assert planned(site, "jwt", "--serial", SERIAL, TOKEN="t").identities
    assert waited == [5, 60, 8]
    assert "asks again in 5 s" in capsys.readouterr().out
    site.answers.clear()
    site.says(503, "Away.")
    assert "Asked 5 times" in refuse(site, "ztp", "--flash", "other.json")


def test_a_site_that_is_not_there_is_told(site: Site) -> None:
    site.url = f"http://127.0.0.1:{free_port()}"
    assert "does not answer" in refuse(site, "jwt")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "Missing --serial"),
        (("--serial", "a/b"), "Bad --serial"),
        (("--serial", SERIAL), "Missing --token"),
        (("--serial", SERIAL, "--door", "activate"), "Missing --device-id. It stands on the device's page"),
        (("--serial", SERIAL, "--token", "sec\nret"), "Bad --token"),
        (("--serial", SERIAL, "--token", "secr\u20act", "--door", "approve"), "Bad --token"),
        (("--serial", SERIAL, "--devices", "x.csv"), "for one gateway"),
        (("--serial", SERIAL, "--token", "t", "--site", "ftp://x"), "Bad --site"),
        (("--serial", SERIAL, "--token", "t", "--site", "http://x:99999"), "Bad --site"),
        (("--serial", SERIAL, "--token", "t", "--mqtt-url", "http://x"), "Bad --mqtt-url"),
        (("--serial", SERIAL, "--token", "t", "--flash", "/proc/no/such"), "Cannot keep anything"),
        (("--given", "none.json"), "Cannot read none.json"),
        (("--given", "bad.json"), "is no JSON"),
        (("--given", "list.json"), "is no maker's file"),
        (("--serial", SERIAL, "--flash", "list.json"), "no file that this program kept"),
        (("--serial", SERIAL, "--flash", "theirs.json"), "of the gateway THEIRS"),
    ],
)
def test_bad_input_is_told_before_a_door_is_asked(site: Site, arguments: tuple[str, ...], cause: str) -> None:
    Path("bad.json").write_bytes(b"\xff{")
    Path("list.json").write_text("[1]")
    theirs = {"serial": "theirs", "device_id": ID, "access_key": "k", "access_secret": "s"}
    Path("theirs.json").write_text(json.dumps(theirs))
    with pytest.raises(BadInput, match=cause):
        planned(site, "jwt", *arguments)
    assert not site.sent


def test_a_doors_options_need_a_door() -> None:
    with pytest.raises(BadInput, match="Say which with --door"):
        cli.build_plan(cli.build_parser({}).parse_args(["--token", "t"]), {})


def test_what_the_broker_refuses_is_told_and_not_tried_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "compute_backoff", lambda *_, **__: 0.01)
    site.says(200, JWT)

    async def act() -> int:
        server = ScriptedBroker(connack=4)
        address = await server.start()
        plan = planned(site, "jwt", "--serial", SERIAL, "--mqtt-url", f"mqtt://127.0.0.1:{address.port}", TOKEN="t")
        try:
            async with asyncio.timeout(10):
                with pytest.raises(Refused, match=r"revoked or replaced.* remove the file of --flash"):
                    await Fleet(plan).run()
        finally:
            await server.stop()
        return len(server.connects)

    assert asyncio.run(act()) == MOST_REFUSALS
    assert kept_in(f"var/firmware/{SERIAL}.json")["access_secret"] == SECRET


def test_from_the_command_line_to_a_report(
    site: Site, broker: BrokerProcess, listener: Listener, tmp_path: Path
) -> None:
    site.says(200, JWT)
    flash = tmp_path / "flash.json"
    arguments = ("--door", "jwt", "--serial", SERIAL, "--site", site.url, "--flash", flash, "--mqtt-url", broker.url)
    process = simulate(*arguments, TOKEN="a token that nobody may see")
    until(lambda: listener.reports)
    process.terminate()
    told, error = process.communicate(timeout=5)
    assert process.returncode == 0
    assert listener.reports[0][0] == f"devices/{ID}/state"
    assert "It is in the registry" in told
    for text in (told, error):
        assert SECRET not in text
        assert "nobody may see" not in text
    site.answers.clear()
    site.says(403, {"error": "Device already registered."})
    process = simulate(*arguments[:-4], "--flash", tmp_path / "lost.json", TOKEN="t")
    told, error = process.communicate(timeout=5)
    assert process.returncode == 3
    assert error.startswith(f"firmware_sim: The door refused {SERIAL}: 403")
    assert error.count("\n") == 1
