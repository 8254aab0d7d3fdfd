"""What a gateway shows while it waits to be let in, on the port on which its panel comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from firmware_sim.display import Display
from firmware_sim.doors import Shown
from firmware_sim.identity import BadInput
from tests.parts import free_port

if TYPE_CHECKING:
    from email.message import Message

SHOWN = Shown("WDJB-MJHT", "https://site.example/approve/?code=WDJB-MJHT", 'Words <b>&"')


def get(port: int, path: str = "/", host: str = "") -> tuple[str, Message]:
    request = Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host} if host else {})
    with urlopen(request, timeout=10) as answer:
        return answer.read().decode(), answer.headers


def test_it_shows_the_code_and_its_qr_code_until_it_is_let_in() -> None:
    port = free_port()
    with Display("DEV0001", ("127.0.0.1", port)) as display:
        assert display.show(SHOWN) == f"with it a QR code on http://127.0.0.1:{port}/"
        page, headers = get(port)
        assert ">WDJB-MJHT<" in page
        assert "<svg" in page
        assert "Words &lt;b&gt;" in page
        assert headers["Refresh"] == "3; url=/"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert ".code" in get(port, "/static/panel.css")[0]
        assert ">WDJB-MJHT<" in get(port, "/anything")[0]
        display.show(SHOWN._replace(code="<NEW>"))
        assert ">&lt;NEW&gt;<" in get(port)[0]
        with pytest.raises(HTTPError, match="403"):
            get(port, host="rebound.example")
    with pytest.raises(URLError):
        get(port)


def test_without_a_panel_it_has_no_display() -> None:
    with Display("DEV0001", None) as display:
        assert display.show(SHOWN) == "has no display"


def test_a_port_that_is_taken_is_named() -> None:
    port = free_port()
    with Display("1", ("127.0.0.1", port)) as first, Display("2", ("127.0.0.1", port)) as second:
        first.show(SHOWN)
        with pytest.raises(BadInput, match="Give another port with --panel"):
            second.show(SHOWN)
