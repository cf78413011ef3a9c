"""How far people have been taken over to another embedding model. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from doorbus_enroller.store import Unmade

_NEARLY = 10
"""A gallery of which at most every tenth sample is missing was published before, and is again after a restart."""


@dataclass(frozen=True)
class Making:
    """What of one model is there, and what is missing."""

    made: int = 0
    """Samples that have a template of it."""
    todo: tuple[Unmade, ...] = ()
    """Samples of whose faces one is still to be made."""
    lacking: tuple[str, ...] = ()
    """People of whom a sample can have none, for want of its face."""
    failed: frozenset[int] = frozenset()
    """Samples of whose faces no recognizer could make one."""
    ready: bool = False
    """Whether there is a gallery of it to be published."""

    def seen(self, samples: int, unmade: Sequence[Unmade]) -> "Making":
        """What the store says: so many samples in all, and those without a template of this model."""
        todo = tuple(one for one in unmade if one.face and one.number not in self.failed)
        lost = [one.person for one in unmade if not one.face or one.number in self.failed]
        made = max(0, samples - len(unmade))
        first = not self.made
        ready = self.ready or (made > 0 and (not todo or (first and len(todo) * _NEARLY <= made)))
        return replace(self, made=made, todo=todo, lacking=tuple(dict.fromkeys(lost)), ready=ready)

    def done(self, numbers: Iterable[int]) -> "Making":
        """Templates of these samples are there."""
        done = set(numbers)
        todo = tuple(one for one in self.todo if one.number not in done)
        made = self.made + len(self.todo) - len(todo)
        return replace(self, made=made, todo=todo, ready=self.ready or (made > 0 and not todo))

    def given_up(self, number: int) -> "Making":
        """No template can be made of the face of this sample."""
        people = [one.person for one in self.todo if one.number == number]
        todo = tuple(one for one in self.todo if one.number != number)
        lacking = tuple(dict.fromkeys((*self.lacking, *people)))
        ready = self.ready or (self.made > 0 and not todo)
        return replace(self, todo=todo, lacking=lacking, failed=self.failed | {number}, ready=ready)

    def may_lead(self, samples: int) -> bool:
        """Whether the site can go by it when nobody runs the leading model: all is made, and of most samples."""
        return self.ready and not self.todo and 2 * self.made > samples
