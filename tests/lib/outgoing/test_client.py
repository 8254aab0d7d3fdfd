"""What is posted reaches whom it is for and nobody else, and whatever the other side does is over in time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError

from lib.outgoing import addresses, client, results
from tests.receivers import Receiver, certificates, receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 0.7  # instead of ten


def post(url: str, *, networks: tuple[str, ...] = ("127.0.0.0/8",), trusts: bool = True) -> results.Answer:
    context = ssl.create_default_context(cafile=str(certificates()[0]) if trusts else None)
    with ThreadPoolExecutor(1) as resolver:
        rules = client.Rules(addresses.read_networks(networks), context, resolver, seconds=SECONDS)
        message = client.Message(addresses.read_target(url), b'{"type":"test"}', [("webhook-id", "msg_1")])
        return asyncio.run(client.post(message, rules))


@contextmanager
def raw(talk: Callable[[ssl.SSLSocket], None]) -> Iterator[str]:
    """A TLS server that says what it likes; its address."""
    server = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates()[1])

    def serve() -> None:
        try:
            plain, _ = server.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.recv(4096)
                talk(connection)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.getsockname()[1]}/"
    finally:
        server.close()
        thread.join(5)


@pytest.fixture
def back_end() -> Iterator[Receiver]:
    with receiver() as told:
        yield told


def test_it_is_posted_as_it_is_to_be(back_end: Receiver) -> None:
    answer = post(back_end.url)
    assert (answer.result, answer.status) == (results.DONE, 204)
    assert back_end.got[0].body == b'{"type":"test"}'
    assert back_end.got[0].headers["content-type"] == "application/json"
    assert back_end.got[0].headers["host"] == f"localhost:{back_end.port}"


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, "done"),
        (299, "done"),
        (301, "redirect"),
        (307, "redirect"),
        (400, "status"),
        (410, "gone"),
        (500, "status"),
    ],
)
def test_only_2xx_means_that_it_was_taken(back_end: Receiver, status: int, result: str) -> None:
    back_end.refuse(status, location=f"https://localhost:{back_end.port}/elsewhere")
    answer = post(back_end.url)
    assert (answer.result, answer.status) == (result, status)
    assert len(back_end.got) == 1, "no redirect is followed"


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3"),
        *("255.255.255.255", "224.0.0.1", "239.255.255.250", "240.0.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1", "2001:db8::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::1"),
    ],
)
def test_addresses_that_are_no_ones_on_the_internet_are_refused(text: str) -> None:
    assert not addresses.is_allowed(text, [])


@pytest.mark.parametrize(
    "text", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"]
)
def test_addresses_of_the_internet_are_not(text: str) -> None:
    assert addresses.is_allowed(text, [])


def test_the_operator_lists_networks_of_their_own() -> None:
    networks = addresses.read_networks(["10.1.2.0/24", " fd00:1::/64 "])
    asked = ["10.1.2.3", "10.1.3.3", "fd00:1::5", "fd00:2::5", "::ffff:10.1.2.3", "127.0.0.1"]
    assert [text for text in asked if addresses.is_allowed(text, networks)] == [
        "10.1.2.3",
        "fd00:1::5",
        "::ffff:10.1.2.3",
    ]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "127.1"])
def test_private_addresses_are_refused_however_they_are_written(back_end: Receiver, host: str) -> None:
    answer = post(f"https://{host}:{back_end.port}/", networks=())
    assert answer.result == results.REFUSED_ADDRESS
    assert back_end.got == []


def test_a_name_is_looked_up_once_and_its_address_pinned(back_end: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second answer of a name server that lies would be another address."""
    asked: list[str] = []

    def look_up(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    answer = post(f"https://join.example:{back_end.port}/")
    assert asked == ["join.example"]
    assert answer.result == results.DONE
    assert back_end.got[0].headers["host"] == f"join.example:{back_end.port}"


def test_of_several_addresses_the_first_allowed_one_is_taken(
    back_end: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 1)) for each in ("10.0.0.9", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert post(f"https://join.example:{back_end.port}/").result == results.DONE


def test_a_certificate_for_another_host_or_of_an_unknown_ca_is_refused(
    back_end: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(back_end.url, trusts=False).result == results.TLS
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", back_end.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    assert post(f"https://other.example:{back_end.port}/").result == results.TLS
    assert back_end.got == []


def test_no_name_no_listener_no_tls() -> None:
    assert post("https://no-such-host.invalid/").result == results.UNRESOLVED
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert post(f"https://localhost:{port}/").result == results.UNREACHABLE


def test_a_body_that_trickles_is_cut_off_in_time() -> None:
    def trickle(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b".")
            time.sleep(0.1)

    with raw(trickle) as url:
        began = time.monotonic()
        assert post(url).result == results.TIMEOUT
        assert time.monotonic() - began < SECONDS + 5  # of the ten that it would take


def test_a_head_that_never_comes_and_a_handshake_that_never_ends() -> None:
    with raw(lambda connection: time.sleep(2)) as url:
        assert post(url).result == results.TIMEOUT
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert post(f"https://localhost:{silent.getsockname()[1]}/").result == results.TIMEOUT


def test_a_name_server_that_never_answers_takes_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> list[object]:
        time.sleep(1.5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    assert post("https://join.example/").result == results.TIMEOUT


@pytest.mark.parametrize("head", [b"Content-Length: 10000000", b"Transfer-Encoding: chunked", b"X: y"])
def test_no_more_than_64_kb_are_read(head: bytes) -> None:
    sent: list[int] = []

    def flood(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        chunk = b"400\r\n" + b"." * 1024 + b"\r\n" if b"chunked" in head else b"." * 1024
        for _ in range(10_000):
            connection.sendall(chunk)
            sent.append(len(chunk))

    with raw(flood) as url:
        assert post(url).result == results.TOO_LONG
    assert sum(sent) < 8_000_000, "the connection was ended"


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", b"HTTP/1.1 2"]
)
def test_what_is_no_whole_answer_is_none(said: bytes) -> None:
    with raw(lambda connection: connection.sendall(said)) as url:
        assert post(url).result == results.NOT_HTTP


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("99999999", 86400), ("-5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("1e3", 0)],
)
def test_for_how_long_it_asks_to_wait(back_end: Receiver, value: str, seconds: int) -> None:
    back_end.refuse(503, retry_after=value)
    assert post(back_end.url).retry_seconds == seconds


@pytest.mark.parametrize(
    "url",
    [
        *("http://join.example/", "ftp://join.example/", "join.example", "https://", "https:///x", "//join.example/"),
        *("https://user:pass@join.example/", "https://join.example/#part", "https://join.example:99999/"),
        *("https://join.example:0/", "https://join.example:x/", "https://[::1/", "https://jöin.example/"),
        *(
            "https://join.example/a b",
            "https://join.example/\r\nX: y",
            "https://join.example\\@other.example/",
            "https://-/",
        ),
        "https://join.example/" + "a" * 500,
    ],
)
def test_what_is_no_address_for_hooks(url: str) -> None:
    with pytest.raises(ValidationError):
        addresses.read_target(url)


def test_what_an_address_names() -> None:
    assert addresses.read_target("https://Join.Example") == ("join.example", 443, "/")
    target = addresses.read_target("https://[2001:db8::1]:8443/hooks?a=b")
    assert target == ("2001:db8::1", 8443, "/hooks?a=b")
    assert target.authority == "[2001:db8::1]:8443"
