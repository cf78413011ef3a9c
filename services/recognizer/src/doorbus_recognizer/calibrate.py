"""`python -m doorbus_recognizer.calibrate DIR`: which threshold fits the people of a site, as `doorbus calibrate` asks.

DIR has a folder of JPEG pictures for each person. Nothing of them is kept.
"""

import argparse
import sys
from pathlib import Path

from doorbus.assets import AssetError
from doorbus.wire.codec import Refused
from doorbus.wire.templates import Template
from doorbus_recognizer import rates
from doorbus_recognizer.decode import decode
from doorbus_recognizer.factory import build_vision
from doorbus_recognizer.models.choice import ModelUnavailable
from doorbus_recognizer.settings import RecognizerSettings
from doorbus_recognizer.vision import Vision

_PICTURES = {".jpg", ".jpeg"}
_FEWEST = 2
"""People, without whom nobody is a stranger, and pictures of somebody who can be enrolled and seen again."""


def main() -> int:
    """Read the pictures and print what they say; the exit status."""
    about = "Which threshold fits the people of a site."
    parser = argparse.ArgumentParser(prog="doorbus calibrate", description=about)
    parser.add_argument("directory", type=Path, help="with a folder of JPEG pictures for each person")
    parser.add_argument("--samples", type=int, default=3, help="with how many of them everybody is enrolled")
    given = parser.parse_args()
    settings = RecognizerSettings()
    own = settings.recognizer
    try:
        vision = build_vision(weights_dir=settings.weights, model=own.model, detector=own.detector, liveness=False)
    except (AssetError, ModelUnavailable) as error:
        return _complain(str(error))
    people, left_out = _people(given.directory, vision)
    vision.close()
    for line in left_out:
        print(line, file=sys.stderr)
    if len(people) < _FEWEST or max(map(len, people.values()), default=0) <= given.samples:
        most = max(map(len, people.values()), default=0)
        return _complain(
            f"{given.directory}: faces of {len(people)} people, {most} pictures of one at most; it takes two people, "
            f"and more pictures of one than the {given.samples} samples"
        )
    return _tell(people, vision, given.samples)


def _people(directory: Path, vision: Vision) -> tuple[dict[str, list[Template]], list[str]]:
    """The templates of each person, and what had to be left out."""
    people: dict[str, list[Template]] = {}
    left_out = []
    for path in sorted(one for one in directory.glob("*/*") if one.suffix.lower() in _PICTURES):
        try:
            faces, _ = vision.see(decode(path.read_bytes()).image)
        except (OSError, Refused) as error:
            left_out.append(f"{path}: left out ({error})")
            continue
        if len(faces) == 1:
            people.setdefault(path.parent.name, []).append(faces[0].template)
        else:
            left_out.append(f"{path}: left out ({len(faces)} faces)")
    return people, left_out


def _tell(people: rates.People, vision: Vision, samples: int) -> int:
    residents, strangers = rates.searches(people, samples)
    count = len(people)
    print(f"{vision.model_id}: {sum(map(len, people.values()))} pictures of {count} people, {samples} samples each")
    print("threshold   residents let in   strangers let in")
    columns = (rates.shares(residents, vision.scale, count), rates.shares(strangers, vision.scale, count))
    for setting, right, wrong in zip(rates.SETTINGS, *columns, strict=True):
        print(f"{setting:9.2f}   {right:16.3f}   {wrong:16.4f}")
    advised = rates.advised(strangers, vision.scale, count)
    if advised is None:
        return _complain("strangers pass at every threshold: is one person in two folders?")
    bound = rates.RULE_OF_THREE / len(strangers)
    print(f"{len(strangers)} searches by strangers: where none passed, up to {bound:.2g} of them may.")
    print(f"DOORBUS_ACTUATOR__THRESHOLD={advised:g}")
    return 0


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
