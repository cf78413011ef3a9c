"""`python -m doorbus_console`: the page and the API as a process; with a word of `command.NAMES`, that command."""

import sys

from doorbus.runtime.errors import ended
from doorbus.runtime.process import run
from doorbus_console import command
from doorbus_console.building import build
from doorbus_console.settings import ConsoleSettings


def main() -> int:
    """Run until told to stop, or do what was asked; the exit status."""
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in command.NAMES:
        return ended(lambda: command.main(arguments))
    return run(ConsoleSettings, build)


if __name__ == "__main__":
    sys.exit(main())
