"""`python -m doorbus_capture`: one camera as a process."""

import sys
from secrets import token_hex

from doorbus.runtime.clock import SystemClock
from doorbus.runtime.process import run
from doorbus_capture.reader import CameraReader
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import CaptureSettings
from doorbus_capture.sources.factory import listener, maker


def build(settings: CaptureSettings) -> CaptureService:
    """The service, its camera not yet opened."""
    clock = SystemClock()
    make = maker(settings.capture.address, settings.capture.options(settings.var), clock)
    reader = CameraReader(make, clock, settings.capture.patience) if make else None
    return CaptureService(settings.capture, reader, clock, token_hex(4), listener(settings.capture.listening, clock))


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(CaptureSettings, build)


if __name__ == "__main__":
    sys.exit(main())
