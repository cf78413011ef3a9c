"""Who may do what: one table for the pages and the API. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What an account is."""

    RESIDENT = "resident"
    """Sees and opens the doors that are its own."""
    OPERATOR = "operator"
    """Sees, opens and locks down the doors, reads the events, and keeps the people."""
    ADMIN = "admin"
    """May also give and take accounts and tokens, and erase pictures that were kept."""


class Scope(StrEnum):
    """What a token is good for."""

    READ = "read"
    UNLOCK = "unlock"
    RECOGNISE = "recognise"
    PEOPLE = "people"


class Right(StrEnum):
    """What somebody must have for a page or a call."""

    SEE = "see"
    """Doors and their cameras."""
    OPEN = "open"
    """Unlock and lock."""
    LOCK_DOWN = "lock down"
    """Begin and end a lockdown."""
    WATCH = "watch"
    """Events, people and services."""
    RECOGNISE = "recognise"
    """Ask who is on a picture."""
    PEOPLE = "people"
    """Enrol, change and remove."""
    ERASE = "erase"
    """Erase what a recorder keeps, as the broker's `admin` may; no token may."""
    ADMINISTER = "administer"
    """Accounts and tokens; no token may."""


LEAST: dict[Right, Level] = {
    Right.SEE: Level.RESIDENT,
    Right.OPEN: Level.RESIDENT,
    Right.LOCK_DOWN: Level.OPERATOR,
    Right.WATCH: Level.OPERATOR,
    Right.RECOGNISE: Level.OPERATOR,
    Right.PEOPLE: Level.OPERATOR,
    Right.ERASE: Level.ADMIN,
    Right.ADMINISTER: Level.ADMIN,
}
"""The lowest level that has a right."""
SCOPES: dict[Right, Scope | None] = {
    Right.SEE: Scope.READ,
    Right.OPEN: Scope.UNLOCK,
    Right.LOCK_DOWN: Scope.UNLOCK,
    Right.WATCH: Scope.READ,
    Right.RECOGNISE: Scope.RECOGNISE,
    Right.PEOPLE: Scope.PEOPLE,
    Right.ERASE: None,
    Right.ADMINISTER: None,
}
"""The scope of a token that has it."""
_ORDER = (Level.RESIDENT, Level.OPERATOR, Level.ADMIN)


@dataclass(frozen=True)
class Visitor:
    """Somebody who was let in: an account of a `level`, or a token with `scopes`.

    `doors` narrows an account to these; None is every door. `name` stands as `by` in commands and in the audit.
    """

    name: str
    level: Level | None = None
    scopes: frozenset[Scope] = frozenset()
    doors: frozenset[str] | None = None

    def may(self, right: Right) -> bool:
        """Whether it has `right`, at whatever door."""
        if self.level is None:
            return SCOPES[right] in self.scopes
        return _ORDER.index(self.level) >= _ORDER.index(LEAST[right])

    def knows(self, door: str) -> bool:
        """Whether `door` is one of its doors."""
        return self.doors is None or door in self.doors
