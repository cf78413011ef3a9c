"""What ends a process that was set up wrongly, and the one place where it ends."""

import os
import sys
from collections.abc import Callable

from doorbus.runtime.words import here


class SetupError(Exception):
    """A process cannot work as it was set up; the text names the setting, its value and the way out."""


def ended(work: Callable[[], int]) -> int:
    """The exit status of `work`: 2 after one sentence on standard error when it raised `SetupError`.

    Files that it makes are closed to others, unless it says otherwise for one.
    """
    os.umask(0o077)
    try:
        return work()
    except SetupError as error:
        print(here(str(error), os.environ), file=sys.stderr)  # noqa: T201  # logging may not be set up yet
        return 2
