"""Frames that were seen, and whom they name: no frame counts twice, and no person is let in by one alone. Pure.

Neither does a picture count twice that comes again under another frame_id, as from a camera that hangs: it must have
been away for a while. One that was no vote need not be remembered, so that strangers cannot make others be forgotten.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from doorbus.wire.messages import Face, Recognition
from doorbus_actuator.policy.events import Now, Sighting, frame_of
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_CAMERAS, MAX_PICTURES, MAX_REMEMBERED, Ballot, SeenFrame, State

FRAME_MEMORY_SECONDS = 60.0
"""How much longer than fresh a frame_id is remembered."""
PICTURE_MEMORY_SECONDS = 60.0
"""How long a picture that was a vote must not have been seen, to be one again."""


def seen(state: State, event: Sighting) -> bool:
    """Whether the frame was judged before, or may have been and was forgotten in a flood."""
    return frame_of(event) in state.frames or (
        state.forgotten_until is not None and event.recognition.captured_at <= state.forgotten_until
    )


def same_picture(state: State, recognition: Recognition) -> bool:
    """Whether the very picture was a vote and has come again since; unknown, and so not, without a digest."""
    return recognition.digest in state.pictures


def remember(state: State, event: Sighting, now: Now) -> State:
    """Let the frame count as seen from now on, and its picture as seen again."""
    recognition = event.recognition
    if recognition.digest in state.pictures:
        state = _keep(state, recognition, now)
    # A frame dated later than now must not, once forgotten, make all frames until then count as seen.
    captured_at = min(recognition.captured_at, now.wall)
    frames = {**state.frames, frame_of(event): SeenFrame(captured_at, now.monotonic)}
    if len(frames) <= MAX_REMEMBERED:
        return replace(state, frames=frames)
    oldest = frames.pop(next(iter(frames))).captured_at
    until = state.forgotten_until
    return replace(state, frames=frames, forgotten_until=oldest if until is None else max(until, oldest))


def _keep(state: State, recognition: Recognition, now: Now) -> State:
    """Remember the picture, as the one that was seen last."""
    if recognition.digest is None:
        return state
    pictures = {digest: at for digest, at in state.pictures.items() if digest != recognition.digest}
    if len(pictures) >= MAX_PICTURES:
        pictures.pop(next(iter(pictures)))
    return replace(state, pictures={**pictures, recognition.digest: now.monotonic})


def cast(rules: Rules, state: State, event: Sighting, voting: Iterable[Face], now: Now) -> State:
    """Note whom the frame names, be it nobody, among the last of its camera; a picture that names somebody is spent."""
    recognition = event.recognition
    people = frozenset(face.person for face in voting if face.person is not None)
    if people:
        state = _keep(state, recognition, now)
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
    """Drop what no frame that is still fresh could need, and pictures that were not seen for long enough."""
    stale_after = rules.max_age_seconds + rules.future_tolerance_seconds
    oldest_frame = now.monotonic - (FRAME_MEMORY_SECONDS + stale_after)
    oldest_ballot = now.monotonic - (rules.vote_window_seconds + stale_after)
    ballots = {
        camera: fresh
        for camera, theirs in state.ballots.items()
        if (fresh := tuple(ballot for ballot in theirs if ballot.received >= oldest_ballot))
    }
    frames = {id_: frame for id_, frame in state.frames.items() if frame.received >= oldest_frame}
    oldest_picture = now.monotonic - PICTURE_MEMORY_SECONDS
    pictures = {digest: at for digest, at in state.pictures.items() if at >= oldest_picture}
    return replace(state, frames=frames, pictures=pictures, ballots=ballots)
