"""The demo's TLS end: https before the site, and MQTT over TLS before the broker. It needs no settings.

    python -m config.demo.tls_front --certificate var/tls/server.pem \
        --https 127.0.0.1:8443 --site var/site.socket --mqtts 127.0.0.1:8883 --broker 127.0.0.1:1883

`--certificate` is what `manage.py tls_certificate` makes; `--site` and `--broker` are a socket's path, or host:port.
Either pair may be left out: a test that only needs MQTT gives `--mqtts` and `--broker`. It ends on SIGTERM. In
production HAProxy does this (docker/haproxy), and passes the same tests.

Of a client certificate whose key the handshake proved the site is told by `Client-Cert` (RFC 9440), and of the
connection by X-Forwarded-For and -Proto; what came in under these names goes no further. Each request is read whole as
HTTP and written anew, so that none can hide in another one. A broker at a socket's path is told the same before the
first byte (PROXY protocol, version 2); one at a port hears the bytes alone.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import h11

from config.demo.client_certificates import make_asking_context
from config.demo.proxy_header import build_header

HANDSHAKE_SECONDS = 10.0
IDLE_SECONDS = 15.0
CHUNK = 1 << 16
OURS = (b"client-cert", b"client-cert-chain", b"forwarded", b"x-forwarded-")
"""How the names of headers begin that only the TLS end may write."""
GONE = (OSError, ssl.SSLError, asyncio.IncompleteReadError, TimeoutError)

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Front:
    """Listen and relay. `site` is a socket's path or host:port; `broker` host:port."""

    def __init__(self, certificate: Path) -> None:
        self._certificate = certificate
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve_https(self, address: str, site: str) -> None:
        listener = socket.create_server(_split(address), backlog=256)
        listener.setblocking(False)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _Exchange(reader, writer, site).run()

        self._keep(self._accept(listener, talk, ("http/1.1",)))

    async def serve_mqtts(self, address: str, broker: str) -> None:
        listener = socket.create_server(_split(address), backlog=256)
        listener.setblocking(False)
        self._keep(self._accept(listener, partial(_relay_raw, broker=broker), ()))

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket, talk: Talk, protocols: Sequence[str]) -> None:
        with listener:
            while True:
                try:
                    client, _ = await asyncio.get_running_loop().sock_accept(listener)
                except OSError:  # gone again, or no more files can be open
                    await asyncio.sleep(0.1)
                else:
                    self._keep(self._hear(client, talk, protocols))

    async def _hear(self, client: socket.socket, talk: Talk, protocols: Sequence[str]) -> None:
        """Talk with one client. A context of its own is why no asyncio server does this."""
        with suppress(*GONE):
            reader = asyncio.StreamReader()
            transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader),
                client,
                ssl=make_asking_context(self._certificate, protocols=protocols),
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
            try:
                await talk(reader, writer)
            finally:
                writer.close()

    def _keep(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Exchange:
    """Relay the requests of one connection, one after the other, each on a connection of its own to the site."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, site: str) -> None:
        self._reader, self._writer, self._site = reader, writer, site
        self._client = h11.Connection(h11.SERVER, max_incomplete_event_size=CHUNK)
        self._told = _describe(writer)

    async def run(self) -> None:
        try:
            while self._client.our_state is h11.IDLE and await self._relay_one():
                self._client.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint)
        except h11.LocalProtocolError:
            pass  # the site broke off what it had begun to say

    async def _relay_one(self) -> bool:
        """Relay a request and its answer; return whether the connection is good for another."""
        async with asyncio.timeout(IDLE_SECONDS):
            request = await self._next()
        if not isinstance(request, h11.Request):
            return False
        try:
            reader, writer = await _connect(self._site)
        except OSError:
            await self._refuse(502)
            return False
        site = h11.Connection(h11.CLIENT, max_incomplete_event_size=CHUNK)
        sending = asyncio.create_task(self._send(request, site, writer))
        try:
            await self._answer(site, reader)
            if self._client.their_state is h11.SEND_BODY:
                return False  # answered before all was sent
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.close()
        return self._client.our_state is h11.DONE and self._client.their_state is h11.DONE

    async def _send(self, request: h11.Request, site: h11.Connection, writer: asyncio.StreamWriter) -> None:
        kept = [(name, value) for name, value in request.headers.raw_items() if not _is_ours(name)]
        if not any(name.lower() == b"host" for name, _ in kept):
            kept.append((b"Host", self._site.encode()))  # an old modem's HTTP/1.0: as the site takes it without us
        headers = [*kept, *self._told, (b"Connection", b"close")]
        await _say(site, writer, h11.Request(method=request.method, target=request.target, headers=headers))
        try:
            while isinstance(event := await self._next(), h11.Data):
                await _say(site, writer, event)
            await _say(site, writer, h11.EndOfMessage())
        except h11.RemoteProtocolError:
            writer.close()  # the rest will not come: the site need not wait for it
            raise

    async def _answer(self, site: h11.Connection, reader: asyncio.StreamReader) -> None:
        while True:
            event: Any = await _receive(site, reader)
            if isinstance(event, h11.ConnectionClosed):
                raise h11.LocalProtocolError("the site said nothing")
            if isinstance(event, h11.Response | h11.InformationalResponse):
                headers = [pair for pair in event.headers.raw_items() if pair[0].lower() != b"connection"]
                event = type(event)(status_code=event.status_code, headers=headers, reason=event.reason)
            await _say(self._client, self._writer, event)
            if isinstance(event, h11.EndOfMessage):
                return

    async def _next(self) -> Any:
        return await _receive(self._client, self._reader)

    async def _refuse(self, status: int) -> None:
        if self._client.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [(b"Content-Length", b"0"), (b"Connection", b"close")]
            await _say(self._client, self._writer, h11.Response(status_code=status, headers=headers))


def _describe(writer: asyncio.StreamWriter) -> list[tuple[bytes, bytes]]:
    """Return what only the TLS end knows of a connection."""
    peer = writer.get_extra_info("peername")
    told = [(b"X-Forwarded-For", peer[0].encode()), (b"X-Forwarded-Proto", b"https")]
    if der := writer.get_extra_info("ssl_object").getpeercert(binary_form=True):
        told.append((b"Client-Cert", b":" + base64.b64encode(der) + b":"))  # RFC 9440, 2.2
    return told


def _is_ours(name: bytes) -> bool:
    bare = name.lower().replace(b"_", b"-")
    return bare.startswith(OURS) or bare == b"connection"


async def _say(connection: h11.Connection, writer: asyncio.StreamWriter, event: Any) -> None:
    if data := connection.send(event):
        writer.write(data)
        await writer.drain()


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> Any:
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK))
    return h11.ConnectionClosed() if event is h11.PAUSED else event


async def _relay_raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, broker: str) -> None:
    """Relay bytes both ways until either end is through; a socket is told first who comes."""
    with suppress(*GONE):
        other_reader, other_writer = await _connect(broker)
        if "/" in broker:
            other_writer.write(build_header(writer))
        ways = [asyncio.create_task(_pump(reader, other_writer)), asyncio.create_task(_pump(other_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            other_writer.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def _connect(address: str) -> Pair:
    if "/" in address:
        return await asyncio.open_unix_connection(address)
    return await asyncio.open_connection(*_split(address))


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    front = Front(options.certificate)
    if options.https:
        await front.serve_https(options.https, options.site)
    if options.mqtts:
        await front.serve_mqtts(options.mqtts, options.broker)
    await stopping.wait()
    await front.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m config.demo.tls_front", description="The demo's TLS end.")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM: certificate chain and key")
    for name in ("https", "site", "mqtts", "broker"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()
    if bool(options.https) != bool(options.site) or bool(options.mqtts) != bool(options.broker):
        parser.error("--https goes with --site, --mqtts with --broker")
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
