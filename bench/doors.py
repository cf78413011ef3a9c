"""A door before which somebody stands: frames through the real models and the real policy, for benches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from doorbus.wire.messages import Ask, Challenge, Face, Recognition, RosterEntry, Verdict
from doorbus.wire.templates import Template
from doorbus_actuator import policy
from doorbus_actuator.policy import Now, Person, RosterChanged, Rules, Sighting, State
from doorbus_recognizer.faces import Image
from doorbus_recognizer.vision import Vision
from staging import HEIGHT, WIDTH

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
Frames = Iterable[tuple[float, Image]]
"""Seconds, and what the camera sees then."""
_CHOICE = {Ask.BLINK: 0.0, Ask.TURN_LEFT: 0.5, Ask.TURN_RIGHT: 0.99}


class Visit:
    """What a door decides about the frames of somebody, the one person enrolled."""

    def __init__(self, rules: Rules, first: Ask = Ask.BLINK, random: np.random.Generator | None = None) -> None:
        """`first` is what it asks for if it asks; what it asks afterwards is random where that is given."""
        people = {"one": Person(RosterEntry(person="one"))}
        self._rules, self._choice, self._random = rules, _CHOICE[first], random
        self._state, _ = policy.decide(rules, State(), RosterChanged(people), Now(NOON, 0.0))
        self.opened = False

    def sees(self, one: Recognition) -> tuple[Challenge, ...]:
        """What it asks for when it hears of this."""
        late = timedelta(milliseconds=30)
        now = Now(one.captured_at + late, (one.captured_at + late - NOON).total_seconds())
        self._state, effects = policy.decide(self._rules, self._state, Sighting("porch", one, self._choice), now)
        if self._random is not None and self._state.trial is not None:
            self._choice = float(self._random.random())
        self.opened = self.opened or any(isinstance(effect, policy.Grant) for effect in effects)
        return tuple(effect.challenge for effect in effects if isinstance(effect, policy.AskFor))


def recognition(number: int, at: datetime, faces: tuple[Face, ...], model: str) -> Recognition:
    """What a recognizer says of a frame."""
    return Recognition(
        frame_id=f"f{number}",
        captured_at=at,
        recognized_at=at,
        recognizer="bench",
        model=model,
        width=WIDTH,
        height=HEIGHT,
        faces=faces,
    )


@dataclass(frozen=True)
class Door:
    """What looks at the frames, and decides."""

    vision: Vision
    rules: Rules
    alive: bool = False
    """Whether every face counts as alive: passive liveness is taken as beaten."""

    def opens_for(self, recognitions: Iterable[Recognition]) -> bool:
        """Whether it opens for the one person enrolled, without asking for anything."""
        visit = Visit(self.rules)
        for one in recognitions:
            visit.sees(one)
        return visit.opened

    def seen(self, frames: Frames, own: Template) -> Iterable[Recognition]:
        """What a recognizer says of each frame: of its largest face alone."""
        for number, (at, image) in enumerate(frames):
            faces = tuple(self.faces(image, own))
            yield recognition(number, NOON + timedelta(seconds=at), faces, self.vision.model_id)

    def faces(self, image: Image, own: Template, ask: Ask = Ask.NONE) -> Iterable[Face]:
        """The largest face, looked at as while the door asks this, and compared with the person of template `own`."""
        turn = ask in (Ask.TURN_LEFT, Ask.TURN_RIGHT)
        for seen in self.vision.see(image, lids=ask is Ask.BLINK, parts=turn)[0][:1]:
            similarity = float(np.clip(seen.template @ own, -1, 1))
            confidence = self.vision.scale.confidence(similarity)
            matched = confidence >= 0.5
            yield Face(
                box=seen.box,
                verdict=Verdict.MATCH if matched else Verdict.UNKNOWN,
                person="one" if matched else None,
                confidence=confidence,
                similarity=similarity,
                live=1.0 if self.alive else seen.live,
                size=seen.size,
                sharpness=seen.sharpness,
                quality=seen.quality,
                yaw=seen.pose.yaw,
                pitch=seen.pose.pitch,
                roll=seen.pose.roll,
                aspect=seen.aspect,
                lids=seen.lids,
                lids_apart=seen.lids_apart,
                sides_apart=seen.sides_apart,
                ends_apart=seen.ends_apart,
            )
