"""`python -m doorbus_recognizer`: the recognizer as a process."""

import sys

from doorbus.runtime.process import run
from doorbus_recognizer.factory import build_service
from doorbus_recognizer.settings import RecognizerSettings


def main() -> int:
    """Run until told to stop; the exit status."""
    return run(RecognizerSettings, build_service)


if __name__ == "__main__":
    sys.exit(main())
