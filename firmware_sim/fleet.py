"""Run gateways until told to stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from . import keyboard
from .entering import GIVEN_UP, Refused
from .gateway import Gateway, Options, PressRefused
from .generator import Generator
from .link import Broker, Dialer, Status
from .modbus import MAX_UNITS, Bus, Controller, quiet_pymodbus, start_buses
from .panel.server import Panel
from .receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .identity import Identity
    from .receiver import Place

log = logging.getLogger(__name__)

FAREWELL = 1.0
SUMMARY_EVERY = 10.0
MANY = 5
FLEET_BUFFER = 200_000


@dataclass(frozen=True)
class Plan:
    identities: Sequence[Identity]
    broker: Broker
    interval: float = 5.0
    speed: float = 1.0
    seed: str = "0"
    buffer: int | None = None
    press_after: float | None = None
    panel: tuple[str, int] | None = None
    label_url: str = ""
    label: str = ""  # of the one gateway, if that is more than its serial
    most_refusals: int | None = None
    presence_secret: bytes | None = field(default=None, repr=False)  # of the one gateway
    places: Mapping[str, Place] = field(default_factory=dict)  # serial -> where it stands, of those that have GPS

    @property
    def many(self) -> bool:
        return len(self.identities) > MANY

    @property
    def options(self) -> Options:
        """Share one bound on memory in a fleet; a gateway keeps a day of reports every 5 s."""
        share = max(60, min(17_280, FLEET_BUFFER // len(self.identities)))
        return Options(
            self.interval,
            self.buffer or share,
            chatty=not self.many,
            most_refusals=self.most_refusals,
            presence_secret=self.presence_secret,
        )


class Fleet:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = asyncio.Event()
        self._failed = False
        self._given_up = False
        self._presses: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Run until SIGINT, SIGTERM or q; return the exit code. Raises BadInput for a taken port, and Refused once a
        gateway gave up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        allow_open_files()
        quiet_pymodbus()
        controllers = [self._make_controller(identity) for identity in self._plan.identities]
        buses = await start_buses(controllers)
        try:
            await self._run_gateways(self._make_gateways(buses, controllers))
        finally:
            for bus in buses:
                await bus.stop()
        if self._given_up:
            raise Refused(GIVEN_UP)
        return int(self._failed)

    def _make_controller(self, identity: Identity) -> Controller:
        now = datetime.now().astimezone()
        second_of_day = now.hour * 3600.0 + now.minute * 60 + now.second
        seed = f"{self._plan.seed} {identity.serial}"
        return Controller(Generator(seed, second_of_day=second_of_day), speed=self._plan.speed)

    def _make_gateways(self, buses: Sequence[Bus], controllers: Sequence[Controller]) -> list[Gateway]:
        dialer = Dialer(self._plan.broker)
        return [
            Gateway(
                identity,
                partial(buses[place // MAX_UNITS].read, place % MAX_UNITS + 1),
                dialer,
                self._plan.options,
                controllers[place].obey,
                self._make_receiver(identity),
            )
            for place, identity in enumerate(self._plan.identities)
        ]

    def _make_receiver(self, identity: Identity) -> Receiver | None:
        place = self._plan.places.get(identity.serial)
        return Receiver(place, f"{self._plan.seed} {identity.serial}") if place else None

    async def _run_gateways(self, gateways: Sequence[Gateway]) -> None:
        press = partial(self._press, gateways[0])
        with (
            self._open_panel(gateways) as panel,
            keyboard.watch_keys(press, self._stop.set) as terminal,
        ):
            self._introduce(gateways, panel, terminal)
            tasks = self._start(gateways)
            tasks.append(asyncio.create_task(self._summarise(gateways)))
            if (seconds := self._plan.press_after) is not None:
                tasks += [asyncio.create_task(self._press_later(gateway, seconds)) for gateway in gateways]
            await self._stop.wait()
            await say_farewell(gateways, tasks)

    def _open_panel(self, gateways: Sequence[Gateway]) -> AbstractContextManager[Panel | None]:
        if self._plan.panel is None:
            return nullcontext()
        loop = asyncio.get_running_loop()
        return Panel(gateways, loop, self._plan.panel, label_url=self._plan.label_url, label=self._plan.label)

    def _start(self, gateways: Sequence[Gateway]) -> list[asyncio.Task[None]]:
        """Start them with their reports spread over the interval, so that a fleet is an even load."""
        step = self._plan.interval / len(gateways)
        tasks = [asyncio.create_task(gateway.run(place * step)) for place, gateway in enumerate(gateways)]
        for task in tasks:
            task.add_done_callback(self._note_end)
        return tasks

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        if error := task.exception():
            log.error("a gateway failed", exc_info=error)
            self._failed = True
        else:
            self._given_up = True
        self._stop.set()

    def _introduce(self, gateways: Sequence[Gateway], panel: Panel | None, terminal: bool) -> None:
        broker = self._plan.broker
        names = gateways[0].identity.printed_serial if len(gateways) == 1 else f"{len(gateways)} gateways"
        log.info("%s for mqtt%s://%s:%d", names, "s" * bool(broker.tls), broker.host, broker.port)
        if panel is not None:
            log.info("panel at %s", panel.url)
        if terminal:
            log.info("r, space or enter presses %s's button; q leaves", gateways[0].serial)

    def _press(self, gateway: Gateway) -> None:
        """Press the button; the gateway says itself what became of it."""

        async def attempt() -> None:
            with suppress(PressRefused):
                await gateway.press()

        task = asyncio.create_task(attempt())
        self._presses.add(task)
        task.add_done_callback(self._presses.discard)

    async def _press_later(self, gateway: Gateway, seconds: float) -> None:
        await gateway.came_online.wait()
        await asyncio.sleep(seconds)
        self._press(gateway)

    async def _summarise(self, gateways: Sequence[Gateway]) -> None:
        last_text = ""
        while self._plan.many:
            await asyncio.sleep(SUMMARY_EVERY)
            online = sum(gateway.status is Status.ONLINE for gateway in gateways)
            waiting = sum(len(gateway.outbox) for gateway in gateways if not gateway.online)
            dropped = sum(gateway.outbox.dropped for gateway in gateways)
            text = f"{online} of {len(gateways)} gateways online"
            if waiting or dropped:
                text += f"; {waiting} reports wait, {dropped} dropped"
            if text != last_text:
                log.info("%s", text)
            last_text = text


def allow_open_files() -> None:
    """Raise the soft limit of open files: with a socket per gateway the usual 1024 are soon passed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def say_farewell(gateways: Sequence[Gateway], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Say DISCONNECT, wait a moment for it to leave, then stop whatever is left."""
    for gateway in gateways:
        gateway.disconnect()
    deadline = asyncio.get_running_loop().time() + FAREWELL
    while any(gateway.online for gateway in gateways):
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
