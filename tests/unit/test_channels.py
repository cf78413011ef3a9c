"""Topics, ids and filters of the channel table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.channels import CHANNELS, FRAME, LOCK_COMMAND, SLUG, channel_of

SLUGS = st.from_regex(f"^{SLUG}$", fullmatch=True).map(lambda text: text.strip("\n"))


def test_a_topic_names_its_ids() -> None:
    topic = FRAME.topic("doorbus/v1", door="front", camera="porch")

    assert topic == "doorbus/v1/door/front/frame/porch"
    assert FRAME.ids("doorbus/v1", topic) == {"door": "front", "camera": "porch"}


@pytest.mark.parametrize(
    "door", ["", "Front", "-front", "fr ont", "front/", "front\n", "+", "#", "..", "a" * 65, "för"]
)
def test_an_id_that_is_no_slug_makes_no_topic(door: str) -> None:
    with pytest.raises(ValueError, match="lock_command"):
        LOCK_COMMAND.topic("doorbus/v1", door=door)


def test_a_missing_id_makes_no_topic() -> None:
    with pytest.raises((ValueError, KeyError)):
        LOCK_COMMAND.topic("doorbus/v1")


def test_a_filter_leaves_open_what_is_not_given() -> None:
    assert FRAME.filter("r", door="front") == "r/door/front/frame/+"
    assert FRAME.filter("r") == "r/door/+/frame/+"


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
    assert channel_of("doorbus/v1", topic) is None


def test_a_channel_covers_topics_of_its_shape_with_ids_that_are_wrong() -> None:
    assert LOCK_COMMAND.covers("doorbus/v1", "doorbus/v1/door/Front Door/lock/set")
    assert LOCK_COMMAND.covers("doorbus/v1", "doorbus/v1/door//lock/set")
    assert not LOCK_COMMAND.covers("doorbus/v1", "doorbus/v1/door/a/b/lock/set")
    assert not LOCK_COMMAND.covers("doorbusXv1", "doorbus/v1/door/front/lock/set")


@given(
    st.sampled_from(CHANNELS), st.lists(SLUGS, min_size=3, max_size=3), st.sampled_from(["doorbus/v1", "a", "x/y/z"])
)
def test_ids_put_into_a_topic_come_out_again(channel: object, slugs: list[str], root: str) -> None:
    assert channel in CHANNELS
    found = next(one for one in CHANNELS if one is channel)
    ids = dict(zip(found.parameters, slugs, strict=False))

    assert found.ids(root, found.topic(root, **ids)) == ids
