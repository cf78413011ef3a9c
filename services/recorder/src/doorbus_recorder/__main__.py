"""`python -m doorbus_recorder`: the recorder as a process."""

import sys

from doorbus.runtime.process import run
from doorbus_recorder.settings import RecorderSettings
from doorbus_recorder.wiring import build


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(RecorderSettings, build)


if __name__ == "__main__":
    sys.exit(main())
