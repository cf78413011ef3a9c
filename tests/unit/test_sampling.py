"""Which pictures are sent: stories told to the motion gate, and what holds whatever the camera shows."""

import itertools
from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from doorbus_capture.sampling import (
    THUMBNAIL_HEIGHT,
    THUMBNAIL_WIDTH,
    GateState,
    Rules,
    Thumbnail,
    Why,
    looks_per_second,
    motion,
    sample,
)

RULES = Rules()
RNG = np.random.default_rng(7)
PORCH: Thumbnail = RNG.integers(40, 200, (THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH)).astype(np.uint8)


def with_person(column: int, shade: int = 255) -> Thumbnail:
    """The porch with somebody two metres away: six cells wide and twenty high."""
    seen = PORCH.copy()
    seen[20:40, column : column + 6] = shade
    return seen


def watch(pictures: Iterable[Thumbnail], rules: Rules = RULES) -> list[tuple[float, Why | None]]:
    """Play pictures at the pace that the gate asks for; when each was taken, and why it was sent."""
    state, now, seen = GateState(), 0.0, []
    for picture in pictures:
        state, why = sample(rules, state, picture, now)
        seen.append((now, why))
        now += 1 / looks_per_second(rules, state, now)
    return seen


def test_the_first_picture_is_always_sent() -> None:
    assert watch([PORCH])[0][1] is Why.MOTION


def test_an_empty_porch_falls_silent_but_for_the_keep_alive() -> None:
    seen = watch([PORCH] * 300)
    quiet = [(at, why) for at, why in seen if at > RULES.motion_hold_seconds + 0.5]
    sent = [at for at, why in quiet if why]
    assert {why for _, why in quiet} == {None, Why.KEEPALIVE}
    gaps = np.diff(sent)
    assert gaps.min() >= RULES.keepalive_seconds
    assert gaps.max() <= RULES.keepalive_seconds + 1 / RULES.idle_fps + 1e-6


def test_somebody_who_steps_in_is_sent_at_once() -> None:
    seen = watch([PORCH] * 300 + [with_person(10)])
    assert seen[-1][1] is Why.MOTION


def test_who_stands_still_before_the_door_is_sent_often_enough_for_two_votes() -> None:
    seen = watch([PORCH] * 200 + [with_person(30)] * 100)
    arrived = seen[200][0]
    sent = [at for at, why in seen if why and arrived <= at <= arrived + RULES.motion_hold_seconds]
    assert len(sent) >= RULES.fps * RULES.motion_hold_seconds * 0.95
    assert all(later - earlier <= 1.5 for earlier, later in itertools.pairwise(sent))


def test_somebody_who_comes_very_slowly_is_noticed_in_the_end() -> None:
    fading_in = [with_person(30, shade=level) for level in range(100, 255, 1)]
    seen = watch([with_person(30, shade=100)] * 200 + fading_in, Rules(keepalive_seconds=3600, motion_hold_seconds=0))
    assert Why.MOTION in [why for _, why in seen[200:]]


def test_the_noise_of_a_dim_webcam_is_no_motion() -> None:
    noisy = [np.clip(PORCH + RNG.normal(0, 1.5, PORCH.shape), 0, 255).astype(np.uint8) for _ in range(50)]
    assert max(motion(noisy[0], other) for other in noisy[1:]) == 0.0


def test_a_cloud_or_the_cameras_exposure_is_no_motion() -> None:
    assert motion(PORCH, PORCH + np.uint8(30)) == 0.0
    assert motion(PORCH, PORCH - np.uint8(30)) == 0.0


def test_a_threshold_of_zero_sends_everything() -> None:
    assert all(watch([PORCH] * 200, Rules(motion_threshold=0.0))[i][1] for i in range(200))


def test_fewer_pictures_are_looked_at_while_nothing_happens() -> None:
    moved = GateState(PORCH, moved_at=100.0, sent_at=100.0)
    assert looks_per_second(RULES, GateState(), 0.0) == RULES.idle_fps
    assert looks_per_second(RULES, moved, 100.0 + RULES.motion_hold_seconds) == RULES.fps
    assert looks_per_second(RULES, moved, 100.1 + RULES.motion_hold_seconds) == RULES.idle_fps


thumbnails = st.builds(
    lambda column, width, shade: with_person(column, shade) if width else PORCH,
    st.integers(0, THUMBNAIL_WIDTH - 6),
    st.booleans(),
    st.integers(0, 255),
)
rules = st.builds(
    Rules,
    fps=st.floats(2, 60),
    idle_fps=st.floats(0.5, 60),
    keepalive_seconds=st.floats(0.1, 60),
    motion_threshold=st.floats(0.0001, 0.5),
    motion_hold_seconds=st.floats(0, 60),
)


@given(rules, st.lists(thumbnails, min_size=1, max_size=60))
def test_whatever_happens_no_longer_than_the_keep_alive_passes_in_silence(
    chosen: Rules, pictures: list[Thumbnail]
) -> None:
    seen = watch(pictures, chosen)
    sent = [at for at, why in seen if why] + [seen[-1][0]]
    longest = chosen.keepalive_seconds + 1 / min(chosen.fps, chosen.idle_fps)
    assert all(later - earlier <= longest + 1e-6 for earlier, later in itertools.pairwise(sent))


@given(rules, st.lists(thumbnails, min_size=1, max_size=60))
def test_whatever_happens_all_is_sent_until_the_hold_over_has_passed(chosen: Rules, pictures: list[Thumbnail]) -> None:
    moved_at = -1e9
    for at, why in watch(pictures, chosen):
        if why is Why.MOTION:
            moved_at = at
        assert why is not None or at - moved_at > chosen.motion_hold_seconds


@given(rules, st.lists(thumbnails, min_size=2, max_size=60))
def test_a_picture_that_is_sent_is_what_the_next_is_compared_with(chosen: Rules, pictures: list[Thumbnail]) -> None:
    state, now = GateState(), 0.0
    for picture in pictures:
        before = state
        state, why = sample(chosen, state, picture, now)
        if why is None:
            assert state.reference is before.reference
            assert motion(before.reference, picture) < chosen.motion_threshold
        else:
            assert state.reference is picture
            assert state.sent_at == now
        now += 1 / looks_per_second(chosen, state, now)


@given(thumbnails, thumbnails)
def test_motion_is_a_share_and_the_same_both_ways(one: Thumbnail, other: Thumbnail) -> None:
    assert 0.0 <= motion(one, other) <= 1.0
    assert motion(one, other) == motion(other, one)
    assert motion(one, one) == 0.0
