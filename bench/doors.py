"""A door before which somebody stands: frames through the real models and the real policy, for benches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from doorbus.wire.messages import Ask, Face, Recognition, RosterEntry, Verdict
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


@dataclass(frozen=True)
class Door:
    """What looks at the frames, and decides."""

    vision: Vision
    rules: Rules
    alive: bool = False
    """Whether every face counts as alive: passive liveness is taken as beaten."""

    def opens(self, frames: Frames, own: Template, ask: Ask = Ask.BLINK) -> bool:
        """Whether it opens for the one person enrolled, whose template is `own`, if `ask` is what it asks for."""
        return self.opens_for(self.seen(frames, own), ask)

    def opens_for(self, recognitions: Iterable[Recognition], ask: Ask = Ask.BLINK) -> bool:
        """The same, of what was seen already."""
        people = {"one": Person(RosterEntry(person="one"))}
        state, _ = policy.decide(self.rules, State(), RosterChanged(people), Now(NOON, 0.0))
        for one in recognitions:
            late = timedelta(milliseconds=30)
            now = Now(one.captured_at + late, (one.captured_at + late - NOON).total_seconds())
            state, effects = policy.decide(self.rules, state, Sighting("porch", one, _CHOICE[ask]), now)
            if any(isinstance(effect, policy.Grant) for effect in effects):
                return True
        return False

    def seen(self, frames: Frames, own: Template) -> Iterable[Recognition]:
        """What a recognizer says of each frame: of its largest face alone."""
        for number, (at, image) in enumerate(frames):
            wall = NOON + timedelta(seconds=at)
            yield Recognition(
                frame_id=f"f{number}",
                captured_at=wall,
                recognized_at=wall,
                recognizer="bench",
                model=self.vision.model_id,
                width=WIDTH,
                height=HEIGHT,
                faces=tuple(self._faces(image, own)),
            )

    def _faces(self, image: Image, own: Template) -> Iterable[Face]:
        lids = self.rules.liveness is policy.LivenessMode.CHALLENGE
        for seen in self.vision.see(image, lids=lids)[0][:1]:
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
            )
