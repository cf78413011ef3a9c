"""What the passive liveness of a door lets through, and whom it denies: APCER and BPCER by kind (ISO/IEC 30107-3).

From each given picture presentations are made (`staging.py`): visits of the person in several conditions, and prints,
screens, close-ups and posters of them, all with a sensor's noise. The real models look at them; the rules that the
policy asks before it believes in liveness hold as they do at a door. A presentation is some frames: it passes when two
of three in a row would be live votes, whoever is on them. Whether the door opened is what all its rules make of the
same frames, with three samples enrolled and default settings. Printing, screens and lighting are simulated; a real
print is none of these.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from common import VAR, console, keep
from doorbus.wire.messages import Recognition
from doorbus_actuator.policy import Rules
from doorbus_actuator.policy.quality import at_the_edge, too_close
from doorbus_recognizer.faces import Image
from doorbus_recognizer.factory import build_vision
from doors import Door
from likenesses import likenesses
from staging import HEIGHT, WIDTH, Hold, Likeness, held, noisy

FRAMES = 6
FPS = 5.0
RULES = Rules(door="front")
Presentation = Callable[[Likeness, np.random.Generator], Image]


def _wall(random: np.random.Generator) -> Image:
    shade = np.linspace(0.8, 1.1, WIDTH)[np.newaxis, :, np.newaxis]
    return np.asarray(np.clip(np.full((HEIGHT, WIDTH, 3), random.integers(90, 170, 3)) * shade, 0, 255), dtype=np.uint8)


def _printed(image: Image) -> Image:
    """Flatter colours, and the dots of ink."""
    flat = 20 + 0.8 * cv2.GaussianBlur(image, (0, 0), 0.6).astype(np.float32)
    return np.asarray(np.clip(flat, 0, 255), dtype=np.uint8)


def _shown(image: Image) -> Image:
    """The grid of a screen, and its bluer, brighter light."""
    grid = np.ones((HEIGHT, WIDTH, 1), np.float32)
    grid[::3] *= 0.85
    grid[:, ::3] *= 0.9
    bluer = image * grid * np.array([1.12, 1.05, 1.0], np.float32)
    return np.asarray(np.clip(bluer, 0, 255), dtype=np.uint8)


def _cut(image: Image, share: float) -> Image:
    """The middle of a view, as a photo has it: so much of its width and height."""
    high, wide = round(HEIGHT * share), round(WIDTH * share)
    top, left = (HEIGHT - high) // 2, (WIDTH - wide) // 2
    return np.ascontiguousarray(image[top : top + high, left : left + wide])


def presented(base: Image, random: np.random.Generator, sigma: float) -> Iterator[tuple[float, Image]]:
    """A picture as the frames of a camera show it: moved a little from one to the next, each with noise of its own."""
    for number in range(FRAMES):
        shift = tuple(int(one) for one in random.integers(-2, 3, 2))
        yield number / FPS, noisy(np.roll(base, shift, axis=(0, 1)), random, sigma)


def visit(light: float = 1.0) -> Presentation:
    """The person, in so much of the light."""
    return lambda one, _: np.clip(one.image * light, 0, 255).astype(np.uint8)


def at_edge(one: Likeness, _: np.random.Generator) -> Image:
    """The person at the left edge of the view."""
    return np.roll(one.image, -round(WIDTH * 0.42), axis=1)


def framed_by_edges(made: Callable[[Image], Image]) -> Presentation:
    """A photo of which all edges show in what the model looks at."""
    return lambda one, random: held(_cut(made(one.image), 0.38), Hold(roll=random.normal(0, 3)), _wall(random))


def near(made: Callable[[Image], Image]) -> Presentation:
    """One so near to the camera that its edges do not show."""
    return lambda one, random: held(
        _cut(made(one.image), 0.55), Hold(roll=random.normal(0, 2), nearness=2.4), _wall(random)
    )


def poster(made: Callable[[Image], Image]) -> Presentation:
    """A photo as large as the view, the face as large as a visitor's."""
    return lambda one, random: held(made(one.image), Hold(roll=random.normal(0, 1), nearness=1.05), _wall(random))


def darker(made: Presentation) -> Presentation:
    """The same in a third of the light."""
    return lambda one, random: np.asarray(made(one, random) * 0.33, dtype=np.uint8)


GENUINE: dict[str, tuple[Presentation, float]] = {
    "visit, no noise": (visit(), 0.0),
    "visit, noise 2": (visit(), 2.0),
    "visit, noise 4": (visit(), 4.0),
    "visit, half the light, noise 4": (visit(0.5), 4.0),
    "visit, a third of the light, noise 4": (visit(0.33), 4.0),
    "visit, a fifth of the light, noise 4": (visit(0.2), 4.0),
    "visit at the edge of the view, noise 2": (at_edge, 2.0),
}
ATTACKS: dict[str, tuple[Presentation, float]] = {
    "print, edges show": (framed_by_edges(_printed), 2.0),
    "screen, edges show": (framed_by_edges(_shown), 2.0),
    "print, edges show, a third of the light": (darker(framed_by_edges(_printed)), 4.0),
    "screen, edges show, a third of the light": (darker(framed_by_edges(_shown)), 4.0),
    "print, close": (near(_printed), 2.0),
    "screen, close": (near(_shown), 2.0),
    "print, a poster without edges": (poster(_printed), 2.0),
    "screen, without edges": (poster(_shown), 2.0),
}


def believed(recognition: Recognition) -> tuple[bool, bool]:
    """Whether a frame is live by the model alone, and whether it is one for the policy."""
    if not recognition.faces:
        return False, False
    (face,) = recognition.faces
    live = (face.live or 0.0) >= RULES.liveness_threshold
    return live, live and not too_close(RULES, recognition, face) and not at_the_edge(recognition, face)


def _two_of_three(votes: list[bool]) -> bool:
    return any(sum(votes[n : n + 3]) > 1 for n in range(len(votes)))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "pictures", type=Path, nargs="+", help="directories of pictures, best with much around the face"
    )
    parser.add_argument("--rounds", type=int, default=3, help="presentations of each kind for each picture")
    parser.add_argument("--size", type=float, default=70.0, help="pixels between the outer corners of the eyes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    vision = build_vision(weights_dir=VAR / "weights", threads=1)
    people = likenesses(given.pictures, vision, size=given.size)
    door = Door(vision, RULES)
    rows: dict[str, dict[str, float]] = {}
    for name, (made, sigma) in (GENUINE | ATTACKS).items():
        random = np.random.default_rng(given.seed)
        live, taken, passed, opened = 0, 0, 0, 0
        for one in track(people * given.rounds, name, console=console, transient=True):
            seen = list(door.seen(presented(made(one, random), random, sigma), one.template))
            votes = [believed(recognition) for recognition in seen]
            live += sum(by_model for by_model, _ in votes)
            taken += sum(by_policy for _, by_policy in votes)
            passed += _two_of_three([by_policy for _, by_policy in votes])
            opened += door.opens_for(seen)
        presentations = len(people) * given.rounds
        frames, rate = FRAMES * presentations, passed / presentations
        measure = "BPCER" if name in GENUINE else "APCER"
        rows[name] = {
            "presentations": presentations,
            "live_frames": live / frames,
            "taken_frames": taken / frames,
            measure: 1 - rate if name in GENUINE else rate,
            "opened": opened / presentations,
        }
        console.print(
            f"{name:38} frames live {live / frames:.2f}, taken {taken / frames:.2f}; "
            f"{measure} {rows[name][measure]:.2f} of {presentations}; door opened {opened / presentations:.2f}",
            soft_wrap=True,
        )
    visits = [rows[name]["opened"] for name in GENUINE]
    console.print(
        f"all visits: door opened {np.mean(visits):.3f}; but for those at the edge {np.mean(visits[:-1]):.3f}"
    )
    keep("liveness", {"size": given.size, "frames": FRAMES, "kinds": rows})


if __name__ == "__main__":
    main()
