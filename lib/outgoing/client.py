"""Posting one message to where somebody named, on a connection of its own to the very address that was looked up."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11
from django.conf import settings

from lib.outgoing import addresses, results
from lib.outgoing.results import LIMIT_BYTES, LIMIT_SECONDS, Answer
from lib.parsing import parse_whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from lib.outgoing.addresses import Network, Target

AGENT = "Handover"
MOST_RETRY_SECONDS = 24 * 3600
_READ = 16 << 10


class Failed(Exception):
    """Say with which result an attempt ended."""

    def __init__(self, result: str, status: int | None = None) -> None:
        super().__init__(result)
        self.result, self.status = result, status


@dataclass(frozen=True)
class Message:
    """Hold what is sent, and where to."""

    target: Target
    body: bytes
    headers: Sequence[tuple[str, str]]
    content_type: str = "application/json"


@dataclass(frozen=True)
class Rules:
    """Hold what the operator says, as it was when sending began."""

    networks: Sequence[Network]
    context: ssl.SSLContext
    resolver: Executor
    seconds: float = field(default=LIMIT_SECONDS)


def make_context() -> ssl.SSLContext:
    """Trust what the system trusts, and the operator's own CA (HOOK_CA)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.HOOK_CA:
        context.load_verify_locations(settings.HOOK_CA)
    return context


def post_all(messages: Sequence[Message]) -> list[Answer]:
    """Post them side by side, each once, to where the operator allows it; return their answers in order."""
    if not messages:
        return []
    resolver = ThreadPoolExecutor(len(messages), "resolver")
    try:
        rules = Rules(addresses.read_networks(settings.HOOK_NETWORKS), make_context(), resolver)
        return asyncio.run(_post_all(messages, rules))
    finally:
        resolver.shutdown(wait=False, cancel_futures=True)


async def _post_all(messages: Sequence[Message], rules: Rules) -> list[Answer]:
    return await asyncio.gather(*(post(message, rules) for message in messages))


async def post(message: Message, rules: Rules) -> Answer:
    """Post it once; never raises for what the other side does. From the look-up to the answer's last byte it takes at
    most `rules.seconds`."""
    began, status, result, retry = time.monotonic(), None, results.DONE, 0
    try:
        async with asyncio.timeout(rules.seconds):
            status, retry = await _post(message, rules)
        result = _judge(status)
    except TimeoutError:
        result = results.TIMEOUT
    except Failed as failed:
        result, status = failed.result, failed.status
    except ssl.SSLError:
        result = results.TLS
    except (h11.RemoteProtocolError, ValueError):
        result = results.NOT_HTTP
    except OSError:
        result = results.UNREACHABLE
    return Answer(result, status, round(1000 * (time.monotonic() - began)), retry)


def _judge(status: int) -> str:
    if 200 <= status < 300:
        return results.DONE
    if 300 <= status < 400:
        return results.REDIRECT
    return results.GONE if status == 410 else results.STATUS


async def _post(message: Message, rules: Rules) -> tuple[int, int]:
    address = await _look_up(message.target, rules)
    name = message.target.host.rstrip(".")
    reader, writer = await asyncio.open_connection(
        address, message.target.port, ssl=rules.context, server_hostname=name, limit=LIMIT_BYTES
    )
    try:
        writer.write(_write_request(message))
        await writer.drain()
        return await _read_answer(reader)
    finally:
        writer.transport.abort()  # nothing of it is waited for


async def _look_up(target: Target, rules: Rules) -> str:
    """Return the one address that is connected to. Raises Failed."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(rules.resolver, _resolve, target)
    except (OSError, UnicodeError):
        raise Failed(results.UNRESOLVED) from None
    allowed = [address for address in found if addresses.is_allowed(address, rules.networks)]
    if not allowed:
        raise Failed(results.REFUSED_ADDRESS if found else results.UNRESOLVED)
    return allowed[0]


def _resolve(target: Target) -> list[str]:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _write_request(message: Message) -> bytes:
    connection = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", message.target.authority),
        ("User-Agent", AGENT),
        ("Accept", "*/*"),
        ("Content-Type", message.content_type),
        ("Content-Length", str(len(message.body))),
        ("Connection", "close"),
        *message.headers,
    ]
    request = h11.Request(method="POST", target=message.target.path, headers=headers)
    parts = [connection.send(event) for event in (request, h11.Data(data=message.body), h11.EndOfMessage())]
    return b"".join(part for part in parts if part)


async def _read_answer(reader: asyncio.StreamReader) -> tuple[int, int]:
    """Return the status and for how long it asks us to wait, once the answer is complete. Raises Failed."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT_BYTES)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "-")]))
    connection.send(h11.EndOfMessage())
    read, status, retry = 0, 0, 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_READ)
            if (read := read + len(data)) > LIMIT_BYTES:
                raise Failed(results.TOO_LONG, status or None)
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            status, retry = event.status_code, _read_retry(event)
        elif not isinstance(event, h11.Data | h11.InformationalResponse):
            return status, retry


def _read_retry(answer: h11.Response) -> int:
    texts = [value for name, value in answer.headers if name == b"retry-after"]
    return min(parse_whole_number(texts[0].decode("latin-1")) if texts else 0, MOST_RETRY_SECONDS)
