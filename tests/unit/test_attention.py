"""Who waits before a camera without moving, and for how long it stays awake for them."""

import itertools
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.messages import Decision, Outcome, Reason, Trigger
from doorbus_capture.attention import LONGEST_SECONDS, NOBODY_WAITS, Attention
from doorbus_capture.sampling import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, GateState, Rules, Why, looks_per_second, sample

RULES = Rules()
PORCH = np.full((THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH), 90, dtype=np.uint8)
LONG_AGO = -1000.0
QUIET = GateState(PORCH, moved_at=LONG_AGO, sent_at=0.0)
"""An empty porch, or somebody who stands before it like a statue."""


def decision(reason: Reason, trigger: Trigger = Trigger.FACE) -> Decision:
    outcome = Outcome.GRANTED if reason in {Reason.MATCHED, Reason.COMMANDED} else Outcome.DENIED
    return Decision(outcome=outcome, reason=reason, trigger=trigger, at=datetime(2026, 11, 1, tzinfo=UTC))


def waits(attention: Attention, now: float, moved_at: float = LONG_AGO) -> bool:
    return attention.waits(RULES.attention_seconds, moved_at, now)


@pytest.mark.parametrize(
    "reason",
    [
        *(Reason.AWAITING_VOTES, Reason.AWAITING_CHALLENGE, Reason.LOW_CONFIDENCE, Reason.LOW_MARGIN),
        *(Reason.UNKNOWN_FACE, Reason.AMBIGUOUS_FACE, Reason.NOT_LIVE, Reason.LIVENESS_MISSING),
    ],
)
def test_a_face_that_the_next_picture_may_let_in_keeps_the_camera_awake_for_a_while(reason: Reason) -> None:
    attention = NOBODY_WAITS.after(decision(reason), 1.0)
    assert sample(RULES, QUIET, PORCH, 1.1, attention)[1] is Why.ATTENTION
    assert looks_per_second(RULES, QUIET, 1.1, attention) == RULES.fps
    assert looks_per_second(RULES, QUIET, 1.1 + RULES.attention_seconds, attention) == RULES.idle_fps
    assert sample(RULES, QUIET, PORCH, 1.1)[1] is None


@pytest.mark.parametrize(
    "reason", [Reason.MATCHED, Reason.COOLDOWN, Reason.OUTSIDE_HOURS, Reason.DISABLED, Reason.LOCKDOWN]
)
def test_who_is_let_in_or_may_not_come_in_whatever_they_look_like_lets_the_camera_rest(reason: Reason) -> None:
    attention = NOBODY_WAITS.after(decision(Reason.AWAITING_VOTES), 1.0).after(decision(reason), 1.2)
    assert not waits(attention, 1.3)


def test_a_command_says_nothing_about_who_stands_there() -> None:
    waiting = NOBODY_WAITS.after(decision(Reason.AWAITING_VOTES), 1.0)
    assert waiting.after(decision(Reason.COMMANDED, Trigger.COMMAND), 1.2) == waiting
    assert not waits(NOBODY_WAITS.after(decision(Reason.COOLDOWN, Trigger.COMMAND), 1.0), 1.1)


def test_who_is_asked_for_something_is_watched_at_the_rate_for_it_as_long_as_that_is() -> None:
    asked = NOBODY_WAITS.asked(8.0, 1.0)
    assert sample(RULES, QUIET, PORCH, 1.1, asked)[1] is Why.CHALLENGE
    assert looks_per_second(RULES, QUIET, 8.9, asked) == RULES.challenge_fps
    assert looks_per_second(RULES, QUIET, 9.0, asked) == RULES.idle_fps
    assert looks_per_second(RULES, QUIET, 2.0, asked.asked(0.0, 1.5)) == RULES.idle_fps
    assert looks_per_second(Rules(fps=30.0), QUIET, 2.0, asked) == 30.0


def test_a_challenge_from_a_clock_that_is_far_ahead_keeps_no_camera_busy_for_ever() -> None:
    asked = NOBODY_WAITS.asked(86400.0, 1.0)
    assert looks_per_second(RULES, QUIET, 1.0 + LONGEST_SECONDS, asked) == RULES.idle_fps


def test_switched_off_it_leaves_everything_to_motion() -> None:
    attention = NOBODY_WAITS.after(decision(Reason.AWAITING_VOTES), 1.0)
    off = Rules(attention_seconds=0)
    assert sample(off, QUIET, PORCH, 1.0, attention)[1] is None


def test_a_portrait_on_the_wall_does_not_keep_the_camera_awake_for_ever_and_motion_begins_anew() -> None:
    attention, awake = NOBODY_WAITS, []
    for now in range(120):
        attention = attention.after(decision(Reason.UNKNOWN_FACE), now)
        awake.append(waits(attention, now))
    assert awake == [True] * int(LONGEST_SECONDS) + [False] * (120 - int(LONGEST_SECONDS))
    assert waits(attention, 119.5, moved_at=100.0)


@given(st.sampled_from(Reason), st.floats(0, 60), st.floats(0, 60))
def test_whoever_rings_is_sent_for_a_while_whatever_is_decided_meanwhile(
    reason: Reason, decided: float, wait: float
) -> None:
    attention = NOBODY_WAITS.rung(0.0).after(decision(reason), decided)
    due = wait < RULES.doorbell_seconds
    alone = NOBODY_WAITS.after(decision(reason), decided)

    assert attention.rings(RULES.doorbell_seconds, wait) is due
    assert (looks_per_second(RULES, QUIET, wait, attention) == RULES.fps) is (due or waits(alone, wait))
    assert not attention.rings(0, wait)


@given(st.lists(st.tuples(st.sampled_from(Reason), st.floats(0, 20)), max_size=60), st.floats(0.001, 60))
def test_whatever_is_decided_the_camera_rests_when_no_more_is_told(
    told: list[tuple[Reason, float]], later: float
) -> None:
    now, attention = 0.0, NOBODY_WAITS
    for (reason, _), now in zip(told, itertools.accumulate(gap for _, gap in told), strict=True):
        attention = attention.after(decision(reason), now)
    assert not waits(attention, now + RULES.attention_seconds + later)
