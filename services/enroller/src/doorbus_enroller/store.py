"""The people on disk. The one importer of sqlite3.

A change is one transaction: after a crash at any moment the file holds the state before it or after it.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from pydantic import ValidationError

from doorbus.wire.messages import Rights, utc


class StorageFailed(Exception):  # noqa: N818  # an outcome that is told to the requester
    """The people could not be read or written; the text names the file, what is wrong and the way out."""


@dataclass(frozen=True)
class Sample:
    """What is kept of one picture; the picture itself is not."""

    template: bytes = field(repr=False)
    """The template, sealed for this person alone."""
    model: str
    """Embedding model that made the template."""
    quality: float
    picture: str
    """The SHA-256 of the picture."""
    created_at: datetime


@dataclass(frozen=True)
class Person:
    """A person with rights and samples, these in the order in which they came."""

    person: str
    rights: Rights
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Versions:
    """The versions of the two maps made of the people.

    The roster's rises with every change of who is there and with what rights, the gallery's with every change of
    samples. A version is at least the time of its change in Unix milliseconds, so that it rises even if the file is
    lost.
    """

    roster: int
    gallery: int

    @classmethod
    def first(cls, now: datetime) -> Self:
        """Of a store that is new."""
        return cls(next_version(0, now), next_version(0, now))

    def raised(self, now: datetime, *, roster: bool, gallery: bool) -> "Versions":
        """After a change of the maps that are named."""
        return Versions(
            next_version(self.roster, now) if roster else self.roster,
            next_version(self.gallery, now) if gallery else self.gallery,
        )


class Store(Protocol):
    """Keeps the people. Every method but `close` raises `StorageFailed`; a change that raises has not happened.

    `now` dates the versions: those of a new store, and those that a change raises.
    """

    def versions(self, now: datetime) -> Versions:
        """Those of the last change."""
        ...

    def people(self, now: datetime) -> Mapping[str, Rights]:
        """The rights of everybody, in order of the ids."""
        ...

    def find(self, person: str, now: datetime) -> Person | None:
        """The person with this id, if there."""
        ...

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Add samples, all or none; a person who is not there yet is added with `rights`."""
        ...

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Replace the rights of a person who is there."""
        ...

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Forget a person with all samples; None when nobody was there, and nothing has changed."""
        ...

    def close(self) -> None:
        """Let go of the file; once more is fine."""
        ...


def next_version(previous: int, now: datetime) -> int:
    """Higher than `previous`, and than any version of a file that was lost before `now`."""
    return max(previous + 1, int(now.timestamp() * 1000))


class SqliteStore:
    """The people in one SQLite file, readable by its owner only. Opened at first use, and again after a failure."""

    def __init__(self, path: Path, busy_seconds: float = 5.0) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def versions(self, now: datetime) -> Versions:
        """Read both."""
        with self._transaction(now) as db:
            return _versions(db)

    def people(self, now: datetime) -> Mapping[str, Rights]:
        """Read all ids and rights in one transaction."""
        with self._transaction(now) as db:
            rows = db.execute("SELECT person, rights FROM people ORDER BY person")
            return {person: _rights(rights) for person, rights in rows}

    def find(self, person: str, now: datetime) -> Person | None:
        """Read the rows of the person."""
        with self._transaction(now) as db:
            row = db.execute("SELECT rights FROM people WHERE person = ?", (person,)).fetchone()
            return Person(person, _rights(row[0]), _samples(db, person)) if row else None

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Insert the samples, and the person if missing."""
        with self._transaction(now) as db:
            added = db.execute(
                "INSERT OR IGNORE INTO people (person, rights, created_at, updated_at) VALUES (?, ?, ?, ?)",
                (person, rights.model_dump_json(), utc(now), utc(now)),
            )
            db.executemany(
                "INSERT INTO samples (person, template, model, quality, picture, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                [(person, one.template, one.model, one.quality, one.picture, utc(one.created_at)) for one in samples],
            )
            return _raised(db, now, roster=added.rowcount > 0, gallery=True)

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Update the row of the person."""
        with self._transaction(now) as db:
            db.execute(
                "UPDATE people SET rights = ?, updated_at = ? WHERE person = ?",
                (rights.model_dump_json(), utc(now), person),
            )
            return _raised(db, now, roster=True, gallery=False)

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Delete the person's rows, overwrite their pages, and empty the write-ahead log that may still hold them."""
        with self._transaction(now) as db:
            deleted = db.execute("DELETE FROM people WHERE person = ?", (person,))
            versions = _raised(db, now, roster=True, gallery=True) if deleted.rowcount else None
        with self._lock, suppress(sqlite3.Error):  # the person is gone for readers; the next checkpoint tries again
            if versions and self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return versions

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    @contextmanager
    def _transaction(self, now: datetime) -> Iterator[sqlite3.Connection]:
        """All or nothing; whatever goes wrong becomes `StorageFailed`, and the next use opens the file anew."""
        with self._lock:
            try:
                db = self._connection = self._connection or self._open(now)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise StorageFailed(f"{self._path}: {_explain(error)}") from error
            except BaseException:
                self._drop()
                raise

    def _open(self, now: datetime) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
        # Calls come one at a time under the lock, from whichever worker thread is free.
        db = sqlite3.connect(self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                db.execute(pragma)
            _check(db)
            _migrate(db, now)
        except BaseException:
            db.close()
            raise
        return db

    def _drop(self) -> None:
        """Close the connection; SQLite undoes a transaction that is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_PRAGMAS = (
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_mode = WAL",
)

_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE people (
            person TEXT NOT NULL PRIMARY KEY,
            rights TEXT NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
            template BLOB NOT NULL,
            model TEXT NOT NULL,
            quality REAL NOT NULL,
            picture TEXT NOT NULL,
            created_at TEXT NOT NULL,
            UNIQUE (person, picture)
        ) STRICT""",
        "CREATE TABLE versions (map TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT",
        "INSERT INTO versions (map, version) VALUES ('roster', :version), ('gallery', :version)",
    ),
)
"""The statements that lead from each version of the schema (SQLite's user_version) to the next; only ever added to."""


def _check(db: sqlite3.Connection) -> None:
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _migrate(db: sqlite3.Connection, now: datetime) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise sqlite3.NotSupportedError(
            f"written by a newer doorbus (schema {version}, this one knows {len(_MIGRATIONS)}); update doorbus"
        )
    for number, statements in enumerate(_MIGRATIONS[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement, {"version": next_version(0, now)})
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")


def _rights(text: str) -> Rights:
    try:
        return Rights.model_validate_json(text)
    except ValidationError:
        raise sqlite3.DatabaseError("rights that cannot be read") from None


def _samples(db: sqlite3.Connection, person: str) -> tuple[Sample, ...]:
    rows = db.execute(
        "SELECT template, model, quality, picture, created_at FROM samples WHERE person = ? ORDER BY id", (person,)
    )
    return tuple(
        Sample(template, model, quality, picture, datetime.fromisoformat(created_at))
        for template, model, quality, picture, created_at in rows
    )


def _versions(db: sqlite3.Connection) -> Versions:
    found = dict(db.execute("SELECT map, version FROM versions"))
    return Versions(found["roster"], found["gallery"])


def _raised(db: sqlite3.Connection, now: datetime, *, roster: bool, gallery: bool) -> Versions:
    versions = _versions(db).raised(now, roster=roster, gallery=gallery)
    db.executemany(
        "UPDATE versions SET version = ? WHERE map = ?", [(versions.roster, "roster"), (versions.gallery, "gallery")]
    )
    return versions


def _explain(error: Exception) -> str:
    """What is wrong, and the way out."""
    if isinstance(error, OSError):
        return f"{error.strerror or error}; may this user write here?"
    if isinstance(error, sqlite3.NotSupportedError):
        return str(error)
    name = getattr(error, "sqlite_errorname", "")
    damaged = "damaged; restore a backup, or move the file away and enrol everybody anew"
    return f"{error}; {next((way for prefix, way in _WAYS_OUT.items() if name.startswith(prefix)), damaged)}"


_WAYS_OUT = {
    "SQLITE_FULL": "is the disk full?",
    "SQLITE_IOERR": "is the disk full or failing?",
    "SQLITE_READONLY": "may this user write the file and its directory?",
    "SQLITE_CANTOPEN": "may this user write the file and its directory?",
    "SQLITE_PERM": "may this user write the file and its directory?",
    "SQLITE_BUSY": "does another enroller use it?",
    "SQLITE_LOCKED": "does another enroller use it?",
    "SQLITE_CONSTRAINT": "the change contradicts what is kept",
}


class MemoryStore:
    """The people in memory, by the same rules. Records each change; fails on demand, as a full disk would."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._versions: Versions | None = None
        self.changes: list[str] = []
        """What was done, in order: `add alice`, `set_rights alice`, `remove alice`."""
        self.asked: list[str] = []
        """Whom it was asked about, in order."""
        self.failing: str | None = None
        """While set, every method but `close` raises `StorageFailed` with this text."""

    def versions(self, now: datetime) -> Versions:
        """Those of the last change."""
        self._check()
        self._versions = self._versions or Versions.first(now)
        return self._versions

    def people(self, now: datetime) -> Mapping[str, Rights]:  # noqa: ARG002  # the Protocol's
        """Everybody's."""
        self._check()
        return {person: self._people[person].rights for person in sorted(self._people)}

    def find(self, person: str, now: datetime) -> Person | None:  # noqa: ARG002  # the Protocol's
        """The person, if there."""
        self._check()
        self.asked.append(person)
        return self._people.get(person)

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Add samples; a person's picture counts once."""
        self._check()
        there = self._people.get(person)
        known = there or Person(person, rights)
        pictures = [each.picture for each in (*known.samples, *samples)]
        if len(set(pictures)) < len(pictures):
            raise StorageFailed(f"{person} has a sample of this picture already")
        self._people[person] = replace(known, samples=(*known.samples, *samples))
        return self._changed(f"add {person}", now, roster=there is None, gallery=True)

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Replace the rights."""
        self._check()
        if person in self._people:
            self._people[person] = replace(self._people[person], rights=rights)
        return self._changed(f"set_rights {person}", now, roster=True, gallery=False)

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Forget the person."""
        self._check()
        if self._people.pop(person, None) is None:
            return None
        return self._changed(f"remove {person}", now, roster=True, gallery=True)

    def close(self) -> None:
        """Nothing is open."""

    def _check(self) -> None:
        if self.failing is not None:
            raise StorageFailed(self.failing)

    def _changed(self, what: str, now: datetime, *, roster: bool, gallery: bool) -> Versions:
        self._versions = self.versions(now).raised(now, roster=roster, gallery=gallery)
        self.changes.append(what)
        return self._versions
