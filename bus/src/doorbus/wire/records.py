"""`dataclass` as the standard library has it, but for records with slots that do not change half as large. Pure.

There each such class keeps the one that it was made of, by its two methods that refuse a change: 6 KiB, 60 times in an
actuator. Here all of them share one that refuses.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414  # for others to import
else:
    T = TypeVar("T")

    def dataclass(**how: Any) -> Callable[[type[T]], type[T]]:
        """Make a class a record; with the words of `dataclasses.dataclass`."""

        def make(kind: type[T]) -> type[T]:
            made = dataclasses.dataclass(**how)(kind)
            if how.get("frozen") and how.get("slots"):
                made.__setattr__ = made.__delattr__ = _refuse
            return made

        return make


def _refuse(record: object, name: str, *_: object) -> None:
    raise FrozenInstanceError(f"{name} of a {type(record).__name__} does not change")
