"""Groups of people, and schedules that they follow. Pure."""

from typing import Annotated

from pydantic import Field

from doorbus.wire.messages.base import Message, Name, NewName, Slug
from doorbus.wire.messages.rights import Entitlement, OpeningHours


class SetGroup(Entitlement):
    """Make or change a group of people; fields that are not sent stay as they are. It moves everybody in it.

    Who is in it says the `group` of each person's own rights.

    mosquitto_pub -q 1 -t doorbus/v1/group/cleaners/set -m '{"doors": ["front"], "hours": "Mo-Fr 06:00-08:00"}'
    """

    name: NewName | None = None


class RemoveGroup(Message):
    """Forget a group, in which nobody may be any more; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/group/cleaners/remove -n
    """


Holiday = Annotated[str, Field(min_length=2, max_length=64)]
"""A day such as 2026-12-24 or Dec 24, days such as 2026-12-24/2027-01-06, `easter +1 day`; or PH, the country's."""


class SetSchedule(Message):
    """Make or change hours with a name; fields that are not sent stay as they are. It moves all who follow it.

    mosquitto_pub -q 1 -t doorbus/v1/schedule/office/set -m '{"hours": "Mo-Fr 07:00-19:00", "holidays": ["2026-12-24"]}'
    """

    name: NewName | None = None
    hours: OpeningHours | None = None
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=100)] | None = None
    """What `PH` in the hours means; closed on these days where the hours do not say PH. None: the country's."""


class RemoveSchedule(Message):
    """Forget a schedule, which nobody may follow any more; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/schedule/office/remove -n
    """


class GroupEntry(Entitlement):
    """A group."""

    group: Slug


class ScheduleEntry(Message):
    """A schedule."""

    schedule: Slug
    name: Name | None = None
    hours: OpeningHours
    holidays: tuple[Holiday, ...] | None = None


class ListedGroup(GroupEntry):
    """A group, and how many people are in it."""

    people: Annotated[int, Field(ge=0)] = 0


class ListedGroups(Message):
    """All groups, by id.

    mosquitto_sub -t doorbus/v1/people/groups
    """

    groups: tuple[ListedGroup, ...] = ()


class ListedSchedule(ScheduleEntry):
    """A schedule, and how many people follow it, by themselves or through their group."""

    people: Annotated[int, Field(ge=0)] = 0


class ListedSchedules(Message):
    """All schedules, by id.

    mosquitto_sub -t doorbus/v1/people/schedules
    """

    schedules: tuple[ListedSchedule, ...] = ()
