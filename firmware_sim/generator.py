"""A diesel standby generator: seeded, stepped by an explicit time step, no clock of its own.

Units: rpm, kW, A, V, Hz, degrees Celsius, kPa, percent, hours. Faults are physical: a worn oil
pump lowers the pressure, a lost coolant pump raises the temperature, and protection then trips.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from .commands import Unwilling

Value = float | str
Reading = dict[str, Value]

LONGEST_TICK = 1.0
MOST_TICKS = 60
HOUR = 3600.0
LOW_OIL_PRESSURE = 150.0
HIGH_COOLANT_TEMPERATURE = 105.0
BLOCK_HEATER = 38.0


class Engine(StrEnum):
    STOPPED = "stopped"
    CRANKING = "cranking"
    RUNNING = "running"
    COOLDOWN = "cooldown"
    FAULT = "fault"


class Fault(StrEnum):
    NONE = "none"
    LOW_OIL_PRESSURE = "low oil pressure"
    OVER_TEMPERATURE = "over-temperature"
    FAIL_TO_START = "fail to start"


@dataclass(frozen=True)
class Rating:
    power: float = 500.0
    voltage: float = 480.0
    rpm: float = 1800.0
    poles: int = 4
    power_factor: float = 0.85
    ambient: float = 21.0

    @property
    def tank(self) -> float:
        """Return the litres of a day at full load."""
        return self.power * 0.267 * 24


def lag(value: float, target: float, dt: float, tau: float) -> float:
    """Return the exact first-order answer after dt seconds, whatever dt is."""
    return target + (value - target) * math.exp(-dt / tau)


def hospital_demand(second_of_day: float) -> float:
    """Return the share of rated power: low before dawn, highest in the early afternoon."""
    hour = second_of_day / HOUR
    day = -math.cos(2 * math.pi * (hour - 3.0) / 24)
    meals = math.sin(4 * math.pi * (hour - 8.0) / 24)
    return 0.52 + 0.19 * day + 0.05 * meals


class Generator:
    def __init__(self, seed: int | str = 0, *, second_of_day: float = 12 * HOUR, fault_rate: float = 0.03) -> None:
        """Expect `fault_rate` faults per hour of running."""
        self._random = Random(f"generator {seed}")  # noqa: S311
        random = self._random
        self.rating = Rating(
            power=random.choice((150.0, 250.0, 350.0, 500.0, 750.0, 1000.0)),
            ambient=random.uniform(12.0, 28.0),
        )
        self.clock = second_of_day
        self.fault_rate = fault_rate
        self.fault = Fault.NONE
        self.rpm = self.load = self.excitation = 0.0
        self.oil_health = self.cooling_health = 1.0
        self._wear = Fault.NONE
        self._swell = 0.0
        self._exercise = self._refuelling = False
        self._told_load: float | None = None  # kW, by a command; None: what the hospital wants
        self.fuel = random.uniform(35.0, 96.0)
        self.run_hours = random.uniform(120.0, 9000.0)
        self.manifold_temperature = self.rating.ambient
        self.coolant_temperature = BLOCK_HEATER
        self.state = Engine.STOPPED
        self._timer = 0.0
        self._begin(random.random())

    def _begin(self, chance: float) -> None:
        """Begin in a state: nine in ten were already running when we came."""
        if chance > 0.9:
            self._enter(Engine.STOPPED, self._random.uniform(5, 400))
            return
        self._enter(Engine.RUNNING, self._random.uniform(0.2, 8) * HOUR)
        self.rpm, self.excitation = self.rating.rpm, 1.0
        self.load = self._wanted_load()
        self.manifold_temperature = self._manifold_target()
        self.coolant_temperature = self._coolant_target()

    @property
    def turning(self) -> bool:
        return self.state in (Engine.RUNNING, Engine.COOLDOWN)

    @property
    def load_share(self) -> float:
        return self.load / self.rating.power

    @property
    def frequency(self) -> float:
        return self.rpm * self.rating.poles / 120

    @property
    def voltage(self) -> float:
        droop = 1 - 0.012 * self.load_share
        return self.rating.voltage * self.excitation * droop * self.rpm / self.rating.rpm

    @property
    def current(self) -> float:
        if self.load <= 0 or self.voltage <= 0:
            return 0.0
        return self.load * 1000 / (math.sqrt(3) * self.voltage * self.rating.power_factor)

    @property
    def oil_pressure(self) -> float:
        thinning = 1 - 0.0035 * (self.coolant_temperature - 40)
        return 520 * self.oil_health * thinning * self.rpm / self.rating.rpm

    def step(self, dt: float) -> None:
        """Advance by dt seconds."""
        if dt <= 0:
            return
        ticks = min(MOST_TICKS, math.ceil(dt / LONGEST_TICK))
        for _ in range(ticks):
            self._tick(dt / ticks)

    def _tick(self, dt: float) -> None:
        self.clock = (self.clock + dt) % (24 * HOUR)
        self._timer -= dt
        if self._timer <= 0:
            self._next_state()
        self._wear_out(dt)
        self._spin(dt)
        self._carry_load(dt)
        self._warm(dt)
        self._burn(dt)
        self._protect()

    def _enter(self, state: Engine, seconds: float) -> None:
        self.state, self._timer = state, seconds

    def _next_state(self) -> None:
        random = self._random
        if self.state is Engine.STOPPED:
            self._enter(Engine.CRANKING, random.uniform(3, 6))
        elif self.state is Engine.CRANKING:
            if random.random() < min(0.5, self.fault_rate / 2):
                self._trip(Fault.FAIL_TO_START)
            else:
                self._start()
        elif self.state is Engine.RUNNING:
            self._enter(Engine.COOLDOWN, random.uniform(60, 150))
        elif self.state is Engine.COOLDOWN:
            self._enter(Engine.STOPPED, random.uniform(240, 1200))
        else:
            self._clear_fault()

    def _start(self) -> None:
        self._exercise = self._random.random() < 0.25
        hours = self._random.uniform(0.3, 0.6) if self._exercise else self._random.uniform(3, 9)
        self._enter(Engine.RUNNING, hours * HOUR)

    def _trip(self, fault: Fault) -> None:
        self.fault, self.load = fault, 0.0
        self._enter(Engine.FAULT, self._random.uniform(90, 300))

    def _clear_fault(self) -> None:
        self.fault = self._wear = Fault.NONE
        self.oil_health = self.cooling_health = 1.0
        self._enter(Engine.STOPPED, self._random.uniform(10, 40))

    def _wear_out(self, dt: float) -> None:
        if self.state is not Engine.RUNNING:
            return
        if self._wear is Fault.NONE and self._random.random() < self.fault_rate * dt / HOUR:
            self._wear = self._random.choice((Fault.LOW_OIL_PRESSURE, Fault.OVER_TEMPERATURE))
        if self._wear is Fault.LOW_OIL_PRESSURE:
            self.oil_health = lag(self.oil_health, 0.15, dt, 60)
        elif self._wear is Fault.OVER_TEMPERATURE:
            self.cooling_health = lag(self.cooling_health, 0.0, dt, 30)

    def _spin(self, dt: float) -> None:
        if self.turning:
            governed = self.rating.rpm * (1.002 - 0.006 * self.load_share)
            self.rpm = lag(self.rpm, governed + self._random.gauss(0, 1.2), dt, 1.8)
        elif self.state is Engine.CRANKING:
            self.rpm = lag(self.rpm, 240 + self._random.gauss(0, 8), dt, 0.6)
        else:
            self.rpm = lag(self.rpm, 0.0, dt, 3.5)
            if self.rpm < 1:
                self.rpm = 0.0
        excited = self.turning and self.rpm > 0.7 * self.rating.rpm
        self.excitation = lag(self.excitation, float(excited), dt, 0.8)

    def _wanted_load(self) -> float:
        if self._told_load is not None:
            return self._told_load
        share = 0.3 if self._exercise else hospital_demand(self.clock)
        return self.rating.power * min(1.0, max(0.05, share * (1 + self._swell)))

    def _carry_load(self, dt: float) -> None:
        keep = math.exp(-dt / 90)
        noise = self._random.gauss(0, 0.06)
        self._swell = keep * self._swell + math.sqrt(1 - keep * keep) * noise
        ready = self.voltage > 0.95 * self.rating.voltage and self.rpm > 0.97 * self.rating.rpm
        if self.state is Engine.RUNNING and (ready or self.load > 0):
            self.load = lag(self.load, self._wanted_load(), dt, 6)
        elif self.state is Engine.COOLDOWN:
            self.load = lag(self.load, 0.0, dt, 3)
        else:
            self.load = 0.0
        if self.load < 0.05:
            self.load = 0.0

    def _manifold_target(self) -> float:
        return self.rating.ambient + (145 + 340 * self.load_share if self.turning else 0.0)

    def _coolant_target(self) -> float:
        if not self.turning:
            return max(BLOCK_HEATER, self.rating.ambient)
        return 80 + 11 * self.load_share + 48 * (1 - self.cooling_health)

    def _warm(self, dt: float) -> None:
        manifold_tau, coolant_tau = (50, 240) if self.turning else (700, 4000)
        self.manifold_temperature = lag(self.manifold_temperature, self._manifold_target(), dt, manifold_tau)
        self.coolant_temperature = lag(self.coolant_temperature, self._coolant_target(), dt, coolant_tau)

    def _burn(self, dt: float) -> None:
        if self.turning:
            self.run_hours += dt / HOUR
            litres_per_hour = self.rating.power * (0.022 + 0.245 * self.load_share)
            self.fuel -= litres_per_hour * dt / HOUR / self.rating.tank * 100
        if self.fuel < 18:
            self._refuelling = True
        if self._refuelling:
            self.fuel += 0.08 * dt
            self._refuelling = self.fuel < 95
        self.fuel = min(100.0, max(0.0, self.fuel))

    def _protect(self) -> None:
        if self.state is not Engine.RUNNING:
            return
        if self.rpm > 0.9 * self.rating.rpm and self.oil_pressure < LOW_OIL_PRESSURE:
            self._trip(Fault.LOW_OIL_PRESSURE)
        elif self.coolant_temperature > HIGH_COOLANT_TEMPERATURE:
            self._trip(Fault.OVER_TEMPERATURE)

    def obey(self, name: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """Do what a command says. Raises Unwilling."""
        if name not in ("start", "stop", "setLoad"):
            raise Unwilling(f"it knows no {name}")
        if self.state is Engine.FAULT and name != "stop":
            raise Unwilling(f"it has a fault: {self.fault.value}")
        if name == "setLoad":
            return self._tell_load(payload.get("load"))
        if name == "start" and self.state in (Engine.STOPPED, Engine.COOLDOWN):
            self._enter(Engine.CRANKING, 4.0) if self.state is Engine.STOPPED else self._start()
        elif name == "stop" and self.state is Engine.RUNNING:
            self._enter(Engine.COOLDOWN, 30.0)
        elif name == "stop" and self.state is Engine.CRANKING:
            self._enter(Engine.STOPPED, HOUR)
        return {"engineState": self.state.value}

    def _tell_load(self, load: object) -> dict[str, Any]:
        if isinstance(load, bool) or not isinstance(load, int | float) or not 0 <= load <= self.rating.power:
            raise Unwilling(f"its load is from 0 to {self.rating.power:g} kW")
        self._told_load = float(load)
        return {"load": load}

    def reading(self) -> Reading:
        return {
            "engineState": self.state.value,
            "fault": self.fault.value,
            "rpm": self.rpm,
            "load": self.load,
            "current": self.current,
            "voltage": self.voltage,
            "frequency": self.frequency,
            "manifoldTemperature": self.manifold_temperature,
            "coolantTemperature": self.coolant_temperature,
            "oilPressure": self.oil_pressure,
            "fuelLevel": self.fuel,
            "runHours": self.run_hours,
        }
