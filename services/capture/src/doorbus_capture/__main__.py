"""Starts the capture service."""

import os
import sys
from secrets import token_hex

from doorbus.clock import SystemClock
from doorbus.service import run
from doorbus.settings import load
from doorbus_capture.reader import Reader
from doorbus_capture.service import CaptureService
from doorbus_capture.settings import CaptureSettings
from doorbus_capture.sources.factory import listener, maker


def main() -> int:
    """Run until told to stop; returns the exit status."""
    settings, clock = load(CaptureSettings), SystemClock()
    make = maker(settings.capture.address, settings.capture.options(settings.var), clock)
    reader = Reader(make, clock, settings.capture.patience) if make else None
    service = CaptureService(settings.capture, reader, clock, token_hex(4), listener(settings.capture.listening, clock))
    status = run(service, settings)
    if service.hung:  # a thread that returns from the driver into an interpreter shutting down would crash it
        sys.stderr.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
