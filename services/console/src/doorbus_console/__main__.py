"""`python -m doorbus_console`: the page and the API as a process; with a word of `command.NAMES`, that command."""

import os
import sys
from contextlib import suppress

from doorbus.runtime.errors import ended
from doorbus.runtime.process import run
from doorbus_console import command
from doorbus_console.building import build
from doorbus_console.settings import ConsoleSettings

_NICE = 5
"""Pictures for many browsers go out at the moment in which a frame comes, and wait for what opens the door here."""


def main() -> int:
    """Run until told to stop, or do what was asked; the exit status."""
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in command.NAMES:
        return ended(lambda: command.main(arguments))
    with suppress(OSError):  # a sandbox may not let it
        os.nice(_NICE)
    return run(ConsoleSettings, build)


if __name__ == "__main__":
    sys.exit(main())
