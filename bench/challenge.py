"""Who passes a challenge: residents who do what is asked, and photos of them that are moved in every way.

From each given picture sequences are made (`staging.py`), put through the real models, and told to the real policy as
recognitions of a camera. Passive liveness is taken as beaten: every face counts as alive. A sequence is one attempt: it
begins when the door asks, and ends when it opens or the time is over.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from common import VAR, console, keep
from doorbus.wire.messages import Ask
from doorbus_actuator.policy import LivenessMode, Rules
from doorbus_recognizer.faces import Image
from doorbus_recognizer.factory import build_vision
from doors import Door
from likenesses import likenesses
from staging import HEIGHT, WIDTH, Hold, Likeness, closed, held, noisy, turned

SECONDS = 3.6
"""Of an attempt that are shown: the acts take no longer."""
START = 0.6
"""Before which the act does not begin: somebody reads what is asked."""
Act = Callable[[Likeness, "Means", float], Image]
"""The picture that the camera sees after some seconds."""


@dataclass
class Means:
    """What a sequence is made with."""

    random: np.random.Generator
    ask: Ask
    other: Likeness
    """Another picture of the same person, or the same one where there is no other."""
    background: Image
    swings: list[float]
    """Random numbers, 0 to 1, that stay the same in one sequence."""

    def swing(self, index: int, low: float, high: float) -> float:
        """The random number of this index, between two bounds."""
        return low + (high - low) * self.swings[index]

    @property
    def side(self) -> float:
        """1 for the person's left, -1 for the right."""
        return -1.0 if self.ask is Ask.TURN_RIGHT else 1.0


def _eased(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def _swayed(image: Image, means: Means, at: float, amount: float = 1.0) -> Image:
    """Nobody and no hand holds still."""
    x = amount * (3 * math.sin(2.1 * at + 6 * means.swings[0]) + means.random.normal(0, 0.3))
    y = amount * (2 * math.sin(1.7 * at + 6 * means.swings[1]) + means.random.normal(0, 0.3))
    return np.roll(image, (round(y), round(x)), axis=(0, 1))


def resident(degrees: float) -> Act:
    """Somebody does what is asked: blinks, or turns the head by so many degrees and back."""

    def seen(one: Likeness, means: Means, at: float) -> Image:
        begin = START + means.swing(2, 0.0, 0.8)
        if means.ask is Ask.BLINK:
            closing, shut = 0.08, means.swing(3, 0.15, 0.4)
            how_far = min(1.0, (at - begin) / closing, (begin + 2 * closing + shut - at) / closing)
            return _swayed(closed(one, max(0.0, how_far)) if how_far > 0 else one.image, means, at)
        way = means.swing(3, 0.5, 1.2)
        out, back = (at - begin) / way, (begin + 2 * way + 0.4 - at) / way
        yaw = means.side * degrees * _eased(min(out, back))
        return _swayed(turned(one.image, one.landmarks, yaw) if abs(yaw) > 0.5 else one.image, means, at)

    return seen


def _wave(means: Means, at: float, index: int, extent: float) -> float:
    """To and fro between nothing and `extent`, after the start, in a rhythm of the sequence's own."""
    period = means.swing(index, 0.8, 2.5)
    return extent * 0.5 * (1 - math.cos(2 * math.pi * max(0.0, at - START) / period))


def still(one: Likeness, means: Means, at: float) -> Image:
    """A photo that is held up."""
    return held(one.image, Hold(roll=math.sin(at), across=2 * math.sin(2 * at)), means.background)


def turned_photo(one: Likeness, means: Means, at: float) -> Image:
    """A flat photo that is turned about the upright axis."""
    hold = Hold(yaw=means.side * _wave(means, at, 2, means.swing(3, 20, 65)), roll=math.sin(at))
    return held(one.image, hold, means.background)


def tilted_photo(one: Likeness, means: Means, at: float) -> Image:
    """A flat photo that is tilted about the level axis, as to close its eyes."""
    sign = 1.0 if means.swings[4] < 0.5 else -1.0
    return held(one.image, Hold(pitch=sign * _wave(means, at, 2, means.swing(3, 30, 70))), means.background)


def bent_photo(one: Likeness, means: Means, at: float) -> Image:
    """A photo bent like a head and turned."""
    hold = Hold(yaw=means.side * _wave(means, at, 2, means.swing(3, 15, 50)), bend=means.swing(4, 0.8, 3.0))
    return held(one.image, hold, means.background)


def rolled_photo(one: Likeness, means: Means, at: float) -> Image:
    """A photo that is bent more and less, as by two hands."""
    hold = Hold(yaw=means.side * means.swing(3, 0, 25), bend=0.05 + _wave(means, at, 2, means.swing(4, 1.0, 3.0)))
    return held(one.image, hold, means.background)


def swapped_photos(gap: tuple[float, float]) -> Act:
    """Two photos that fit what is asked are held up one after the other, with nothing to be seen in between."""

    def seen(one: Likeness, means: Means, at: float) -> Image:
        begin, hidden, shown = START + means.swing(2, 0.2, 0.8), means.swing(3, *gap), means.swing(4, 0.2, 0.6)
        ends = (begin, begin + hidden, begin + hidden + shown, begin + 2 * hidden + shown)
        jitter = [
            Hold(
                roll=means.random.normal(0, 0.4),
                across=9 * (means.swings[5 + n] - 0.5),
                nearness=0.97 + 0.06 * means.swings[8 + n],
            )
            for n in range(2)
        ]
        if ends[0] <= at < ends[1] or ends[2] <= at < ends[3]:
            return means.background
        if ends[1] <= at < ends[2]:
            second = closed(one, 1.0) if means.ask is Ask.BLINK else turned(one.image, one.landmarks, means.side * 45)
            return held(second, jitter[1], means.background)
        return held(one.image, jitter[0], means.background)

    return seen


def two_pictures(one: Likeness, means: Means, at: float) -> Image:
    """Two real pictures of the same person take turns, as on a screen."""
    return (one if int(max(0.0, at - START) / means.swing(2, 0.2, 0.8)) % 2 == 0 else means.other).image


def all_motions(one: Likeness, means: Means, at: float) -> Image:
    """A photo that is turned, tilted, bent, rolled and moved at once."""
    sign = 1.0 if means.swings[9] < 0.5 else -1.0
    hold = Hold(
        yaw=means.side * _wave(means, at, 2, means.swing(3, 10, 60)),
        pitch=sign * _wave(means, at, 4, means.swing(5, 0, 50)),
        roll=_wave(means, at, 6, 15),
        nearness=1 + _wave(means, at, 7, 0.3),
        bend=0.02 + _wave(means, at, 8, means.swing(1, 0.0, 2.5)),
    )
    return held(one.image, hold, means.background)


def replay(one: Likeness, means: Means, at: float) -> Image:
    """A video of the right act on a screen: what no challenge of these can stop."""
    return held(resident(45)(one, means, at), Hold(roll=0.5 * math.sin(at)), means.background)


BLINK, TURN, ANY = (Ask.BLINK,), (Ask.TURN_LEFT, Ask.TURN_RIGHT), (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT)
RESIDENTS: dict[str, tuple[Act, tuple[Ask, ...]]] = {
    "resident, blinks": (resident(0), BLINK),
    "resident, turns by 30 degrees": (resident(30), TURN),
    "resident, turns by 45 degrees": (resident(45), TURN),
    "resident, turns by 60 degrees": (resident(60), TURN),
}
PHOTOS: dict[str, tuple[Act, tuple[Ask, ...]]] = {
    "photo, held up": (still, ANY),
    "photo, turned": (turned_photo, ANY),
    "photo, tilted": (tilted_photo, ANY),
    "photo, bent and turned": (bent_photo, ANY),
    "photo, bent more and less": (rolled_photo, ANY),
    "photo, all motions together": (all_motions, ANY),
    "two photos, turned and to the front, swapped by hand": (swapped_photos((0.15, 0.5)), TURN),
    "two photos, eyes open and closed, swapped by hand": (swapped_photos((0.15, 0.5)), BLINK),
    "two photos, turned and to the front, in one frame": (swapped_photos((0.0, 0.0)), TURN),
    "two photos, eyes open and closed, in one frame": (swapped_photos((0.0, 0.0)), BLINK),
    "two pictures of the person in turns": (two_pictures, ANY),
}
BEYOND: dict[str, tuple[Act, tuple[Ask, ...]]] = {"video of the right act": (replay, ANY)}


def sequence(act: Act, one: Likeness, means: Means, fps: float, sigma: float) -> Iterator[tuple[float, Image]]:
    """The frames of an attempt, the first two of which make the door ask."""
    at = 0.0
    while at < SECONDS:
        yield at, noisy(act(one, means, at), means.random, sigma)
        at += (1 + means.random.uniform(-0.15, 0.15)) / fps


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", help="directories of pictures, one directory a person")
    parser.add_argument("--sequences", type=int, default=100, help="of each kind")
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--noise", type=float, default=2.0, help="of the sensor, in levels of 256")
    parser.add_argument("--kind", action="append", help="only kinds whose name contains this; may be given again")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    vision = build_vision(weights_dir=VAR / "weights", threads=1, liveness=False)
    door = Door(vision, Rules(door="front", liveness=LivenessMode.CHALLENGE), alive=True)
    people = likenesses(given.pictures, vision, size=80.0)
    rows: dict[str, dict[str, float]] = {}
    for name, (act, asks) in (RESIDENTS | PHOTOS | BEYOND).items():
        if given.kind and not any(kind in name for kind in given.kind):
            continue
        random = np.random.default_rng(given.seed)
        passed = 0
        for number in track(range(given.sequences), name, console=console, transient=True):
            one = people[number % len(people)]
            others = [other for other in people if other.person == one.person and other is not one] or [one]
            grey = np.full((HEIGHT, WIDTH, 3), random.integers(60, 180, 3), np.uint8)
            other = others[int(random.integers(len(others)))]
            means = Means(random, asks[number % len(asks)], other, grey, list(random.random(12)))
            frames = sequence(act, one, means, given.fps, given.noise)
            passed += door.opens(frames, one.template, means.ask)
        rows[name] = {"passed": passed, "of": given.sequences, "rate": passed / given.sequences}
        console.print(f"{name:55} {passed:5} of {given.sequences}  {passed / given.sequences:.3f}")
    keep("challenge", {"fps": given.fps, "noise": given.noise, "kinds": rows})


if __name__ == "__main__":
    main()
