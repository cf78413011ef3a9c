"""Channels of groups and schedules. Pure."""

from typing import Any

from doorbus.wire import codec, messages
from doorbus.wire.channels import parties
from doorbus.wire.channels.channel import KIB, MIB, Channel, Retain
from doorbus.wire.channels.roles import Role

ARRANGED = Channel(
    name="arranged",
    template="people/arranged/{token}",
    codec=codec.Json(messages.Arranged),
    summary="What became of a change of a group or schedule, to the response topic that the request named.",
    qos=1,
    expiry=30,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS,
)
SET_GROUP = Channel(
    name="set_group",
    template="group/{group}/set",
    codec=codec.Patch(messages.SetGroup),
    summary="Make a group of people, or change what all of it may.",
    qos=1,
    retain=Retain.REFUSED,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
REMOVE_GROUP = Channel(
    name="remove_group",
    template="group/{group}/remove",
    codec=codec.Empty(messages.RemoveGroup),
    summary="Forget a group in which nobody is.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
SET_SCHEDULE = Channel(
    name="set_schedule",
    template="schedule/{schedule}/set",
    codec=codec.Patch(messages.SetSchedule),
    summary="Give hours and holidays a name, or change them for all who follow it.",
    qos=1,
    retain=Retain.REFUSED,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
REMOVE_SCHEDULE = Channel(
    name="remove_schedule",
    template="schedule/{schedule}/remove",
    codec=codec.Empty(messages.RemoveSchedule),
    summary="Forget a schedule that nobody follows.",
    qos=1,
    retain=Retain.REFUSED,
    max_bytes=KIB,
    senders=parties.PEOPLE,
    receivers=parties.READERS | {Role.ENROLLER},
    reply=ARRANGED,
)
GROUPS = Channel(
    name="groups",
    template="people/groups",
    codec=codec.Json(messages.ListedGroups),
    summary="All groups of people, and what they may.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS,
)
SCHEDULES = Channel(
    name="schedules",
    template="people/schedules",
    codec=codec.Json(messages.ListedSchedules),
    summary="All schedules: hours with a name, and their holidays.",
    qos=1,
    retain=Retain.YES,
    max_bytes=8 * MIB,
    senders=frozenset({Role.ENROLLER}),
    receivers=parties.READERS,
)

ROWS: tuple[Channel[Any], ...] = (
    SET_GROUP,
    REMOVE_GROUP,
    SET_SCHEDULE,
    REMOVE_SCHEDULE,
    ARRANGED,
    GROUPS,
    SCHEDULES,
)
