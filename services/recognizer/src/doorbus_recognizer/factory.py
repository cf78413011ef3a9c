"""The recognizer that the settings ask for."""

from doorbus.assets import AssetError
from doorbus.runtime.clock import SystemClock
from doorbus.runtime.errors import SetupError
from doorbus.runtime.site_key import open_seal
from doorbus_recognizer.models.registry import ModelUnavailable
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import RecognizerSettings
from doorbus_recognizer.vision import build_vision


def build_service(settings: RecognizerSettings) -> RecognizerService:
    """The service with its models built; raises `SetupError` when one cannot be had."""
    own, name, portraits = settings.recognizer, settings.instance, settings.homeassistant.portraits
    try:
        parts = own.model_dump(include={"model", "detector", "engine", "liveness", "threads", "lanes"})
        eyes = build_vision(weights_dir=settings.weights, **parts)
    except (AssetError, ModelUnavailable) as error:
        raise SetupError(f"DOORBUS_RECOGNIZER__MODEL, __DETECTOR, __ENGINE or __WEIGHTS: {error}") from None
    return RecognizerService(eyes, open_seal(settings), own, instance=name, clock=SystemClock(), portraits=portraits)
