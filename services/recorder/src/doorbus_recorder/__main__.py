"""`python -m doorbus_recorder`: the recorder as a process."""

import sys

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.floor import Floor
from doorbus.runtime.keys import open_keys
from doorbus.runtime.process import run
from doorbus.runtime.site_key import open_recorder_seal
from doorbus.wire.channels import RECOGNITION
from doorbus_recorder.files import FileStore
from doorbus_recorder.service import RecorderService
from doorbus_recorder.settings import RecorderSettings


def build(settings: RecorderSettings) -> RecorderService:
    """The service, its store not yet opened."""
    clock = SystemClock()
    store = FileStore(settings.folder, open_recorder_seal(settings))
    floor = Floor(settings.floors, "roster", settings.root, clock)
    return RecorderService(settings.recorder, store, open_keys(settings, unasked=[RECOGNITION]), floor, clock)


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(RecorderSettings, build)


if __name__ == "__main__":
    sys.exit(main())
