"""Groups and schedules, and what they make of a person's rights. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from doorbus.wire.holidays import HolidaysError, with_holidays
from doorbus.wire.messages import (
    Entitlement,
    ErrorCode,
    Fault,
    GroupEntry,
    Rights,
    RosterEntry,
    ScheduleEntry,
    SetGroup,
    SetSchedule,
)
from doorbus.wire.plain import plain

MOST = 200
"""Groups, and schedules, that there may be."""
LONGEST_HOURS = 4096
"""Characters of the hours on the roster, holidays included."""
NEVER = "off"
"""The hours of a schedule that is not there."""
_INHERITED = ("doors", "valid_from", "valid_until", "threshold", "second_factor")


@dataclass(frozen=True)
class Arrangements:
    """All groups and schedules, by id."""

    groups: Mapping[str, GroupEntry] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleEntry] = field(default_factory=dict)

    def entry(self, person: str, rights: Rights) -> RosterEntry:
        """What the roster says of a person: the own rights, and of the group's whatever these leave out.

        A group that is not there lets nobody in, and a schedule that is not there is never open.
        """
        values = {**rights.model_dump(), "person": person, "name": None if rights.name is None else plain(rights.name)}
        if rights.group is not None:
            group = self.groups.get(rights.group, GroupEntry(group=rights.group, enabled=False))
            own_times = rights.hours is not None or rights.schedule is not None
            fields = (*_INHERITED, *(() if own_times else ("hours", "schedule")))
            taken = {
                name: value for name in fields if values[name] is None and (value := getattr(group, name)) is not None
            }
            values |= {**taken, "enabled": rights.enabled and group.enabled, "inherited": tuple(taken) or None}
        return RosterEntry.model_validate({**values, "hours": self.hours(values["hours"], values["schedule"])})

    def hours(self, own: str | None, schedule: str | None) -> str | None:
        """The hours that count: the schedule's, where there is one."""
        if schedule is None:
            return own
        known = self.schedules.get(schedule)
        return NEVER if known is None else composed(known)

    def of_group(self, group: str) -> Entitlement:
        """What a group may, with the hours of its schedule."""
        known = self.groups[group]
        return known.model_copy(update={"hours": self.hours(known.hours, known.schedule)})

    def of_schedule(self, schedule: str) -> Entitlement:
        """What somebody may who follows a schedule."""
        return Entitlement().model_copy(update={"hours": self.hours(None, schedule)})

    def fault_in(self, entitled: Entitlement) -> Fault | None:
        """Why somebody cannot be entitled so."""
        group = entitled.group if isinstance(entitled, Rights) else None
        if group is not None and group not in self.groups:
            return _unknown_group(group)
        if entitled.schedule is not None and entitled.schedule not in self.schedules:
            return _unknown_schedule(entitled.schedule)
        if entitled.schedule is not None and entitled.hours is not None:
            return Fault(
                code=ErrorCode.BAD_REQUEST,
                message="hours and schedule are two ways to say when; send the one that is not to count as null",
            )
        return ends_before_it_begins(entitled)

    def with_group(self, group: str, change: SetGroup) -> "Arrangements | Fault":
        """These with a group that is made or changed."""
        known = self.groups.get(group)
        if known is None and len(self.groups) >= MOST:
            return Fault(code=ErrorCode.BAD_REQUEST, message=f"there are {MOST} groups already; remove one first")
        changes = {name: getattr(change, name) for name in change.model_fields_set}
        if change.doors is not None:
            changes["doors"] = tuple(dict.fromkeys(change.doors))
        revised = (known or GroupEntry(group=group)).model_copy(update=changes)
        return self.fault_in(revised) or replace(self, groups={**self.groups, group: revised})

    def with_schedule(self, schedule: str, change: SetSchedule) -> "Arrangements | Fault":
        """These with a schedule that is made or changed; nobody has read its hours yet."""
        known = self.schedules.get(schedule)
        if known is None and len(self.schedules) >= MOST:
            return Fault(code=ErrorCode.BAD_REQUEST, message=f"there are {MOST} schedules already; remove one first")
        changes = {name: getattr(change, name) for name in change.model_fields_set}
        hours = changes.pop("hours", known.hours if known else None)
        if hours is None:
            return Fault(code=ErrorCode.BAD_REQUEST, message="a schedule has hours, such as Mo-Fr 07:00-19:00; PH off")
        revised = (known or ScheduleEntry(schedule=schedule, hours=hours)).model_copy(
            update={**changes, "hours": hours}
        )
        try:
            length = len(with_holidays(revised.hours, revised.holidays) if revised.holidays is not None else hours)
        except HolidaysError as error:
            return Fault(code=ErrorCode.BAD_REQUEST, message=f"holidays: {error}")
        if length > LONGEST_HOURS:
            message = f"hours and holidays make {length} characters, and {LONGEST_HOURS} are taken; name days as ranges"
            return Fault(code=ErrorCode.BAD_REQUEST, message=message)
        return replace(self, schedules={**self.schedules, schedule: revised})

    def without_group(self, group: str, people: int) -> "Arrangements | Fault":
        """These without a group, in which so many people are."""
        if group not in self.groups:
            return _unknown_group(group)
        if people:
            message = f"{_count(people)} in the group {group}; give them another one first, or null"
            return Fault(code=ErrorCode.IN_USE, message=message)
        return replace(self, groups={each: entry for each, entry in self.groups.items() if each != group})

    def without_schedule(self, schedule: str, people: int) -> "Arrangements | Fault":
        """These without a schedule, which so many people follow."""
        if schedule not in self.schedules:
            return _unknown_schedule(schedule)
        groups = [each for each, entry in self.groups.items() if entry.schedule == schedule]
        if groups:
            message = f"the schedule {schedule} is that of the groups {', '.join(groups)}; give them another one first"
            return Fault(code=ErrorCode.IN_USE, message=message)
        if people:
            message = f"{_count(people)} on the schedule {schedule}; give them another one first, or null"
            return Fault(code=ErrorCode.IN_USE, message=message)
        return replace(self, schedules={each: entry for each, entry in self.schedules.items() if each != schedule})

    def with_entries(self, *entries: GroupEntry | ScheduleEntry) -> "Arrangements":
        """These with groups and schedules as they are given."""
        groups = {each.group: each for each in entries if isinstance(each, GroupEntry)}
        schedules = {each.schedule: each for each in entries if isinstance(each, ScheduleEntry)}
        return Arrangements({**self.groups, **groups}, {**self.schedules, **schedules})


def ends_before_it_begins(entitled: Entitlement) -> Fault | None:
    """That it is never valid, if so."""
    since, until = entitled.valid_from, entitled.valid_until
    if since is None or until is None or since < until:
        return None
    message = f"valid_from {since.isoformat()} must come before valid_until {until.isoformat()}"
    return Fault(code=ErrorCode.BAD_REQUEST, message=message)


def composed(schedule: ScheduleEntry) -> str:
    """The hours of a schedule with its holidays; those of one that makes no sense are never open."""
    if schedule.holidays is None:
        return schedule.hours
    try:
        hours = with_holidays(schedule.hours, schedule.holidays)
    except HolidaysError:
        return NEVER
    return hours if len(hours) <= LONGEST_HOURS else NEVER


def _count(people: int) -> str:
    return "1 person is" if people == 1 else f"{people} people are"


def _unknown_group(group: str) -> Fault:
    message = f"there is no group {group}; make it first: doorbus group set {group}"
    return Fault(code=ErrorCode.UNKNOWN_GROUP, message=message)


def _unknown_schedule(schedule: str) -> Fault:
    message = f"there is no schedule {schedule}; make it first: doorbus schedule set {schedule} HOURS"
    return Fault(code=ErrorCode.UNKNOWN_SCHEDULE, message=message)
