"""Requests about groups and schedules."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from doorbus.wire.exchange import Inbound, Outbound
from doorbus.wire.messages import RemoveGroup, RemoveSchedule, SetGroup, SetSchedule
from doorbus_enroller.desk import Desk
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.rights import fault_in


class Groups:
    """Takes them to the register, and says whom they concern."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._register = desk.register

    async def on_set_group(self, inbound: Inbound[SetGroup]) -> Iterable[Outbound]:
        """Make or change a group, whose hours can be read."""
        group, fault = inbound.ids["group"], await self._desk.work(partial(fault_in, inbound.message))
        if fault is not None:
            return self._desk.arranged(inbound, Outcome(fault), None)
        return await self._arrange(inbound, partial(self._register.arranging.set_group, group, inbound.message), group)

    async def on_remove_group(self, inbound: Inbound[RemoveGroup]) -> Iterable[Outbound]:
        """Forget a group."""
        return await self._arrange(inbound, partial(self._register.arranging.remove_group, inbound.ids["group"]))

    async def on_set_schedule(self, inbound: Inbound[SetSchedule]) -> Iterable[Outbound]:
        """Make or change a schedule."""
        schedule = inbound.ids["schedule"]
        change = partial(self._register.arranging.set_schedule, schedule, inbound.message)
        return await self._arrange(inbound, change, schedule=schedule)

    async def on_remove_schedule(self, inbound: Inbound[RemoveSchedule]) -> Iterable[Outbound]:
        """Forget a schedule."""
        return await self._arrange(inbound, partial(self._register.arranging.remove_schedule, inbound.ids["schedule"]))

    async def _arrange(
        self,
        inbound: Inbound[Any],
        work: Callable[[datetime], Outcome],
        group: str | None = None,
        schedule: str | None = None,
    ) -> Iterable[Outbound]:
        """Have a group or schedule changed, and say what will not be as one would think."""
        outcome, entitled = await self._desk.change(work), None
        if outcome.fault is None and group is not None:
            entitled = self._register.arrangements.of_group(group)
        elif outcome.fault is None and schedule is not None:
            entitled = self._register.arrangements.of_schedule(schedule)
        warning = await self._desk.doubts(entitled)
        return [*outcome.news, *self._desk.list_arrangements(), *self._desk.arranged(inbound, outcome, warning)]
