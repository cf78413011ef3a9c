"""`python -m doorbus.cli` is the command `doorbus`."""

import sys

from doorbus.cli.app import app
from doorbus.runtime.errors import ended


def main() -> None:
    """Run the command of the command line."""
    sys.exit(ended(lambda: int(app(prog_name="doorbus") or 0)))


if __name__ == "__main__":
    main()
