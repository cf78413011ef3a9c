"""Groups and schedules that are made, changed and forgotten, and whom that moves."""

from dataclasses import replace
from datetime import datetime

from doorbus.wire.messages import ErrorCode, Fault, RosterEntry, SetGroup, SetSchedule
from doorbus.wire.snapshot import repack
from doorbus_enroller.arrangements import Arrangements, composed
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.state import State
from doorbus_enroller.rights import unreadable


class Arranging:
    """The groups and schedules."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def set_group(self, group: str, change: SetGroup, now: datetime) -> Outcome:
        """Make or change a group, and with it the rights of everybody in it."""
        state = self._core.current(now)
        return self._arranged(state, state.arrangements.with_group(group, change), now, group=group)

    def set_schedule(self, schedule: str, change: SetSchedule, now: datetime) -> Outcome:
        """Make or change a schedule, and with it the hours of everybody who follows it."""
        state = self._core.current(now)
        arrangements = state.arrangements.with_schedule(schedule, change)
        if isinstance(arrangements, Arrangements) and (why := unreadable(composed(arrangements.schedules[schedule]))):
            return self._core.outcome(state, Fault(code=ErrorCode.BAD_REQUEST, message=f"hours: {why}"))
        return self._arranged(state, arrangements, now, schedule=schedule)

    def remove_group(self, group: str, now: datetime) -> Outcome:
        """Forget a group in which nobody is."""
        state, everybody = self._core.current(now), self._core.store.people(now).rights.values()
        inside = sum(rights is not None and rights.group == group for rights in everybody)
        return self._arranged(state, state.arrangements.without_group(group, inside), now, group=group)

    def remove_schedule(self, schedule: str, now: datetime) -> Outcome:
        """Forget a schedule that nobody follows."""
        state, everybody = self._core.current(now), self._core.store.people(now).rights.values()
        following = sum(rights is not None and rights.schedule == schedule for rights in everybody)
        return self._arranged(state, state.arrangements.without_schedule(schedule, following), now, schedule=schedule)

    def _arranged(
        self,
        state: State,
        arrangements: Arrangements | Fault,
        now: datetime,
        *,
        group: str | None = None,
        schedule: str | None = None,
    ) -> Outcome:
        """Keep a group or schedule that has changed, or is no more, and publish those whom it moves."""
        if isinstance(arrangements, Fault):
            return self._core.outcome(state, arrangements)
        put = [each for each in (arrangements.groups.get(group or ""),) if each is not None]
        follow = [each for each in (arrangements.schedules.get(schedule or ""),) if each is not None]
        arranged, concerned = replace(state, arrangements=arrangements), dict[str, RosterEntry | None]()
        for person, rights in self._core.store.people(now).rights.items():
            if rights is None:
                continue
            entry = arranged.entry(person, rights)
            if (group is not None and entry.group == group) or (schedule is not None and entry.schedule == schedule):
                concerned[person] = entry
        if arrangements != state.arrangements:
            versions = self._core.store.arrange(now, put=[*put, *follow], group=group, schedule=schedule)
            roster = repack(state.roster, concerned, versions.roster)
            state = replace(arranged, versions=versions, roster=roster)
        return replace(self._core.outcome(state), people=len(concerned))
