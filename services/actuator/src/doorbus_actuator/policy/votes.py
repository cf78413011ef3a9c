"""Frames that were seen, and whom they name: no frame counts twice, and no person is let in by one alone. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from doorbus.wire.messages import Face, Recognition
from doorbus_actuator.policy.events import Now, Sighting
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_CAMERAS, MAX_REMEMBERED, Ballot, SeenFrame, State

FRAME_MEMORY_SECONDS = 60.0
"""How much longer than fresh a frame_id is remembered."""


def seen(state: State, recognition: Recognition) -> bool:
    """Whether the frame was judged before, or may have been and was forgotten in a flood."""
    return recognition.frame_id in state.frames or (
        state.forgotten_until is not None and recognition.captured_at <= state.forgotten_until
    )


def remember(state: State, recognition: Recognition, now: Now) -> State:
    """Let the frame count as seen from now on."""
    # A frame dated later than now must not, once forgotten, make all frames until then count as seen.
    captured_at = min(recognition.captured_at, now.wall)
    frames = {**state.frames, recognition.frame_id: SeenFrame(captured_at, now.monotonic)}
    if len(frames) <= MAX_REMEMBERED:
        return replace(state, frames=frames)
    oldest = frames.pop(next(iter(frames))).captured_at
    until = state.forgotten_until
    return replace(state, frames=frames, forgotten_until=oldest if until is None else max(until, oldest))


def cast(rules: Rules, state: State, event: Sighting, voting: Iterable[Face], now: Now) -> State:
    """Note whom the frame names, be it nobody, among the last of its camera."""
    recognition = event.recognition
    people = frozenset(face.person for face in voting if face.person is not None)
    ballot = Ballot(recognition.frame_id, recognition.captured_at, now.monotonic, people)
    ballots = sorted((*state.ballots.get(event.camera, ()), ballot), key=lambda one: one.captured_at)
    others = {camera: theirs for camera, theirs in state.ballots.items() if camera != event.camera}
    if len(others) >= MAX_CAMERAS:
        others.pop(next(iter(others)))
    return replace(state, ballots={**others, event.camera: tuple(ballots[-rules.votes_of :])})


def votes_for(rules: Rules, state: State, event: Sighting, person: str | None) -> tuple[str, ...]:
    """Frames that name `person` among the last of the camera, if this one is among them; oldest first."""
    ballots = state.ballots.get(event.camera, ())
    if not ballots:
        return ()
    since = ballots[-1].captured_at - timedelta(seconds=rules.vote_window_seconds)
    votes = tuple(one.frame_id for one in ballots if person in one.people and one.captured_at >= since)
    return votes if event.recognition.frame_id in votes else ()


def redate(state: State, now: Now) -> State:
    """Drop the votes dated by the old time; let no frame dated by it stand for those of the new."""
    frames = {id_: replace(frame, captured_at=min(frame.captured_at, now.wall)) for id_, frame in state.frames.items()}
    until = state.forgotten_until
    return replace(state, ballots={}, frames=frames, forgotten_until=None if until is None else min(until, now.wall))


def forget(rules: Rules, state: State, now: Now) -> State:
    """Drop what no frame that is still fresh could need."""
    stale_after = rules.max_age_seconds + rules.future_tolerance_seconds
    oldest_frame = now.monotonic - (FRAME_MEMORY_SECONDS + stale_after)
    oldest_ballot = now.monotonic - (rules.vote_window_seconds + stale_after)
    ballots = {
        camera: fresh
        for camera, theirs in state.ballots.items()
        if (fresh := tuple(ballot for ballot in theirs if ballot.received >= oldest_ballot))
    }
    frames = {id_: frame for id_, frame in state.frames.items() if frame.received >= oldest_frame}
    return replace(state, frames=frames, ballots=ballots)
