"""The recorder that the settings ask for."""

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.runtime.keys import open_keys
from doorbus.runtime.site_key import open_recorder_seal
from doorbus.wire.channels import RECOGNITION
from doorbus.wire.messages import Recording
from doorbus_recorder.files import FileStore
from doorbus_recorder.review import Case
from doorbus_recorder.service import RecorderService
from doorbus_recorder.settings import RecorderSettings


def build(settings: RecorderSettings) -> RecorderService:
    """The service, its stores not yet opened; raises `SetupError` for a key that is missing or wrong."""
    clock, seal = SystemClock(), open_recorder_seal(settings)
    return RecorderService(
        settings.recorder,
        clock,
        store=FileStore(settings.folder / "recordings", seal, Recording),
        faces=FileStore(settings.folder / "review", seal, Case),
        seal=seal,
        keys=open_keys(settings, unasked=[RECOGNITION]),
        floor=Floor(settings.floors, "roster", settings.root, clock),
        instance=settings.instance,
    )
