"""The people on disk. The one importer of sqlite3.

A change is one transaction: after a crash at any moment the file holds the state before it or after it.
"""

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeGuard, TypeVar

from doorbus.wire.ids import is_slug
from doorbus.wire.messages import MAX_NAME, GroupEntry, HashedCredential, Rights, ScheduleEntry, utc
from doorbus_enroller.arrangements import Arrangements
from doorbus_enroller.store import (
    Everybody,
    Person,
    Sample,
    StorageFailed,
    StoreDamaged,
    Unmade,
    Versions,
    next_version,
)

T = TypeVar("T")


class SqliteStore:
    """The people in one SQLite file, readable by its owner only. Opened at first use, and again after a failure."""

    def __init__(self, path: Path, busy_seconds: float = 5.0) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._may_begin = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The path."""
        return str(self._path)

    def is_new(self) -> bool:
        """Look at the file; one that is missing is not made."""
        with self._guarded():
            if not self._size():
                self._drop()  # of a file that was taken away
                return True
            db = self._connection = self._connection or self._open()
            return _schema(db) == 0

    def set_aside(self, now: datetime) -> None:
        """Rename the file, and the log that belongs to it, to `FILE.damaged-TIME`."""
        with self._guarded():
            self._drop()
            for ending in ("", "-wal", "-shm"):
                path = self._path.with_name(self._path.name + ending)
                with suppress(FileNotFoundError):
                    path.rename(path.with_name(f"{self._path.name}.damaged-{now:%Y%m%dT%H%M%SZ}{ending}"))

    def begin(self, now: datetime) -> None:
        """Make file and tables."""
        self._may_begin = True
        self.versions(now)

    def versions(self, now: datetime) -> Versions:
        """Read both; one that is damaged is made anew, as after a loss of the file."""
        with self._transaction(now) as db:
            return _versions(db, now)

    def outrun(self, others: Versions, now: datetime) -> Versions:
        """Write both in one transaction."""
        with self._transaction(now) as db:
            versions = _versions(db, now).ahead_of(others, now)
            _write(db, versions)
            return versions

    def people(self, now: datetime) -> Everybody:
        """Read all ids and rights in one transaction."""
        with self._transaction(now) as db:
            rows = db.execute("SELECT person, rights FROM people ORDER BY person").fetchall()
            (orphans,) = db.execute(
                "SELECT count(*) FROM samples WHERE person NOT IN (SELECT person FROM people)"
            ).fetchone()
            models = db.execute("SELECT model FROM samples GROUP BY model ORDER BY count(*) DESC")
            model = next((model for (model,) in models if _is_name(model)), None)
        known = {person: _rights(rights) for person, rights in rows if _is_id(person)}
        return Everybody(known, model, orphans + len(rows) - len(known))

    def rights(self, person: str, now: datetime) -> Person | None:
        """Read the row of the person."""
        with self._transaction(now) as db:
            return _person(db, person)

    def find(self, person: str, now: datetime, *, faces: bool = False, model: str | None = None) -> Person | None:
        """Read the rows of the person."""
        others: dict[object, dict[str, bytes]] = {}
        with self._transaction(now) as db:
            found = _person(db, person)
            if found is None:
                return None
            if model is None:
                rows = db.execute(_SAMPLES_WITH_FACES if faces else _SAMPLES, (person,)).fetchall()
            else:
                rows = db.execute(_SAMPLES_OF_A_MODEL, {"person": person, "model": model}).fetchall()
            if faces:
                for number, name, template in db.execute(_OTHER_TEMPLATES, (person,)):
                    others.setdefault(number, {})[name] = template
        samples = tuple(sample for row in rows if (sample := _sample(row)) is not None)
        samples = tuple(replace(one, others=others.get(one.number, {})) for one in samples)
        return replace(found, samples=samples, damaged=len(rows) - len(samples))

    def other_models(self, now: datetime) -> Sequence[str]:
        """Read the names."""
        with self._transaction(now) as db:
            names = db.execute("SELECT model FROM templates GROUP BY model ORDER BY model").fetchall()
        return [name for (name,) in names if _is_name(name)]

    def unmade(self, model: str, now: datetime) -> Sequence[Unmade]:
        """Join the tables."""
        with self._transaction(now) as db:
            rows = db.execute(_UNMADE, (model, model)).fetchall()
        return [Unmade(int(number), person, bool(face)) for number, person, face in rows if _is_id(person)]

    def face(self, number: int, now: datetime) -> bytes | None:
        """Read the row."""
        with self._transaction(now) as db:
            row = db.execute("SELECT jpeg FROM faces WHERE sample = ?", (number,)).fetchone()
        return row[0] if row and isinstance(row[0], bytes) else None

    def add_templates(self, model: str, templates: Mapping[int, bytes], now: datetime) -> None:
        """Insert the rows."""

        def add(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT OR REPLACE INTO templates (sample, model, template) "
                "SELECT id, ?, ? FROM samples WHERE id = ? AND model <> ?",
                [(model, template, number, model) for number, template in templates.items()],
            )

        self._changed(now, add)

    def lead(self, model: str, now: datetime) -> Versions:
        """Exchange the templates in one transaction."""

        def lead(db: sqlite3.Connection) -> Versions:
            rows = db.execute(
                "SELECT id, samples.template, samples.model, templates.template FROM samples "
                "JOIN templates ON sample = id WHERE templates.model = ?",
                (model,),
            ).fetchall()
            db.execute("DELETE FROM templates WHERE model = ?", (model,))
            db.executemany(
                "INSERT OR REPLACE INTO templates (sample, model, template) VALUES (?, ?, ?)",
                [(number, former, template) for number, template, former, _ in rows],
            )
            db.executemany(
                "UPDATE samples SET model = ?, template = ? WHERE id = ?",
                [(model, template, number) for number, _, _, template in rows],
            )
            return _raised(db, now, roster=False, gallery=True)

        return self._changed(now, lead)

    def forget_model(self, model: str, now: datetime) -> None:
        """Delete the rows, as with a person."""

        def forget(db: sqlite3.Connection) -> Versions:
            db.execute("DELETE FROM templates WHERE model = ?", (model,))
            return _versions(db, now)

        self._overwritten(self._changed(now, forget))

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Insert the samples, and the person if missing."""

        def add(db: sqlite3.Connection) -> Versions:
            added = db.execute(
                "INSERT OR IGNORE INTO people (person, rights, created_at, updated_at) VALUES (?, ?, ?, ?)",
                (person, rights.model_dump_json(), utc(now), utc(now)),
            )
            _insert(db, person, samples)
            return _raised(db, now, roster=added.rowcount > 0, gallery=True)

        return self._changed(now, add)

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Update the row of the person."""

        def set_rights(db: sqlite3.Connection) -> Versions:
            db.execute(
                "UPDATE people SET rights = ?, updated_at = ? WHERE person = ?",
                (rights.model_dump_json(), utc(now), person),
            )
            return _raised(db, now, roster=True, gallery=False)

        return self._changed(now, set_rights)

    def arrangements(self, now: datetime) -> Arrangements:
        """Read all rows."""
        with self._transaction(now) as db:
            rows = db.execute("SELECT kind, id, entry FROM arrangements ORDER BY id").fetchall()
        read = (_arranged(*row) for row in rows)
        return Arrangements().with_entries(*(entry for entry in read if entry is not None))

    def arrange(
        self,
        now: datetime,
        *,
        put: Sequence[GroupEntry | ScheduleEntry] = (),
        group: str | None = None,
        schedule: str | None = None,
    ) -> Versions:
        """Delete and insert the rows."""

        def arrange(db: sqlite3.Connection) -> Versions:
            for kind, gone in ((_GROUP, group), (_SCHEDULE, schedule)):
                db.execute("DELETE FROM arrangements WHERE kind = ? AND id = ?", (kind, gone))
            _arrange(db, put)
            return _raised(db, now, roster=True, gallery=False)

        return self._changed(now, arrange)

    def credentials(self, now: datetime) -> tuple[HashedCredential, ...]:
        """Read all rows."""
        with self._transaction(now) as db:
            rows = db.execute("SELECT entry, person FROM credentials ORDER BY person, id").fetchall()
        return tuple(each for row in rows if (each := _credential(*row)) is not None)

    def set_credential(self, credential: HashedCredential, rights: Rights, now: datetime) -> Versions:
        """Insert the row, and the person if missing."""

        def set_credential(db: sqlite3.Connection) -> Versions:
            db.execute(
                "INSERT OR IGNORE INTO people (person, rights, created_at, updated_at) VALUES (?, ?, ?, ?)",
                (credential.person, rights.model_dump_json(), utc(now), utc(now)),
            )
            _put_credential(db, credential)
            return _raised(db, now, roster=True, gallery=False)

        return self._changed(now, set_credential)

    def remove_credential(self, person: str, credential: str, now: datetime) -> Versions | None:
        """Delete the row, as with a person."""

        def remove(db: sqlite3.Connection) -> Versions | None:
            deleted = db.execute("DELETE FROM credentials WHERE person = ? AND id = ?", (person, credential))
            return _raised(db, now, roster=True, gallery=False) if deleted.rowcount else None

        return self._overwritten(self._changed(now, remove))

    def put(
        self, people: Sequence[Person], now: datetime, arranged: Sequence[GroupEntry | ScheduleEntry] = ()
    ) -> Versions:
        """Delete the rows of these people, and insert them anew."""

        def put(db: sqlite3.Connection) -> Versions:
            _arrange(db, arranged)
            for each in people:
                rights = (each.rights or Rights(enabled=False, doors=())).model_dump_json()
                db.execute("DELETE FROM people WHERE person = ?", (each.person,))
                db.execute(
                    "INSERT INTO people (person, rights, created_at, updated_at) VALUES (?, ?, ?, ?)",
                    (each.person, rights, utc(now), utc(now)),
                )
                _insert(db, each.person, each.samples)
                for credential in each.credentials:
                    _put_credential(db, credential)
            return _raised(db, now, roster=True, gallery=True)

        return self._changed(now, put)

    def reseal(self, people: Sequence[Person], now: datetime) -> None:
        """Update the rows of the samples and of their faces."""

        def update(db: sqlite3.Connection) -> None:
            samples = [sample for each in people for sample in each.samples]
            db.executemany(
                "UPDATE samples SET template = ? WHERE id = ?", [(one.template, one.number) for one in samples]
            )
            faces = [(one.face, one.number) for one in samples if one.face is not None]
            db.executemany("UPDATE faces SET jpeg = ? WHERE sample = ?", faces)
            others = [(template, one.number, name) for one in samples for name, template in one.others.items()]
            db.executemany("UPDATE templates SET template = ? WHERE sample = ? AND model = ?", others)

        self._changed(now, update)

    def scrub(self) -> None:
        """Empty the write-ahead log; the pages have been overwritten."""
        with self._guarded():
            db = self._connection = self._connection or self._open()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def remove_sample(self, person: str, number: int, now: datetime) -> Versions | None:
        """Delete the row of the sample, as with a person."""

        def remove(db: sqlite3.Connection) -> Versions | None:
            deleted = db.execute("DELETE FROM samples WHERE person = ? AND id = ?", (person, number))
            return _raised(db, now, roster=False, gallery=True) if deleted.rowcount else None

        return self._overwritten(self._changed(now, remove))

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Delete the person's rows, overwrite their pages, and empty the write-ahead log that may still hold them."""

        def remove(db: sqlite3.Connection) -> Versions | None:
            deleted = db.execute("DELETE FROM people WHERE person = ?", (person,))
            return _raised(db, now, roster=True, gallery=True) if deleted.rowcount else None

        return self._overwritten(self._changed(now, remove))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong becomes `StorageFailed`, and the next use opens the file anew."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError, ValueError, OverflowError) as error:  # damage has many faces
                self._drop()
                kind = StoreDamaged if _is_damage(error) else StorageFailed
                raise kind(f"{self._path}: {_explain(error)}") from error
            except BaseException:
                self._drop()
                raise

    @contextmanager
    def _transaction(self, now: datetime) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self._guarded():
            db = self._connection = self._connection or self._open()
            _migrate(db, now, may_begin=self._may_begin)
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def _changed(self, now: datetime, change: Callable[[sqlite3.Connection], T]) -> T:
        """Do `change`; where only an index contradicts its table, make the index anew and do it once more."""
        try:
            with self._transaction(now) as db:
                return change(db)
        except StorageFailed as failed:
            if getattr(failed.__cause__, "sqlite_errorname", "") != "SQLITE_CORRUPT_INDEX":
                raise
        with self._transaction(now) as db:
            db.execute("REINDEX")
            return change(db)

    def _overwritten(self, versions: Versions | None) -> Versions | None:
        """Empty the write-ahead log after a removal; what was removed is gone for readers already."""
        with self._lock, suppress(sqlite3.Error):  # the next checkpoint tries again
            if versions and self._connection is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return versions

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _open(self) -> sqlite3.Connection:
        size = self._size()
        if size < _HEADER_BYTES and (size or not self._may_begin):  # SQLite would begin anew
            raise sqlite3.DatabaseError("cut off" if size else "missing or empty")
        if self._may_begin:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if self._path.stat().st_mode & 0o077:
            self._path.chmod(0o600)
        # Calls come one at a time under the lock, from whichever worker thread is free.
        db = sqlite3.connect(self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            # A flipped bit in a text is a matter of its row.
            db.text_factory = lambda data: data.decode(errors="surrogateescape")
            for pragma in _PRAGMAS:
                db.execute(pragma)
            _check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _drop(self) -> None:
        """Close the connection; SQLite undoes a transaction that is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_HEADER_BYTES = 100
_PRAGMAS = (
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_mode = WAL",
)

_SAMPLES = (
    "SELECT id, template, model, quality, picture, created_at, brightness, NULL "
    "FROM samples WHERE person = ? ORDER BY id"
)
_SAMPLES_WITH_FACES = (
    "SELECT id, template, model, quality, picture, created_at, brightness, jpeg "
    "FROM samples LEFT JOIN faces ON sample = id WHERE person = ? ORDER BY id"
)

_SAMPLES_OF_A_MODEL = (
    "SELECT id, coalesce(templates.template, samples.template), :model, quality, picture, created_at, brightness, NULL "
    "FROM samples LEFT JOIN templates ON sample = id AND templates.model = :model "
    "WHERE person = :person AND (templates.sample IS NOT NULL OR samples.model = :model) ORDER BY id"
)
_OTHER_TEMPLATES = (
    "SELECT id, templates.model, templates.template FROM samples JOIN templates ON sample = id WHERE person = ?"
)
_UNMADE = (
    "SELECT id, person, faces.sample IS NOT NULL FROM samples LEFT JOIN faces ON faces.sample = id "
    "LEFT JOIN templates ON templates.sample = id AND templates.model = ? "
    "WHERE samples.model <> ? AND templates.sample IS NULL ORDER BY person, id"
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
    (
        "ALTER TABLE samples ADD COLUMN brightness REAL",
        # Apart from the samples, which are read all at once at every start.
        """CREATE TABLE faces (
            sample INTEGER NOT NULL PRIMARY KEY REFERENCES samples ON DELETE CASCADE,
            jpeg BLOB NOT NULL
        ) STRICT""",
    ),
    (
        """CREATE TABLE arrangements (
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            entry TEXT NOT NULL,
            PRIMARY KEY (kind, id)
        ) STRICT""",
    ),
    (
        """CREATE TABLE credentials (
            person TEXT NOT NULL REFERENCES people ON DELETE CASCADE,
            id TEXT NOT NULL,
            entry TEXT NOT NULL,
            PRIMARY KEY (person, id)
        ) STRICT""",
    ),
    (
        # Of other models than the one that a sample has as its own.
        """CREATE TABLE templates (
            sample INTEGER NOT NULL REFERENCES samples ON DELETE CASCADE,
            model TEXT NOT NULL,
            template BLOB NOT NULL,
            PRIMARY KEY (sample, model)
        ) STRICT""",
    ),
)
"""The statements that lead from each version of the schema (SQLite's user_version) to the next; only ever added to."""


_OF_A_ROW = re.compile(
    r"(NULL|non-\w+|\w+) value in |row \d+ missing from index|wrong # of entries in index|non-unique entry"
)
"""What the check of the file says of rows that can be read or left out all the same."""


def _check(db: sqlite3.Connection) -> None:
    verdicts = (verdict for (verdict,) in db.execute("PRAGMA quick_check"))
    grave = next((verdict for verdict in verdicts if verdict != "ok" and not _OF_A_ROW.match(verdict)), None)
    if grave:
        raise sqlite3.DatabaseError(" ".join(grave.split()).removeprefix("*** in database main *** "))


def _schema(db: sqlite3.Connection) -> int:
    """The version of the schema; 0 where there is none yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not version and tables:
        raise sqlite3.DatabaseError("tables of an unknown version")
    return int(version)


def _migrate(db: sqlite3.Connection, now: datetime, *, may_begin: bool) -> None:
    version = _schema(db)
    if not version and not may_begin:
        raise sqlite3.DatabaseError("empty")
    if not 0 <= version <= len(_MIGRATIONS):
        raise sqlite3.NotSupportedError(
            f"written by a newer doorbus (schema {version}, this one knows {len(_MIGRATIONS)}); update doorbus"
        )
    for number, statements in enumerate(_MIGRATIONS[version:], start=version + 1):
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement, {"version": next_version(0, now)})
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")


def _is_id(person: object) -> TypeGuard[str]:
    return isinstance(person, str) and is_slug(person)


def _is_name(text: object) -> TypeGuard[str]:
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= MAX_NAME


def _person(db: sqlite3.Connection, person: str) -> Person | None:
    row = db.execute("SELECT rights FROM people WHERE person = ?", (person,)).fetchone()
    return Person(person, _rights(row[0])) if row else None


def _rights(text: object) -> Rights | None:
    try:
        return Rights.model_validate_json(text) if isinstance(text, str) else None
    except ValueError:  # also what is no UTF-8
        return None


_GROUP, _SCHEDULE = "group", "schedule"


def _arranged(kind: object, id_: object, entry: object) -> GroupEntry | ScheduleEntry | None:
    with suppress(ValueError):
        if kind == _GROUP:
            group = GroupEntry.model_validate_json(str(entry))
            return group if group.group == id_ else None
        schedule = ScheduleEntry.model_validate_json(str(entry))
        return schedule if schedule.schedule == id_ else None
    return None


def _arrange(db: sqlite3.Connection, entries: Sequence[GroupEntry | ScheduleEntry]) -> None:
    for entry in entries:
        kind, id_ = (_GROUP, entry.group) if isinstance(entry, GroupEntry) else (_SCHEDULE, entry.schedule)
        db.execute(
            "INSERT OR REPLACE INTO arrangements (kind, id, entry) VALUES (?, ?, ?)",
            (kind, id_, entry.model_dump_json()),
        )


def _credential(entry: object, person: object) -> HashedCredential | None:
    with suppress(ValueError):
        credential = HashedCredential.model_validate_json(str(entry))
        return credential if credential.person == person else None
    return None


def _put_credential(db: sqlite3.Connection, credential: HashedCredential) -> None:
    db.execute(
        "INSERT OR REPLACE INTO credentials (person, id, entry) VALUES (?, ?, ?)",
        (credential.person, credential.credential, credential.model_dump_json()),
    )


def _insert(db: sqlite3.Connection, person: str, samples: Sequence[Sample]) -> None:
    for one in samples:
        row = db.execute(
            "INSERT OR REPLACE INTO samples (person, template, model, quality, picture, created_at, brightness) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (person, one.template, one.model, one.quality, one.picture, utc(one.created_at), one.brightness),
        )
        if one.face is not None:
            db.execute("INSERT OR REPLACE INTO faces (sample, jpeg) VALUES (?, ?)", (row.lastrowid, one.face))


def _sample(row: tuple[object, ...]) -> Sample | None:
    number, template, model, quality, picture, created_at, brightness, face = row
    if not (isinstance(template, bytes) and _is_name(model) and isinstance(quality, float)):
        return None
    if not (isinstance(picture, str) and isinstance(created_at, str)):
        return None
    try:
        return Sample(
            template,
            model,
            quality,
            picture,
            datetime.fromisoformat(created_at),
            brightness if isinstance(brightness, float) else None,
            face if isinstance(face, bytes) else None,
            int(str(number)),
        )
    except ValueError:
        return None


def _versions(db: sqlite3.Connection, now: datetime) -> Versions:
    found = {name: version for name, version in db.execute("SELECT map, version FROM versions") if _is_version(version)}
    versions = Versions(*(found.get(name) or next_version(0, now) for name in _MAPS))
    if found.keys() < set(_MAPS):
        _write(db, versions)
    return versions


_MAPS = ("roster", "gallery")
_MOST = 2**53
"""Versions are whole numbers that every reader of JSON takes as they are."""


def _is_version(version: object) -> bool:
    return isinstance(version, int) and 0 < version < _MOST


def _write(db: sqlite3.Connection, versions: Versions) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO versions (map, version) VALUES (?, ?)",
        list(zip(_MAPS, (versions.roster, versions.gallery), strict=True)),
    )


def _raised(db: sqlite3.Connection, now: datetime, *, roster: bool, gallery: bool) -> Versions:
    versions = _versions(db, now).raised(now, roster=roster, gallery=gallery)
    _write(db, versions)
    return versions


def _explain(error: Exception) -> str:
    """What is wrong, and the way out. What a damaged file has in its texts must not reach a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in _explanation(error))


def _explanation(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}; may this user write here?"
    if isinstance(error, sqlite3.NotSupportedError):
        return str(error)
    return f"{error}; {_way_out(error) or _DAMAGED}"


def _is_damage(error: Exception) -> bool:
    return not isinstance(error, OSError | sqlite3.NotSupportedError) and _way_out(error) is None


def _way_out(error: Exception) -> str | None:
    name = getattr(error, "sqlite_errorname", "")
    return next((way for prefix, way in _WAYS_OUT.items() if name.startswith(prefix)), None)


_DAMAGED = (
    "damaged; doorbus restore FILE sets it aside and puts everybody back, or restore a backup of it, or move it away "
    "and enrol everybody anew"
)


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
