"""What somebody does before a door that asks for something: residents, and whoever holds up photos of them.

An act says what the camera sees after some seconds as a `View`, in steps so coarse (a degree, a tenth of an eye) that
the same views come again and again, and need be looked at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from doorbus.wire.messages import Ask
from doorbus_recognizer.faces import Image
from staging import HEIGHT, WIDTH, Hold, Likeness, closed, held, turned

START = 0.6
"""Before which no act begins, in seconds: somebody reads what is asked."""
AGAIN = 4.0
"""After so many seconds who was not let in does it again."""
CLOSING, OPENING = 0.1, 0.2
"""Seconds that lids take: of blinks on purpose 0.08 and more, and opening takes nearly twice as long as closing."""
SWITCHING = 0.03
"""Seconds within which a frame of a camera shows both pictures of a screen that changes from one to the other."""


@dataclass(frozen=True)
class Picture:
    """One picture of the person, and what was done to it."""

    number: int = 0
    """0: the person's own; 1: another one of theirs."""
    yaw: int = 0
    """Degrees by which the head is turned."""
    closed: int = 0
    """Tenths by which the eyes are closed."""


@dataclass(frozen=True)
class View:
    """What the camera sees; `across` and `down` are pixels by which all of it is moved."""

    picture: Picture
    hold: Hold | None = None
    """How the picture is held up; None: it is the person."""
    over: Picture | None = None
    """Another picture that is drawn across this one, or mixed with it."""
    share: int = 0
    """Tenths of the face that the other covers, from the left or from above; where mixed, tenths of what is seen."""
    from_above: bool = False
    mixed: bool = False
    between: bool = field(default=False, repr=False)
    """Whether it is held in one of too many ways to look at each: figures are taken between those of coarser steps."""
    across: int = 0
    down: int = 0

    @property
    def in_place(self) -> "View":
        """The same where it is not moved."""
        return replace(self, across=0, down=0)


@dataclass(frozen=True)
class Means:
    """What an attempt is made with."""

    random: np.random.Generator
    ask: Ask
    swings: tuple[float, ...]
    """Random numbers, 0 to 1, that stay the same in one attempt."""

    def swing(self, index: int, low: float, high: float) -> float:
        """The random number of this index, between two bounds."""
        return low + (high - low) * self.swings[index]

    def step(self, index: int, *choices: float) -> float:
        """The one of some values that the random number of this index picks."""
        return choices[int(self.swings[index] * len(choices))]

    @property
    def side(self) -> float:
        """1 for the person's left, -1 for the right."""
        return -1.0 if self.ask is Ask.TURN_RIGHT else 1.0


Act = Callable[[Means, float], View | None]
"""What is seen after some seconds; None: nobody."""


def shown(view: View, one: Likeness, other: Likeness, background: Image) -> Image:
    """The view as a picture."""
    image = _done(view.picture, one, other)
    if view.over is not None:
        above = _done(view.over, one, other)
        if view.mixed:
            mixture = image + (above.astype(np.float32) - image) * view.share / 10
            image = np.rint(mixture).astype(np.uint8)
        else:
            side = 0 if view.from_above else 1
            start, end = one.landmarks.points[:, 1 - side].min(), one.landmarks.points[:, 1 - side].max()
            seam = round(start + (end - start) * view.share / 10)
            image = np.concatenate((np.split(above, [seam], axis=side)[0], np.split(image, [seam], axis=side)[1]), side)
    return image if view.hold is None else held(image, view.hold, background)


def _done(picture: Picture, one: Likeness, other: Likeness) -> Image:
    whose = (one, other)[picture.number]
    if picture.closed:
        return closed(whose, picture.closed / 10)
    return turned(whose.image, whose.landmarks, picture.yaw) if picture.yaw else whose.image


def _eased(share: float) -> float:
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def _swayed(view: View, means: Means, at: float) -> View:
    """Nobody and no hand holds still."""
    x = 3 * math.sin(2.1 * at + 6 * means.swings[0]) + means.random.normal(0, 0.3)
    y = 2 * math.sin(1.7 * at + 6 * means.swings[1]) + means.random.normal(0, 0.3)
    return replace(view, across=view.across + round(x), down=view.down + round(y))


def resident(degrees: float) -> Callable[[Means, float], View]:
    """Somebody does what is asked: blinks, or turns the head by so many degrees and back."""

    def seen(means: Means, at: float) -> View:
        begin = START + means.swing(2, 0.0, 0.8)
        if means.ask is Ask.BLINK:
            shut = means.swing(3, 0.1, 0.4)
            how_far = min(1.0, (at - begin) / CLOSING, (begin + CLOSING + shut + OPENING - at) / OPENING)
            return _swayed(View(Picture(closed=round(10 * max(0.0, how_far)))), means, at)
        way = means.swing(3, 0.5, 1.2)
        out, back = (at - begin) / way, (begin + 2 * way + 0.4 - at) / way
        return _swayed(View(Picture(yaw=round(means.side * degrees * _eased(min(out, back))))), means, at)

    return seen


def _wave(means: Means, at: float, index: int, extent: float) -> float:
    """To and fro between nothing and `extent`, after the start, in a rhythm of the attempt's own."""
    period = means.swing(index, 0.8, 2.5)
    return extent * 0.5 * (1 - math.cos(2 * math.pi * max(0.0, at - START) / period))


def _even(degrees: float) -> int:
    return 2 * round(degrees / 2)


def _by_hand(hold: Hold, means: Means, at: float) -> View:
    return _swayed(View(Picture(), hold), means, at)


def still(means: Means, at: float) -> View:
    """A photo that is held up."""
    return _by_hand(Hold(roll=round(2 * math.sin(at)) / 2), means, at)


def turned_photo(means: Means, at: float) -> View:
    """A flat photo that is turned about the upright axis."""
    return _by_hand(Hold(yaw=_even(means.side * _wave(means, at, 2, means.swing(3, 20, 65)))), means, at)


def tilted_photo(means: Means, at: float) -> View:
    """A flat photo that is tilted about the level axis, as to close its eyes."""
    sign = 1.0 if means.swings[4] < 0.5 else -1.0
    return _by_hand(Hold(pitch=_even(sign * _wave(means, at, 2, means.swing(3, 30, 70)))), means, at)


def bent_photo(means: Means, at: float) -> View:
    """A photo bent like a head and turned."""
    yaw = _even(means.side * _wave(means, at, 2, means.swing(3, 15, 50)))
    return _by_hand(Hold(yaw=yaw, bend=means.step(4, 0.8, 1.5, 2.2, 3.0)), means, at)


def rolled_photo(means: Means, at: float) -> View:
    """A photo that is bent more and less, as by two hands."""
    bend = round(5 * (0.2 + _wave(means, at, 2, means.swing(4, 1.0, 3.0)))) / 5
    return _by_hand(Hold(yaw=means.side * means.step(3, 0, 8, 16, 25), bend=bend), means, at)


def swapped_photos(gap: tuple[float, float], *, in_place: bool = False) -> Act:
    """Two photos that fit what is asked are shown one after the other, with nothing to be seen in between."""

    def seen(means: Means, at: float) -> View | None:
        begin, hidden, long = START + means.swing(2, 0.2, 0.8), means.swing(3, *gap), means.swing(4, 0.2, 0.6)
        ends = (begin, begin + hidden, begin + hidden + long, begin + 2 * hidden + long)
        if ends[0] <= at < ends[1] or ends[2] <= at < ends[3]:
            return None
        second = Picture(closed=10) if means.ask is Ask.BLINK else Picture(yaw=round(means.side * 45))
        shows_second = ends[1] <= at < ends[2]
        nearness = 1.0 if in_place else means.step(8 + shows_second, 0.97, 0.99, 1.01, 1.03)
        across = 0 if in_place else round(9 * (means.swings[5 + shows_second] - 0.5))
        view = View(second if shows_second else Picture(), Hold(nearness=nearness), across=across)
        since = at - (ends[1] if shows_second else ends[3])
        if in_place and 0 <= since < SWITCHING:
            before = Picture() if shows_second else second
            return replace(view, over=before, share=round(10 * (1 - since / SWITCHING)), mixed=True)
        return view

    return seen


def _second_shown(means: Means, at: float) -> tuple[Picture, int]:
    """A picture with eyes closed or the head turned, and how many tenths of it are shown: it comes and goes."""
    second = Picture(closed=10) if means.ask is Ask.BLINK else Picture(yaw=round(means.side * 45))
    way, long = means.swing(3, 0.1, 1.2), means.swing(4, 0.2, 0.6)
    out = (at - START - means.swing(2, 0.2, 0.8)) / way
    back = (at - START - means.swing(2, 0.2, 0.8) - way - long) / way
    return second, round(10 * (min(1.0, max(0.0, out)) - min(1.0, max(0.0, back))))


def drawn(*, from_above: bool) -> Act:
    """A photo is drawn before another one and away again, or from before it and back, edge by edge."""

    def seen(means: Means, at: float) -> View:
        second, share = _second_shown(means, at)
        view = replace(_by_hand(Hold(), means, at), from_above=from_above)
        if means.swings[5] < 0.5:
            return replace(view, over=second, share=share)
        return replace(view, picture=second, over=Picture(), share=10 - share)

    return seen


def faded(means: Means, at: float) -> View:
    """A screen fades from one photo into another and back."""
    second, share = _second_shown(means, at)
    return replace(_by_hand(Hold(), means, at), over=second, share=share, mixed=True)


def two_pictures(means: Means, at: float) -> View:
    """Two real pictures of the same person take turns, as on a screen."""
    return View(Picture(number=int(max(0.0, at - START) / means.swing(2, 0.2, 0.8)) % 2), Hold())


def all_motions(means: Means, at: float) -> View:
    """A photo that is turned, tilted, bent, rolled and moved at once."""
    sign = 1.0 if means.swings[9] < 0.5 else -1.0
    hold = Hold(
        yaw=means.side * _wave(means, at, 2, means.swing(3, 10, 60)),
        pitch=sign * _wave(means, at, 4, means.swing(5, 0, 50)),
        roll=_wave(means, at, 6, 15),
        nearness=1 + _wave(means, at, 7, 0.3),
        bend=means.step(1, 0.02, 1.2, 2.5),
    )
    return replace(_by_hand(hold, means, at), between=True)


def replay(means: Means, at: float) -> View:
    """A video of the right act on a screen: what no challenge of these can stop."""
    return replace(resident(45)(means, at), hold=Hold())


BLINK, TURN, ANY = (Ask.BLINK,), (Ask.TURN_LEFT, Ask.TURN_RIGHT), (Ask.BLINK, Ask.TURN_LEFT, Ask.TURN_RIGHT)
RESIDENTS: dict[str, tuple[Act, tuple[Ask, ...]]] = {
    "resident, blinks": (resident(45), BLINK),
    "resident, turns by 30 degrees": (resident(30), TURN),
    "resident, turns by 45 degrees": (resident(45), TURN),
    "resident, turns by 60 degrees": (resident(60), TURN),
}
PHOTOS: dict[str, tuple[Act, tuple[Ask, ...]]] = {
    "two photos, eyes open and closed, in one frame": (swapped_photos((0.0, 0.0)), BLINK),
    "the same in the same place, as on a screen": (swapped_photos((0.0, 0.0), in_place=True), BLINK),
    "the same swapped by hand": (swapped_photos((0.15, 0.5)), BLINK),
    "the same, one drawn across the other": (drawn(from_above=False), BLINK),
    "the same, one drawn down before the other": (drawn(from_above=True), BLINK),
    "two photos, turned and to the front, in one frame": (swapped_photos((0.0, 0.0)), TURN),
    "the same turned, swapped by hand": (swapped_photos((0.15, 0.5)), TURN),
    "the same turned, one drawn across the other": (drawn(from_above=False), TURN),
    "the same turned, one drawn down before the other": (drawn(from_above=True), TURN),
    "the same turned, one fading into the other": (faded, TURN),
    "two pictures of the person in turns": (two_pictures, ANY),
    "photo, held up": (still, ANY),
    "photo, turned": (turned_photo, ANY),
    "photo, tilted": (tilted_photo, ANY),
    "photo, bent and turned": (bent_photo, ANY),
    "photo, bent more and less": (rolled_photo, ANY),
    "photo, all motions together": (all_motions, ANY),
}
BEYOND: dict[str, tuple[Act, tuple[Ask, ...]]] = {
    "video of the right act": (replay, ANY),
    "two photos, eyes open and closed, one fading into the other": (faded, BLINK),
}


def grey(random: np.random.Generator) -> Image:
    """A wall of one colour."""
    return np.full((HEIGHT, WIDTH, 3), random.integers(60, 180, 3), np.uint8)
