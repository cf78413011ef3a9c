"""Who passes a challenge: residents who do what is asked, and photos of them that are moved in every way.

From each given picture views are made (`acts.py`, `staging.py`) and put through the real models, once each: what was
looked at is kept (`sights.py`), so that the next run goes on where one ended. Attempts are made of such views, and told
to the real policy as recognitions of a camera. Passive liveness is taken as beaten: every face counts as alive. An
attempt begins when the door asks, goes on with what it asks next, and ends when it opens or the time is over; who is
not let in does the same again.
"""

import argparse
from datetime import timedelta
from pathlib import Path

import numpy as np
from rich.progress import track

from acts import AGAIN, BEYOND, PHOTOS, RESIDENTS, Act, Means
from common import VAR, console, keep
from doorbus.wire.messages import Ask, Challenge, Face, Recognition
from doorbus_actuator.policy import LivenessMode, Rules
from doorbus_recognizer.factory import build_vision
from doors import NOON, Door, Visit, recognition
from likenesses import likenesses
from sights import Sights
from staging import Likeness

SECONDS = 7.0
"""That an attempt is shown for after each thing that is asked; the door waits for 8."""


class Attempt:
    """One, whose act goes on with whatever the door asks."""

    def __init__(self, sights: Sights, act: Act, one: Likeness, other: Likeness, means: Means) -> None:
        self._sights, self._act = sights, act
        self._one, self._other, self._means = one, other, means
        self._since = 0.0

    def lets_in(self, visit: Visit, fps: float) -> float | None:
        """After how many seconds it opens, or None, seen at so many frames a second."""
        random, at, number = self._means.random, 0.0, 0
        while at < self._since + SECONDS:
            view = self._act(self._means, (at - self._since) % AGAIN)
            face = None if view is None else self._sights.face(view, self._one, self._other, self._means)
            if face is not None:  # no recognition is sent of a frame without a face
                for asked in visit.sees(self._seen(number, at, face)):
                    self._asked(asked, at)
            if visit.opened:
                return at
            at += (1 + random.uniform(-0.15, 0.15)) / fps
            number += 1
        return None

    def _seen(self, number: int, at: float, face: Face) -> Recognition:
        model = self._sights.door.vision.model_id
        return recognition(number, NOON + timedelta(seconds=at), (face,), model)

    def _asked(self, challenge: Challenge, at: float) -> None:
        if challenge.ask in (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT) and challenge.ask is not self._means.ask:
            self._means, self._since = Means(self._means.random, challenge.ask, self._means.swings), at


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", help="directories of pictures, one directory a person")
    parser.add_argument("--sequences", type=int, default=1000, help="attempts of each kind")
    parser.add_argument("--each", type=int, default=3, help="how many pictures of a person are used")
    parser.add_argument("--fps", type=float, action="append", help="frames a second; may be given again")
    parser.add_argument("--noise", type=float, default=2.0, help="of the sensor, in levels of 256")
    parser.add_argument("--kind", action="append", help="only kinds whose name contains this; may be given again")
    parser.add_argument("--challenges", type=int, default=1, help="how many in a row the door asks")
    parser.add_argument("--samples", type=int, default=3, help="of each person, enrolled")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    vision = build_vision(weights_dir=VAR / "weights", threads=1, liveness=False)
    rules = Rules(door="front", liveness=LivenessMode.CHALLENGE, challenges=given.challenges)
    sights = Sights.opened(VAR / "bench" / "sights.sqlite", Door(vision, rules, alive=True), given.noise)
    people = some_of(likenesses(given.pictures, vision, size=80.0, samples=given.samples), given.each)
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name, (act, asks) in (RESIDENTS | PHOTOS | BEYOND).items():
        if given.kind and not any(kind in name for kind in given.kind):
            continue
        for fps in given.fps or [25.0, 10.0]:
            random = np.random.default_rng(given.seed)
            times: list[float | None] = []
            for number in track(range(given.sequences), f"{name}, {fps:g} fps", console=console, transient=True):
                one, other = pick(people, number, random)
                means = Means(random, asks[number % len(asks)], tuple(random.random(12)))
                times.append(Attempt(sights, act, one, other, means).lets_in(Visit(rules, means.ask, random), fps))
                sights.keep()
            passed = [one for one in times if one is not None]
            at_first = sum(one < AGAIN for one in passed)
            rows.setdefault(name, {})[f"{fps:g}"] = {"passed": len(passed), "at_first": at_first, "of": len(times)}
            console.print(
                f"{name:50} {fps:3g} fps {len(passed):5} of {len(times)}  {len(passed) / len(times):.3f}"
                f"  {at_first} of them within {AGAIN:g} s; {sights.looked} views looked at"
            )
            keep("challenge", {"challenges": given.challenges, "noise": given.noise, "kinds": rows})


def some_of(people: list[Likeness], each: int) -> list[Likeness]:
    """So many pictures of each person, those of one person not one after the other."""
    ranks: dict[str, int] = {}
    ranked = []
    for one in people:
        ranks[one.person] = ranks.get(one.person, -1) + 1
        ranked.append((ranks[one.person], one))
    return [one for rank, one in sorted(ranked, key=lambda pair: pair[0]) if rank < each]


def pick(people: list[Likeness], number: int, random: np.random.Generator) -> tuple[Likeness, Likeness]:
    """Whose turn it is, and another picture of the same person, or the same one where there is no other."""
    one = people[number % len(people)]
    others = [other for other in people if other.person == one.person and other is not one] or [one]
    return one, others[int(random.integers(len(others)))]


if __name__ == "__main__":
    main()
