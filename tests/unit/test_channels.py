"""Topics, ids and filters of the channel table."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire import channels
from doorbus.wire.channels import (
    CHANNELS,
    FRAME,
    HOMEASSISTANT_CONFIG,
    HOMEASSISTANT_STATUS,
    LOCK_COMMAND,
    Channel,
    Under,
    table,
)
from doorbus.wire.ids import SLUG
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Directory, Resolved, Topics

SLUGS = st.from_regex(f"^{SLUG}$", fullmatch=True).map(lambda text: text.strip("\n"))


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_the_table_has_each_channel_by_the_name_that_its_module_gives_it(channel: Channel[Any]) -> None:
    rooms = [vars(room) for room in vars(table).values() if isinstance(room, ModuleType)]
    named = [name for room in rooms for name, value in room.items() if value is channel]

    assert named
    assert all(getattr(channels, name) is channel for name in named)


def test_a_topic_names_its_ids() -> None:
    topic = TOPICS.topic(FRAME, door="front", camera="porch")

    assert topic == "doorbus/v1/door/front/frame/porch"
    assert TOPICS.resolve(topic) == Resolved(FRAME, {"door": "front", "camera": "porch"})


@pytest.mark.parametrize(
    "door", ["", "Front", "-front", "fr ont", "front/", "front\n", "+", "#", "..", "a" * 65, "för"]
)
def test_an_id_that_is_no_slug_makes_no_topic(door: str) -> None:
    with pytest.raises(ValueError, match="lock_command"):
        TOPICS.topic(LOCK_COMMAND, door=door)


def test_a_missing_id_makes_no_topic() -> None:
    with pytest.raises((ValueError, KeyError)):
        TOPICS.topic(LOCK_COMMAND)


def test_a_filter_leaves_open_what_is_not_given() -> None:
    assert Topics("r").filter(FRAME, door="front") == "r/door/front/frame/+"
    assert Topics("r").filter(FRAME) == "r/door/+/frame/+"


@pytest.mark.parametrize(
    "topic",
    [
        "doorbus/v1/door/front/lock/set/",
        "doorbus/v1/door/front/lock",
        "doorbus/v2/door/front/lock/set",
        "/doorbus/v1/door/front/lock/set",
        "x/doorbus/v1/door/front/lock/set",
        "doorbus/v1/door/a/b/lock/set",
        "doorbus/v1/door/front/lock/set\n",
        "",
    ],
)
def test_a_topic_that_is_nearly_one_of_the_table_is_none(topic: str) -> None:
    assert TOPICS.resolve(topic) is None


@pytest.mark.parametrize("door", ["Front Door", "", "Front", "front\n", "..", "a" * 65, "för"])
def test_a_topic_of_a_channels_shape_is_the_channels_also_when_its_ids_are_wrong(door: str) -> None:
    found = TOPICS.resolve(f"doorbus/v1/door/{door}/lock/set")

    assert found == Resolved(LOCK_COMMAND, {"door": door})
    assert not found.valid


def test_a_root_is_taken_letter_for_letter() -> None:
    assert Topics("doorbus.v1").resolve("doorbusXv1/door/front/lock/set") is None


@given(
    st.sampled_from(CHANNELS),
    st.lists(SLUGS, min_size=3, max_size=3),
    st.sampled_from([TOPICS, Topics("a", "ha"), Topics("x/y/z", "home/assistant")]),
)
def test_ids_put_into_a_topic_come_out_again(channel: Channel[Any], slugs: list[str], topics: Topics) -> None:
    ids = dict(zip(channel.parameters, slugs, strict=False))

    found = topics.resolve(topics.topic(channel, **ids))

    assert found == Resolved(channel, ids)
    assert found.valid


def test_each_channel_stands_where_it_belongs() -> None:
    topics = Topics("site/7", "ha")

    assert topics.address(LOCK_COMMAND) == "site/7/door/{door}/lock/set"
    assert topics.address(HOMEASSISTANT_CONFIG) == "ha/{component}/{service}/{object}/config"
    assert topics.address(HOMEASSISTANT_STATUS) == "homeassistant/status"  # it says so there whatever the prefix is


def test_the_topic_of_another_program_is_taken_as_it_is_braces_included() -> None:
    theirs = replace(FRAME, template="frigate/{{porch}}/a.b", under=Under.NOTHING)

    assert TOPICS.filter(theirs) == "frigate/{porch}/a.b"
    assert Directory(TOPICS, [theirs]).resolve("frigate/{porch}/a.b") == Resolved(theirs, {})
    assert Directory(TOPICS, [theirs]).resolve("frigate/{porch}/aXb") is None
