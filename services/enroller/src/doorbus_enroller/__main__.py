"""The enroller's process."""

import sys

from doorbus.clock import SystemClock
from doorbus.seal import open_seal
from doorbus.service import run
from doorbus.settings import load
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import EnrollerSettings
from doorbus_enroller.store import SqliteStore


def main() -> int:
    """Run until told to stop; returns the exit status."""
    settings = load(EnrollerSettings)
    return run(EnrollerService(settings, SqliteStore(settings.database), open_seal(settings), SystemClock()), settings)


if __name__ == "__main__":
    sys.exit(main())
