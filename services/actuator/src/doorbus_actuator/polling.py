"""Reads what is wired to the machine, again and again, and hands on what has changed."""

import asyncio
import math
from collections.abc import Mapping

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire.exchange import Intake
from doorbus.wire.messages import Input, InputState
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS
from doorbus_actuator.foreign_inputs import PIN
from doorbus_actuator.switch import Switch, SwitchError

_log = structlog.get_logger("doorbus.actuator")

POLL_SECONDS = 0.02
"""A press of a button is longer. Edges would have to be debounced all the same, and not every kernel tells them."""
RETRY_SECONDS = 1.0
"""How often an input that failed is tried again."""


class Polling:
    """Reads `switches`. One that fails is tried again; the others go on."""

    def __init__(self, switches: Mapping[Input, Switch], clock: Clock) -> None:
        self._switches = switches
        self._clock = clock
        self._ready_at = dict.fromkeys(switches, -math.inf)
        self._set_up: set[Input] = set()
        self._told: dict[Input, bool] = {}
        self.faults: dict[Input, str] = {}
        """Why an input cannot be read."""

    async def run(self, intake: Intake) -> None:
        """Hand on what is read first, and then each change, until cancelled."""
        try:
            while True:
                for name in self._switches:
                    self._look(name, intake)
                await self._pause()
        finally:
            for switch in self._switches.values():
                switch.close()

    def _look(self, name: Input, intake: Intake) -> None:
        now, switch = self._clock.monotonic(), self._switches[name]
        if now < self._ready_at[name]:
            return
        try:
            if name not in self._set_up:
                switch.setup()
                self._set_up.add(name)
            on = switch.read()
        except SwitchError as error:
            if name not in self.faults:
                _log.error("input_failed", input=name.value, why=str(error))
            self.faults[name] = str(error)
            self._set_up.discard(name)
            self._ready_at[name] = now + RETRY_SECONDS
            return
        self.faults.pop(name, None)
        if self._told.get(name) is not on:
            self._told[name] = on
            word = InputState.ON if on else InputState.OFF
            intake.deliver(Packet(DEFAULT_TOPICS.topic(PIN, input=name.value), word.value.encode()))

    async def _pause(self) -> None:
        over = asyncio.Event()
        timer = self._clock.call_at(self._clock.monotonic() + POLL_SECONDS, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()
