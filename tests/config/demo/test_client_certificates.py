"""The demo's TLS end takes any client certificate whose key was proved, and tells the broker of it."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from config.certificates import AUTHORITY, renew_certificate
from config.demo import proxy_header
from config.demo.client_certificates import make_asking_context, make_context
from devices.broker.interpreter.callers import Caller
from devices.broker.interpreter.proxied import read_header
from tests.certificates import DAY, Made, make, write_without_its_key

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    renew_certificate(made, ["localhost"])
    return made


class Handshake:
    """Shake hands in memory: what each end writes the other one reads."""

    def __init__(self, folder: Path, shown: Path | None, version: ssl.TLSVersion, *, name: str = "localhost") -> None:
        client = ssl.create_default_context(cafile=str(folder / AUTHORITY))
        client.minimum_version = client.maximum_version = version
        if shown:
            client.load_cert_chain(shown)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.context: Any = make_asking_context(folder / "server.pem", protocols=["http/1.1"])
        self.server = self.context.wrap_bio(to_server, to_client, server_side=True)
        self.client = client.wrap_bio(to_client, to_server, server_hostname=name)

    def shake(self) -> None:
        for _ in range(6):
            for end in (self.client, self.server):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
KINDS: dict[str, Any] = {
    "own": lambda: make(),
    "of an authority": lambda: make(by=make("Maker", authority=True)),
    "over": lambda: make(since=-2 * DAY, until=-DAY),
    "of tomorrow": lambda: make(since=DAY, until=2 * DAY),
    "an authority's own": lambda: make(authority=True),
}


@pytest.mark.parametrize("version", VERSIONS, ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_certificate_whose_key_is_proved_is_seen(
    folder: Path, tmp_path: Path, kind: str, version: ssl.TLSVersion
) -> None:
    made: Made = KINDS[kind]()
    shaken = Handshake(folder, made.write(tmp_path), version)
    shaken.shake()
    assert shaken.server.getpeercert(binary_form=True) == made.der
    assert shaken.context.asked_name == "localhost"


@pytest.mark.parametrize("version", VERSIONS, ids=["TLS 1.2", "TLS 1.3"])
def test_without_one_it_goes_on(folder: Path, version: ssl.TLSVersion) -> None:
    shaken = Handshake(folder, None, version)
    shaken.shake()
    assert shaken.server.getpeercert(binary_form=True) is None
    assert shaken.server.version() == ("TLSv1.2" if version is ssl.TLSVersion.TLSv1_2 else "TLSv1.3")


@pytest.mark.parametrize("version", VERSIONS, ids=["TLS 1.2", "TLS 1.3"])
def test_whoever_has_not_its_key_does_not_come_in(folder: Path, tmp_path: Path, version: ssl.TLSVersion) -> None:
    shaken = Handshake(folder, write_without_its_key(make(), tmp_path), version)
    with pytest.raises(ssl.SSLError):
        shaken.shake()
    with pytest.raises(ValueError, match="handshake not done yet"):
        shaken.server.getpeercert(binary_form=True)


def test_one_connection_trusts_no_others_certificate(folder: Path, tmp_path: Path) -> None:
    first, second = (Handshake(folder, make().write(tmp_path), ssl.TLSVersion.TLSv1_3) for _ in range(2))
    first.shake()
    second.shake()
    assert len(first.context.get_ca_certs()) <= 1
    assert first.server.getpeercert(binary_form=True) != second.server.getpeercert(binary_form=True)


def test_older_tls_is_not_spoken(folder: Path) -> None:
    for context in (make_context(folder / "server.pem"), make_asking_context(folder / "server.pem")):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert make_context(folder / "server.pem").verify_mode == ssl.CERT_NONE


# What is said before the first byte -----------------------------------------------------------


class Ends:
    """Stand for a TLS connection's writer."""

    def __init__(self, peer: tuple[Any, ...], own: tuple[Any, ...], der: bytes | None, name: str | None) -> None:
        self._info = {"peername": peer, "sockname": own, "ssl_object": self}
        self.context, self._der = self, der
        if name is not None:
            self.asked_name = name

    def get_extra_info(self, name: str) -> Any:
        return self._info[name]

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._der


def read_fields(body: bytes) -> dict[int, bytes]:
    fields = {}
    while body:
        length = int.from_bytes(body[1:3])
        fields[body[0]], body = body[3 : 3 + length], body[3 + length :]
    return fields


@pytest.mark.parametrize(
    ("peer", "own", "family", "size"),
    [
        (("192.0.2.7", 50_000), ("192.0.2.1", 8883), 0x11, 4),
        (("2001:db8::7", 50_000, 0, 0), ("2001:db8::1", 8883, 0, 0), 0x21, 16),
    ],
)
@pytest.mark.parametrize("name", [None, "hub.devices.example", "pümpe"])
@pytest.mark.parametrize("der", [None, b"certificate " * 40])
def test_the_header_says_who_comes(
    peer: tuple[Any, ...], own: tuple[Any, ...], family: int, size: int, name: str | None, der: bytes | None
) -> None:
    header = proxy_header.build_header(Ends(peer, own, der, name))  # type: ignore[arg-type]
    assert header[:14] == b"\r\n\r\n\x00\r\nQUIT\n\x21" + bytes([family])
    body = header[16:]
    assert int.from_bytes(header[14:16]) == len(body)
    addresses, ports = body[: 2 * size], body[2 * size : 2 * size + 4]
    assert [ipaddress.ip_address(addresses[:size]), ipaddress.ip_address(addresses[size:])] == [
        ipaddress.ip_address(peer[0]),
        ipaddress.ip_address(own[0]),
    ]
    assert (int.from_bytes(ports[:2]), int.from_bytes(ports[2:])) == (50_000, 8883)
    fields = read_fields(body[2 * size + 4 :])
    assert fields.pop(0x02, None) == (name.encode("ascii", errors="replace") if name else None)
    shown = fields.pop(0x20, None)
    assert fields == {}
    if der is None:
        assert shown is None
    else:
        assert shown is not None
        assert (shown[:5], read_fields(shown[5:])) == (b"\x03\x00\x00\x00\x01", {0x28: der})


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize("name", [None, "hub.devices.example"])
@pytest.mark.parametrize("der", [None, b"certificate " * 40])
def test_the_interpreters_read_it_as_it_is_meant(address: str, name: str | None, der: bytes | None) -> None:
    async def read() -> Caller:
        reader = asyncio.StreamReader()
        ends: Any = Ends((address, 50_000), (address, 8883), der, name)
        reader.feed_data(proxy_header.build_header(ends) + b"\x10")
        caller = await read_header(reader.readexactly)
        assert await reader.readexactly(1) == b"\x10"  # the client's own first byte
        return caller

    assert asyncio.run(read()) == Caller(address, name or "", der or b"")
