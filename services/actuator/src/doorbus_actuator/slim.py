"""What a guardian loads in place of parts of the standard library that would be 1.4 MiB in each guardian.

`typing`, `contextlib` and `signal` bring `collections`, `functools`, `enum` and `re` with them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # for others to import
    import signal as signal  # noqa: PLC0414
    from typing import Protocol as Protocol  # noqa: PLC0414
else:
    try:
        import _signal as signal  # all of it but the names of the numbers
    except ImportError:  # another kind of Python
        import signal as signal  # noqa: PLC0414

    Protocol = object


class suppress:  # noqa: N801  # as in contextlib
    """Go on after the block when it has raised one of `kinds`."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        """There is nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> bool:
        """Whether the error is one to go on after."""
        return kind is not None and issubclass(kind, self._kinds)
