"""PINs and tags as they are kept: which there are, and what may become one. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from doorbus.wire.credentials import CodeError, digest, normal, too_simple
from doorbus.wire.messages import ErrorCode, Fault, HashedCredential, RosterEntry, SetCredential

MOST_EACH = 5
"""PINs and tags that a person may have."""
MOST_SALTS = 4
"""What is put back from other sites brings salts of its own, and a door computes a hash for each."""


@dataclass(frozen=True)
class Credentials:
    """All PINs and tags."""

    all: tuple[HashedCredential, ...] = ()

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """What those of each person are called."""
        names: dict[str, tuple[str, ...]] = {}
        for each in self.all:
            names[each.person] = (*names.get(each.person, ()), each.credential)
        return names

    @cached_property
    def ends(self) -> dict[str, dict[str, datetime]]:
        """When those of each person that end do."""
        ends: dict[str, dict[str, datetime]] = {}
        for each in self.all:
            if each.valid_until is not None:
                ends.setdefault(each.person, {})[each.credential] = each.valid_until
        return ends

    def listed(self, entry: RosterEntry) -> RosterEntry:
        """A person with what is told of theirs."""
        told = {"credentials": self.names.get(entry.person), "codes_until": self.ends.get(entry.person)}
        return entry.model_copy(update=told)

    def of(self, person: str) -> tuple[HashedCredential, ...]:
        """Those of a person."""
        return tuple(each for each in self.all if each.person == person)

    def salt(self, new: str) -> str:
        """The salt that most have; `new` where there is none."""
        return max(self._salts, key=lambda one: (self._salts[one], one), default=new)

    @property
    def _salts(self) -> Counter[str]:
        return Counter(each.salt for each in self.all)

    def made(
        self, person: str, credential: str, asked: SetCredential, shortest: int, new_salt: str
    ) -> HashedCredential | Fault:
        """What is kept of a code, or why it may not be one. Takes as long as a few hashes do."""
        try:
            code = normal(asked.code)
        except CodeError as error:
            return Fault(code=ErrorCode.BAD_REQUEST, message=str(error))
        if (why := too_simple(code, shortest)) is not None:
            return Fault(code=ErrorCode.TOO_SIMPLE, message=why)
        since, until = asked.valid_from, asked.valid_until
        if since is not None and until is not None and since >= until:
            message = f"valid_from {since.isoformat()} must come before valid_until {until.isoformat()}"
            return Fault(code=ErrorCode.BAD_REQUEST, message=message)
        others = {(each.salt, each.hash) for each in self.all if (each.person, each.credential) != (person, credential)}
        hashes = {(salt, digest(code, salt)) for salt in self._salts}
        if hashes & others:
            return Fault(code=ErrorCode.CODE_TAKEN, message="this code is somebody's already; choose another one")
        theirs = {each.credential for each in self.of(person)}
        if credential not in theirs and len(theirs) >= MOST_EACH:
            message = f"{person} has {', '.join(sorted(theirs))} already; remove one first"
            return Fault(code=ErrorCode.BAD_REQUEST, message=message)
        salt = self.salt(new_salt)
        return HashedCredential(
            person=person,
            credential=credential,
            salt=salt,
            hash=digest(code, salt),
            valid_from=since,
            valid_until=until,
        )

    def with_one(self, made: HashedCredential) -> "Credentials":
        """These with one more, or another one of the same name."""
        rest = [one for one in self.all if (one.person, one.credential) != (made.person, made.credential)]
        return Credentials(tuple(sorted((*rest, made), key=lambda one: (one.person, one.credential))))

    def without(self, person: str, credential: str | None = None) -> "Credentials":
        """These without one of a person, or without all."""
        gone = {each for each in self.of(person) if credential in {None, each.credential}}
        return Credentials(tuple(each for each in self.all if each not in gone))

    def fault_in(self, others: Iterable[HashedCredential]) -> Fault | None:
        """Why `others` cannot be put back beside these."""
        if len({each.salt for each in (*self.all, *others)}) <= MOST_SALTS:
            return None
        message = f"these PINs are of another site, and {MOST_SALTS} sites' are here already; set them anew"
        return Fault(code=ErrorCode.BAD_REQUEST, message=message)
