from __future__ import annotations

import base64
import hmac
import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import BrokerProcess, Listener, simulate, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

ONE = "7K3MQ2XW9TB1"
HOST = "127.0.0.1"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    port: int

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> Answer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        connection.request(method, path, body, headers=headers or {})
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, path: str, **headers: str) -> Answer:
        return self.ask("POST", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def state(self, serial: str = ONE) -> Any:
        return self.get(f"/gateways/{serial}/state.json").json

    def online(self) -> None:
        until(lambda: self.state()["connection"] == "Online")


def open_site(process: subprocess.Popen[str]) -> Site:
    assert process.stderr
    for line in process.stderr:
        if found := re.search(r"panel at http://127.0.0.1:(\d+)/", line):
            return Site(int(found[1]))
    raise AssertionError("no panel")


@pytest.fixture(scope="module")
def site(steady_broker: BrokerProcess, factory_file: Path) -> Iterator[Site]:
    """One gateway."""
    process = simulate(
        *("--devices", factory_file, "--only", ONE, "--panel", 0, "--interval", 1),
        *("--label-url", "https://handover.example/d/"),
        MQTT_URL=steady_broker.url,
    )
    yield open_site(process)
    process.terminate()
    process.communicate(timeout=5)


@pytest.fixture(scope="module")
def park(steady_broker: BrokerProcess, factory_file: Path) -> Iterator[Site]:
    """Several gateways."""
    process = simulate("--devices", factory_file, "--panel", 0, MQTT_URL=steady_broker.url)
    yield open_site(process)
    process.terminate()
    process.communicate(timeout=5)


def test_healthz(site: Site) -> None:
    assert site.get("/healthz").status == 200


@pytest.mark.parametrize("path", ["/", f"/gateways/{ONE}", "/gateways/7k3m-q2xw-9tb1"])
def test_page_shows_the_thing(site: Site, path: str) -> None:
    page = site.get(path, Accept="text/html")
    assert page.status == 200
    assert "7K3M Q2XW 9TB1" in page.text
    assert "KANARRA" in page.text
    assert "REGISTER" in page.text
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in page.text
    assert "secret-1" not in page.text


def test_page_needs_nothing_inline_or_from_elsewhere(site: Site) -> None:
    page = site.get("/", Accept="text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=", page.text)
    assert not re.search(r'(?:src|href)="(?!/)', page.text)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert site.get(asset).status == 200


def test_state_is_live(site: Site) -> None:
    site.online()
    first = site.state()
    assert first["printed"] == "7K3M Q2XW 9TB1"
    assert first["readout"]["frequency"].startswith(("59.", "60.", "0."))
    until(lambda: site.state()["sent"] > first["sent"])


def test_press_is_acknowledged(site: Site) -> None:
    site.online()
    answer = site.post(f"/gateways/{ONE}/press")
    assert (answer.status, answer.json) == (200, {"pressed": True})
    assert site.state()["led"] == "pressed"


def test_digits_are_signed_as_the_protocol_says(steady_broker: BrokerProcess, factory_file: Path) -> None:
    env = {"MQTT_URL": steady_broker.url, "PRESENCE_SECRET": "0b" * 32}
    process = simulate("--devices", factory_file, "--only", "7K3MQ2XW9TB4", "--panel", 0, "--interval", 60, **env)
    listener = Listener(steady_broker.port)
    try:
        keys, path = open_site(process), "/gateways/7K3MQ2XW9TB4/enter"
        until(lambda: keys.state("7K3MQ2XW9TB4")["connection"] == "Online")
        assert "Digits from the phone" in keys.get("/").text
        for wrong in ("", "digits=1234567", "digits=1234567a", "digits=123456789"):
            answer = keys.ask("POST", path, body=wrong)
            assert (answer.status, "not 8 digits" in answer.json["reason"]) == (409, True)
        assert keys.ask("POST", path, body="digits=4071+8623").json == {"pressed": True}
        signed = hmac.digest(b"\x0b" * 32, b"presence:66f0c0ffee66f0c0ffee0004:40718623", "sha256")
        sent = {"presenceAnswer": base64.b64encode(signed).decode()}
        until(lambda: sent in [report["data"] for _, report in listener.reports])
    finally:
        listener.stop()
        process.terminate()
        process.communicate(timeout=5)


def test_a_gateway_without_a_secret_has_no_keys(site: Site) -> None:
    assert "Digits from the phone" not in site.get("/").text
    assert site.ask("POST", f"/gateways/{ONE}/enter", body="digits=12345678").status == 404


def test_plain_form_comes_back_to_the_page(site: Site) -> None:
    site.online()
    answer = site.post(f"/gateways/{ONE}/plug-in", Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (303, f"/gateways/{ONE}")


def test_unplugged_refuses_a_press_and_keeps_reports(site: Site) -> None:
    site.online()
    assert site.post(f"/gateways/{ONE}/unplug").status == 200
    answer = site.post(f"/gateways/{ONE}/press")
    assert answer.status == 409
    assert answer.json["pressed"] is False
    assert "unplugged" in answer.json["reason"]
    assert site.state()["led"] == "refused"
    until(lambda: site.state()["buffered"] >= 2)
    site.post(f"/gateways/{ONE}/plug-in")
    until(lambda: site.state()["connection"] == "Online" and site.state()["buffered"] == 0)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "rebound.example"},
    ],
)
def test_cross_site_post_is_forbidden(site: Site, headers: dict[str, str]) -> None:
    before = site.state()["presses"]
    assert site.post(f"/gateways/{ONE}/press", **headers).status == 403
    assert site.state()["presses"] == before


def test_own_page_may_post(site: Site) -> None:
    headers = {"Origin": f"http://{HOST}:{site.port}", "Sec_Fetch_Site": "same-origin"}
    assert site.post(f"/gateways/{ONE}/plug-in", **headers).status == 200


def test_get_changes_nothing(site: Site) -> None:
    assert site.get(f"/gateways/{ONE}/press").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gateways/NOSUCH"),
        ("GET", "/static/../server.py"),
        ("GET", "/static/server.py"),
        ("GET", "/nothing"),
        ("POST", "/gateways/NOSUCH/press"),
        ("POST", f"/gateways/{ONE}/explode"),
    ],
)
def test_unknown_is_404(site: Site, method: str, path: str) -> None:
    assert site.ask(method, path).status == 404


def test_label_png(site: Site) -> None:
    answer = site.get(f"/gateways/{ONE}/label.png")
    assert answer.headers["Content-Type"] == "image/png"
    assert f'filename="{ONE}.png"' in answer.headers["Content-Disposition"]
    assert answer.body.startswith(b"\x89PNG")


def test_list_finds_by_serial(park: Site) -> None:
    page = park.get("/", Accept="text/html").text
    assert page.count("<li ") == 4
    found = park.get("/?q=7k3m-q2xw-9tb3", Accept="text/html").text
    assert found.count("<li ") == 1
    assert "/gateways/7K3MQ2XW9TB3" in found
    nothing = park.get("/?q=%3Cscript%3E", Accept="text/html").text
    assert nothing.count("<li ") == 0
    assert "No gateway" in nothing
    assert "&lt;script&gt;" in nothing


def test_list_state(park: Site) -> None:
    until(lambda: park.get("/state.json").json["online"] == 4)
    assert [g["led"] for g in park.get("/state.json?q=TB2").json["gateways"]] == ["online"]


def test_pressing_one_leaves_the_others(park: Site) -> None:
    until(lambda: park.get("/state.json").json["online"] == 4)
    assert park.post("/gateways/7K3MQ2XW9TB2/press").status == 200
    assert park.state("7K3MQ2XW9TB2")["presses"] == 1
    assert park.state("7K3MQ2XW9TB3")["presses"] == 0
