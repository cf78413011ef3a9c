"""`python -m doorbus_recognizer`: the recognizer as a process."""

import sys

from doorbus.assets import AssetError
from doorbus.clock import SystemClock
from doorbus.seal import open_seal
from doorbus.service import run
from doorbus.settings import fail, load
from doorbus_recognizer.models.registry import ModelUnavailable
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import RecognizerSettings
from doorbus_recognizer.vision import build_vision


def main() -> int:
    """Build the models and run; return the exit status."""
    settings = load(RecognizerSettings)
    try:
        parts = settings.recognizer.model_dump(include={"model", "detector", "engine", "liveness", "threads", "lanes"})
        eyes = build_vision(weights_dir=settings.weights, **parts)
    except (AssetError, ModelUnavailable) as error:
        fail(f"DOORBUS_RECOGNIZER__MODEL, __DETECTOR, __ENGINE or __WEIGHTS: {error}")
    own, name, portraits = settings.recognizer, settings.instance, settings.homeassistant.portraits
    seal, clock = open_seal(settings), SystemClock()
    return run(RecognizerService(eyes, seal, own, instance=name, clock=clock, portraits=portraits), settings)


if __name__ == "__main__":
    sys.exit(main())
