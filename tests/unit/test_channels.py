"""Topics, ids and filters of the channel table."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.channels import (
    CHANNELS,
    FRAME,
    HOMEASSISTANT_CONFIG,
    HOMEASSISTANT_STATUS,
    LOCK_COMMAND,
    SLUG,
    Channel,
    Under,
)
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Topics

SLUGS = st.from_regex(f"^{SLUG}$", fullmatch=True).map(lambda text: text.strip("\n"))


def test_a_topic_names_its_ids() -> None:
    topic = TOPICS.topic(FRAME, door="front", camera="porch")

    assert topic == "doorbus/v1/door/front/frame/porch"
    assert TOPICS.ids(FRAME, topic) == {"door": "front", "camera": "porch"}


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
        "doorbus/v1/door//lock/set",
        "doorbus/v1/door/Front/lock/set",
        "doorbus/v1/door/front\n/lock/set",
    ],
)
def test_a_topic_that_is_nearly_one_of_the_table_is_none(topic: str) -> None:
    assert TOPICS.channel_of(topic) is None


def test_a_channel_covers_topics_of_its_shape_with_ids_that_are_wrong() -> None:
    assert TOPICS.covers(LOCK_COMMAND, "doorbus/v1/door/Front Door/lock/set")
    assert TOPICS.covers(LOCK_COMMAND, "doorbus/v1/door//lock/set")
    assert not TOPICS.covers(LOCK_COMMAND, "doorbus/v1/door/a/b/lock/set")
    assert not Topics("doorbusXv1").covers(LOCK_COMMAND, "doorbus/v1/door/front/lock/set")


@given(
    st.sampled_from(CHANNELS),
    st.lists(SLUGS, min_size=3, max_size=3),
    st.sampled_from([TOPICS, Topics("a", "ha"), Topics("x/y/z", "home/assistant")]),
)
def test_ids_put_into_a_topic_come_out_again(channel: Channel[Any], slugs: list[str], topics: Topics) -> None:
    ids = dict(zip(channel.parameters, slugs, strict=False))

    assert topics.ids(channel, topics.topic(channel, **ids)) == ids


def test_each_channel_stands_where_it_belongs() -> None:
    topics = Topics("site/7", "ha")

    assert topics.address(LOCK_COMMAND) == "site/7/door/{door}/lock/set"
    assert topics.address(HOMEASSISTANT_CONFIG) == "ha/{component}/{service}/{object}/config"
    assert topics.address(HOMEASSISTANT_STATUS) == "homeassistant/status"  # it says so there whatever the prefix is


def test_the_topic_of_another_program_is_taken_as_it_is_braces_included() -> None:
    theirs = replace(FRAME, template="frigate/{{porch}}/a.b", under=Under.NOTHING)

    assert TOPICS.filter(theirs) == "frigate/{porch}/a.b"
    assert TOPICS.ids(theirs, "frigate/{porch}/a.b") == {}
    assert TOPICS.ids(theirs, "frigate/{porch}/aXb") is None
