"""One gateway: reads its generator, reports, and lets its button be pressed."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from . import presence
from .commands import Obedience
from .link import Dialer, Link, Status
from .modbus import ModbusUnavailable
from .outbox import Outbox, Pacer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .commands import Obey
    from .generator import Reading, Value
    from .identity import Identity
    from .receiver import Receiver

log = logging.getLogger(__name__)

PRESS_TIMEOUT = 5.0
ACK_TIMEOUT = 20.0
PRESS_FLASH = 2.5


class Led(StrEnum):
    OFF = "off"
    CONNECTING = "connecting"
    ONLINE = "online"
    PRESSED = "pressed"
    REFUSED = "refused"
    IDENTIFIES = "identifies"


class PressRefused(Exception):
    """Say why the press was not delivered; it is not kept for later."""


@dataclass
class Press:
    """Record the last press and what became of it."""

    text: str = ""
    sent: bool = False
    at: float = 0.0
    count: int = 0

    def note(self, text: str, *, sent: bool) -> None:
        self.text, self.sent, self.at = text, sent, time.monotonic()
        self.count += sent

    def forget_refusal(self) -> None:
        if not self.sent:
            self.text = ""

    @property
    def recent(self) -> bool:
        return bool(self.text) and time.monotonic() - self.at < PRESS_FLASH


@dataclass
class Options:
    interval: float = 5.0
    buffer: int = 17_280
    chatty: bool = True
    most_refusals: int | None = None
    presence_secret: bytes | None = field(default=None, repr=False)


@dataclass
class Clock:
    """Tell device time in ms, never twice the same: equal times overwrite each other."""

    last: int = 0

    def now(self) -> int:
        self.last = max(int(time.time() * 1000), self.last + 1)
        return self.last


class Gateway:
    def __init__(
        self,
        identity: Identity,
        read: Callable[[], Awaitable[Reading]],
        dialer: Dialer,
        options: Options,
        obey: Obey | None = None,
        receiver: Receiver | None = None,
    ) -> None:
        self.identity = identity
        self.outbox = Outbox(options.buffer)
        self.press_result = Press()
        self.reason = ""
        self.last_command = ""
        self.reading: Reading = {}
        self.came_online = asyncio.Event()
        self._read = read
        self._options = options
        self._link = Link(identity, dialer, self, most_refusals=options.most_refusals)
        self._pacer = Pacer()
        self._clock = Clock()
        self._obedience = Obedience(obey)
        self._receiver = receiver
        self._read_at = float("-inf")
        self._acknowledged_at = 0.0
        self._presses: dict[int, asyncio.Future[None]] = {}
        self._pump_later: asyncio.TimerHandle | None = None

    @property
    def serial(self) -> str:
        return self.identity.serial

    @property
    def status(self) -> Status:
        return self._link.status

    @property
    def online(self) -> bool:
        return self.status is Status.ONLINE

    @property
    def led(self) -> Led:
        if self.press_result.recent:
            return Led.PRESSED if self.press_result.sent else Led.REFUSED
        if self._obedience.blinks:
            return Led.IDENTIFIES
        return {
            Status.ONLINE: Led.ONLINE,
            Status.CONNECTING: Led.CONNECTING,
            Status.REFUSED: Led.REFUSED,
        }.get(self.status, Led.OFF)

    async def run(self, phase: float = 0.0) -> None:
        """Run until cancelled, or until its link gives up. phase: seconds before the first report."""
        async with asyncio.TaskGroup() as tasks:
            reports = tasks.create_task(self._report_for_ever(phase))
            await self._link.run()
            reports.cancel()

    async def _report_for_ever(self, phase: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + phase
        while True:
            await asyncio.sleep(due - loop.time())
            await self._report()
            due = max(due + self._options.interval, loop.time())

    async def _report(self) -> None:
        try:
            reading = await self.read_fresh(max_age=0.0)
        except ModbusUnavailable as error:
            self._say(logging.WARNING, "the generator does not answer: %s", error)
            return
        data: dict[str, Value | bool] = {name: value for name, value in reading.items() if name != "fault"}
        data["registerButton"] = False
        if self._receiver and (position := self._receiver.read(time.monotonic())):
            data["position"] = position
        self.outbox.add(self._build_message(data))
        self._drop_if_silent()
        self._pump()

    async def read_fresh(self, *, max_age: float = 0.9) -> Reading:
        if time.monotonic() - self._read_at > max_age:
            self.reading = await self._read()
            self._read_at = time.monotonic()
        return self.reading

    def _build_message(self, data: dict[str, Any]) -> bytes:
        return json.dumps({"data": data, "time": self._clock.now()}, separators=(",", ":")).encode()

    def _pump(self) -> None:
        """Send what may be sent now; come back when the pace allows more."""
        if self._pump_later is not None:
            self._pump_later.cancel()
            self._pump_later = None
        loop = asyncio.get_running_loop()
        while (report := self.outbox.peek()) is not None and self.online:
            if delay := self._pacer.report_delay(loop.time()):
                self._pump_later = loop.call_later(delay, self._pump)
                return
            mid = self._link.publish(report)
            if mid is None:
                return
            if not self.outbox.in_flight:
                self._acknowledged_at = loop.time()
            self.outbox.mark_sending(mid)
            self._pacer.note_report(loop.time())

    def _drop_if_silent(self) -> None:
        """Drop the connection to a broker that stops acknowledging: it gets a new one, and the reports again."""
        silence = asyncio.get_running_loop().time() - self._acknowledged_at
        if self.outbox.in_flight and silence > ACK_TIMEOUT and self.online:
            self._say(logging.WARNING, "no acknowledgement for %.0f s: reconnecting", silence)
            self._link.drop()

    async def press(self) -> None:
        """Press the button; return when the broker has acknowledged. Raises PressRefused."""
        try:
            await self._send_now({"registerButton": True})
        except PressRefused as refusal:
            self.press_result.note(f"Press refused: {refusal}", sent=False)
            log.warning("%s: press refused: %s", self.serial, refusal)
            raise
        self.press_result.note("Press received by the broker.", sent=True)
        log.info("%s: press sent and acknowledged", self.serial)

    @property
    def has_keys(self) -> bool:
        return self._options.presence_secret is not None

    async def enter(self, text: str) -> None:
        """Sign the digits that were entered; return when the broker has acknowledged. Raises PressRefused."""
        try:
            await self._send_now({"presenceAnswer": self._sign(presence.read_digits(text))})
        except PressRefused as refusal:
            self.press_result.note(f"Digits not sent: {refusal}", sent=False)
            log.warning("%s: digits not sent: %s", self.serial, refusal)
            raise
        self.press_result.note("Digits signed; the broker has the answer.", sent=True)
        log.info("%s: digits signed, answer sent and acknowledged", self.serial)

    def _sign(self, digits: str) -> str:
        secret = self._options.presence_secret
        if secret is None:
            raise PressRefused("it has no secret to sign with. Give it with --presence-secret.")
        if not digits:
            raise PressRefused(f"these are not {presence.DIGITS} digits. Enter those that the phone shows.")
        return presence.sign(secret, self.identity.device_id, digits)

    async def _send_now(self, data: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        if not self.online:
            raise PressRefused(f"the gateway is {self.status.value}. Press again when it is online.")
        if delay := self._pacer.press_delay(loop.time()):
            raise PressRefused(f"pressed too often. Press again in {delay:.0f} s.")
        mid = self._link.publish(self._build_message(data))
        if mid is None:
            raise PressRefused("the connection was just lost. Press again when it is online.")
        self._pacer.note_press(loop.time())
        outcome = self._presses[mid] = loop.create_future()
        try:
            async with asyncio.timeout(PRESS_TIMEOUT):
                await outcome
        except TimeoutError:
            raise PressRefused("the broker did not acknowledge it. Press again.") from None
        finally:
            self._presses.pop(mid, None)

    def unplug(self) -> None:
        self._link.unplug()

    def plug_in(self) -> None:
        if self._receiver:
            self._receiver.restart()
        self._link.plug_in()

    def disconnect(self) -> None:
        self._link.disconnect()

    def handle_status(self, status: Status, reason: str) -> None:
        self.reason = reason
        level = logging.WARNING if status is Status.REFUSED else logging.INFO
        self._say(level, "%s%s", status.value, f" ({reason})" if reason else "")
        if status is Status.ONLINE:
            self.came_online.set()
            self.press_result.forget_refusal()
            self._acknowledged_at = asyncio.get_running_loop().time()
            self._pump()
            return
        self.outbox.take_back()
        for press in self._presses.values():
            if not press.done():
                press.set_exception(PressRefused("the connection was lost. Press again."))

    def handle_acknowledgement(self, mid: int) -> None:
        self._acknowledged_at = asyncio.get_running_loop().time()
        if self.outbox.acknowledge(mid):
            self._pump()
        elif (press := self._presses.get(mid)) and not press.done():
            press.set_result(None)

    def handle_command(self, payload: bytes) -> None:
        text = payload[:200].decode("utf-8", "replace")
        self.last_command = text
        log.info("%s: command %r", self.serial, text)
        if answer := self._obedience.hear(payload):
            log.info("%s: answered %s", self.serial, answer["status"])
            self.outbox.add(self._build_message({"commandAnswer": answer}))
            self._pump()

    def _say(self, level: int, text: str, *arguments: object) -> None:
        """Log a line; in a large fleet only warnings are worth one each."""
        if not self._options.chatty and level < logging.WARNING:
            level = logging.DEBUG
        log.log(level, f"%s: {text}", self.serial, *arguments)
