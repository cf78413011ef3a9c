"""How well models tell people apart, on a directory of pictures with one folder a person.

TAR at several FAR from all pairs, and TPIR at several FPIR as the product matches: a probe against the mean of some
samples of everybody. A rate rests on so many of the wrong ones as the table says; below ten it is a guess, and a
directory of few people gives no small rates at all. Histograms and detection error trade-offs are drawn beside the
figures.
"""

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track
from rich.table import Table

from common import VAR, console, keep
from doorbus.wire.templates import Template
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.rates import People, Rate, Values, pairs, rate_at, searches
from doorbus_recognizer.vision import Vision
from likenesses import people_in, read

SHARES = (1e-2, 1e-3, 1e-4)
SAMPLES = (1, 3, 5)
_WIDTH, _HEIGHT = 800, 360


def templates_of(directories: list[Path], vision: Vision) -> tuple[People, Counter[str]]:
    """The templates of each person's pictures, of the largest face on each, and how many pictures had which fate."""
    people: dict[str, list[Template]] = {}
    fates: Counter[str] = Counter()
    for person, paths in track(people_in(directories).items(), "people", console=console, transient=True):
        for path in paths:
            image = read(path)
            seen = () if image is None else vision.see(image)[0]
            fates["no picture" if image is None else "a face" if seen else "no face"] += 1
            if seen:
                people.setdefault(person, []).append(seen[0].template)
    return people, fates


def _row(table: Table, name: str, rates: list[Rate]) -> None:
    table.add_row(name, *(f"{one.right:.3f} at {one.threshold:.3f} ({one.behind:.0f})" for one in rates))


def measure(model: str, people: People, fates: Counter[str]) -> dict[str, object]:
    """Print the tables of one model, draw its plots, and return its figures."""
    genuine, impostor = pairs(people)
    pictures = sum(map(len, people.values()))
    console.print(f"{model}: {pictures} pictures of {len(people)} people; {dict(fates)}")
    table = Table(
        title=f"{len(genuine)} genuine and {len(impostor)} impostor pairs: TAR at threshold (impostors behind it)",
        title_justify="left",
    )
    for column in ("FAR", *(f"{share:g}" for share in SHARES)):
        table.add_column(column)
    single = [rate_at(genuine, impostor, share) for share in SHARES]
    _row(table, "pairs", single)
    console.print(table)
    table = Table(title="searches: TPIR at threshold (strangers behind it)", title_justify="left")
    for column in ("FPIR", *(f"{share:g}" for share in SHARES)):
        table.add_column(column)
    found: dict[str, object] = {}
    for samples in SAMPLES:
        own, strangers = searches(people, samples)
        if not len(own) or not len(strangers):
            continue
        rates = [rate_at(own, strangers, share) for share in SHARES]
        _row(table, f"{samples} samples, {len(own)} and {len(strangers)} probes", rates)
        found[str(samples)] = [vars(one) for one in rates]
    console.print(table)
    _histogram(VAR / "bench" / f"accuracy-{model}-histogram.png", genuine, impostor)
    _trade_off(VAR / "bench" / f"accuracy-{model}-det.png", genuine, impostor)
    return {
        "pictures": pictures,
        "people": len(people),
        "fates": dict(fates),
        "pairs": [vars(one) for one in single],
        "searches": found,
    }


def _histogram(path: Path, genuine: Values, impostor: Values) -> None:
    """Similarities from -0.5 to 1: impostors in red, genuine ones in green."""
    plot = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    for values, colour in ((impostor, (60, 60, 200)), (genuine, (80, 150, 40))):
        counts, _ = np.histogram(values, bins=_WIDTH // 4, range=(-0.5, 1.0))
        for column, height in enumerate(counts / max(1, counts.max()) * (_HEIGHT - 20)):
            corner = (column * 4, _HEIGHT - round(float(height)))
            cv2.rectangle(plot, corner, (column * 4 + 3, _HEIGHT), colour, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), plot)


def _trade_off(path: Path, genuine: Values, impostor: Values) -> None:
    """False rejects (upwards, 0 to 1) over false accepts (1e-5 to 1, logarithmic)."""
    plot = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    points = []
    for threshold in np.linspace(-0.2, 0.95, 200):
        accepted, rejected = float((impostor >= threshold).mean()), float((genuine < threshold).mean())
        across = (np.log10(max(accepted, 1e-5)) + 5) / 5
        points.append((round(across * (_WIDTH - 1)), round((1 - rejected) * (_HEIGHT - 1))))
    for decade in range(1, 5):
        cv2.line(plot, (decade * _WIDTH // 5, 0), (decade * _WIDTH // 5, _HEIGHT), (220, 220, 220), 1)
    cv2.polylines(plot, [np.array(points, np.int32)], isClosed=False, color=(150, 80, 30), thickness=2)
    cv2.imwrite(str(path), plot)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", help="directories of pictures, one folder a person")
    parser.add_argument("--model", action="append", help="a model of the recognizer; several are compared")
    given = parser.parse_args()
    figures = {}
    for model in given.model or ["MobileFaceNet"]:
        vision = build_vision(weights_dir=VAR / "weights", model=model, liveness=False)
        people, fates = templates_of(given.pictures, vision)
        if len(people) < len(("one", "another")):
            raise SystemExit(f"faces of {len(people)} people; it takes two folders at least")
        figures[model] = measure(model, people, fates)
    keep("accuracy", {"models": figures})


if __name__ == "__main__":
    main()
