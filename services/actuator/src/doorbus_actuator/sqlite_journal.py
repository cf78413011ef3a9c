"""A journal in a SQLite file. The only module here that knows sqlite3.

When `write` returns, the operating system has it (write-ahead log, synchronous=NORMAL): the end of the process, however
it comes, loses none of it. The disk has it a second later (`upkeep`); a power cut may take what is younger, and leaves
a whole chain up to there. To wait for the disk would take longer than all the rest of the way from a face to the relay.

Number and digest of the newest entry are written beside the entries, so that it shows when somebody takes the last ones
away, or changes the very last.

The newest order about lockdown is kept in a file of its own, too, which a full disk does not keep from being written.
"""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import structlog
from pydantic import ValidationError

from doorbus.wire.journal import digest_of
from doorbus.wire.messages import JournalEntry, JournalKind, Lockdown, utc
from doorbus_actuator.journal import Last, Note, entry_after
from doorbus_actuator.policy import MOST, Kind, Seen, confinement
from doorbus_actuator.reserve import Reserve, order

_log = structlog.get_logger("doorbus.actuator")

_SCHEMA = """
CREATE TABLE entries (number INTEGER PRIMARY KEY, at REAL NOT NULL, text BLOB NOT NULL);
CREATE TABLE seen (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, captured_at TEXT, UNIQUE (kind, id));
CREATE INDEX seen_in_order ON seen (kind, n);
CREATE TABLE about (one INTEGER PRIMARY KEY CHECK (one = 1), chain TEXT NOT NULL, sent INTEGER NOT NULL);
INSERT INTO about VALUES (1, lower(hex(randomblob(8))), 0);
"""
_NEWEST = """
ALTER TABLE about ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE about ADD COLUMN digest TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 2;
"""
_STEPS = (_SCHEMA, _NEWEST)
"""What makes of each format the next one."""
_NEWEST_ROW = "SELECT number, text FROM entries ORDER BY number DESC LIMIT 1"
_TAKE_NOTE = "UPDATE about SET newest = ?, digest = ?"
_MOST_WAITING = 10_000
"""Notes and ids that wait for a disk that takes none; the oldest is lost."""
_BITE = 256
"""Rows that are written late or taken away at once, so that nobody waits for long."""
_AGED_EVERY = 600
"""Between so many calls of `upkeep` one bite of old entries goes: a clock that is wrong for an hour forgets no more."""
_BUSY_SECONDS = 0.1
_LOG_BYTES = 1024 * 1024
"""From this size on the write-ahead log is brought into the file."""
_CACHE_KIB = 128
"""Memory for pages: what is written goes to the end, and hardly anything is ever read."""
_LONGEST_LOG_BYTES = 8 * _LOG_BYTES
_MIB = 1024 * 1024


def _now() -> datetime:
    return datetime.now(UTC)


class SqliteJournal:
    """The journal at `path`, of entries that are at most `days` old and take at most `mebibytes`.

    The order about lockdown is beside it, with the ending `.lockdown`.
    """

    def __init__(self, path: Path, days: float, mebibytes: float, now: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._reserve = Reserve(path.with_suffix(".lockdown"))
        self._ordered: Note | None = None
        self._age = timedelta(days=days)
        self._bytes = mebibytes * _MIB
        self._now = now
        self._database: sqlite3.Connection | None = None
        self._chain = ""
        self._waiting: deque[Note | Seen] = deque(maxlen=_MOST_WAITING)
        self._seen_count = 0
        self._calls = 0
        self._unsettled = False
        self._unreadable: set[int] = set()
        self._marked = 0
        self.fault: str | None = None
        self.newest = 0
        self.sent = 0

    # Opening.

    @property
    def unkept(self) -> str | None:
        """Why the reserve cannot be written."""
        return self._reserve.fault

    def open(self) -> Sequence[Seen]:
        """Open the file, or make one in the place of one that cannot be read; what was seen, the oldest first."""
        existed = self._path.is_file()
        self._ordered = ordered = self._reserve.read(self._now())
        seen = self._open_or_fail()
        if ordered is None:  # as the journal has it; where that cannot be read, there may be a lockdown
            unknown = self._database is None and existed
            ordered = order(self._now(), on=unknown or _as_seen(seen) == confinement(on=True))
            self._reserve.write(ordered)
        return seen if _as_seen(seen) == _seen_of(ordered) else (*seen, _seen_of(ordered))

    def _open_or_fail(self) -> Sequence[Seen]:
        try:
            return self._open()
        except sqlite3.OperationalError as error:  # such as a disk that is full; it is tried again at each write
            self._fail(error)
        except sqlite3.DatabaseError as error:
            self._put_aside(error)
            try:
                return self._open()
            except sqlite3.Error as again:
                self._fail(again)
        except OSError as error:
            self._fail(error)
        return ()

    def _open(self) -> Sequence[Seen]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            database.execute("PRAGMA wal_autocheckpoint = 0")  # `upkeep` does it, where nobody waits for it
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if steps := "".join(_STEPS[version:]):
                database.executescript(f"BEGIN IMMEDIATE; {steps} COMMIT;")
            self._chain, self.sent = database.execute("SELECT chain, sent FROM about").fetchone()
            last = self._newest(database)
            rows = database.execute("SELECT kind, id, captured_at FROM seen ORDER BY n").fetchall()
            seen = [
                Seen(Kind(kind), id_, captured and datetime.fromisoformat(captured)) for kind, id_, captured in rows
            ]
        except (TypeError, ValueError) as error:
            database.close()
            raise sqlite3.DatabaseError(f"it holds what nobody wrote: {error}") from None
        except BaseException:
            database.close()
            raise
        self._database, self.fault = database, None
        self.newest = 0 if last is None else last.number
        self._marked = self.sent
        self._catch_up(seen)
        return seen

    def _newest(self, database: sqlite3.Connection) -> Last | None:
        """The newest entry that was ever written; where somebody has taken it away, its number is not used again."""
        noted, row = _last(database), database.execute(_NEWEST_ROW).fetchone()
        if row is not None and (noted is None or noted.number < row[0]):  # by a version that takes no note
            noted = Last(row[0], digest_of(row[1]))
            database.execute(_TAKE_NOTE, noted)
        elif noted is not None and (row is None or row[0] < noted.number):
            there = 0 if row is None else row[0]
            _log.error("journal_shortened", path=str(self._path), newest=there, was=noted.number)
        return noted

    def _catch_up(self, seen: Sequence[Seen]) -> None:
        """Have written what was ordered while the journal could not be, if the process that was told is gone."""
        ordered, self._ordered = self._ordered, None
        if ordered is None or _as_seen(seen) == _seen_of(ordered):
            return
        self._waiting.extendleft((ordered, _seen_of(ordered)))

    def _put_aside(self, error: sqlite3.Error) -> None:
        aside = f"{self._path}.damaged-{self._now():%Y%m%d-%H%M%S}"
        _log.error("journal_damaged", path=str(self._path), why=str(error), put_aside_as=aside)
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self._path}{suffix}").rename(f"{aside}{suffix}")

    # Writing.

    def write(self, notes: Sequence[Note], seen: Sequence[Seen] = ()) -> bool:
        """Write, with what waits since before."""
        for note in notes:
            if note.kind is JournalKind.LOCKDOWN:
                self._reserve.write(note)
        self._waiting.extend((*seen, *notes))
        while self._waiting and self.fault is None:  # else `upkeep` tries again
            self._write(self._database)
        return self.fault is None

    def _write(self, database: sqlite3.Connection | None) -> None:
        """Write a bite of what waits, or say in `fault` why not."""
        if database is None:
            self._fail(sqlite3.OperationalError("it is not open"))
            return
        bite = list(islice(self._waiting, _BITE))
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                newest = self._insert(database, bite)
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._fail(error)
            return
        for _ in bite:
            self._waiting.popleft()
        if self.fault is not None:
            _log.info("journal_written_again", path=str(self._path))
        self.newest, self.fault, self._unsettled = newest, None, True

    def _insert(self, database: sqlite3.Connection, bite: Sequence[Note | Seen]) -> int:
        last = _last(database)
        for one in bite:
            if isinstance(one, Seen):
                row = (one.kind, one.id, None if one.captured_at is None else utc(one.captured_at))
                database.execute("INSERT OR REPLACE INTO seen (kind, id, captured_at) VALUES (?, ?, ?)", row)
                self._seen_count += 1
                continue
            entry, text = entry_after(last, self._chain, one)
            database.execute("INSERT INTO entries VALUES (?, ?, ?)", (entry.number, one.at.timestamp(), text))
            last = Last(entry.number, digest_of(text))
        if last is None:
            return 0
        database.execute(_TAKE_NOTE, last)
        return last.number

    def _fail(self, error: Exception) -> None:
        why = f"the journal {self._path} cannot be written: {error}; is the disk full, or read-only?"
        if self.fault is None:
            _log.error("journal_failed", why=why)
        self.fault = why
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        if damaged and self._database is not None:  # the next try puts it aside
            self._database.close()
            self._database = None

    # Reading.

    def read(self, first: int, last: int, most: int) -> Sequence[JournalEntry]:
        """Entries from the file."""
        if self._database is None or first > last:
            return ()
        query = "SELECT number, text FROM entries WHERE number BETWEEN ? AND ? ORDER BY number"
        try:
            with closing(self._database.execute(query, (first, last))) as rows:
                found = (self._read_one(*row) for row in rows)
                return list(islice((entry for entry in found if entry is not None), most))
        except sqlite3.Error as error:
            _log.error("journal_unreadable", path=str(self._path), why=str(error))
            return ()

    def _read_one(self, number: int, text: bytes) -> JournalEntry | None:
        """An entry; None where what is written is none, which shows to whoever reads on."""
        try:
            entry = JournalEntry.model_validate_json(text)
        except ValidationError as error:
            why = str(error).partition("\n")[0]
        else:
            if entry.number == number:
                return entry
            why = f"it says that it is {entry.number}"
        if number not in self._unreadable:
            self._unreadable.add(number)
            _log.error("journal_unreadable", path=str(self._path), number=number, why=why)
        return None

    def has_sent(self, number: int) -> None:
        """Remember; `upkeep` writes it down, and what is sent twice does no harm."""
        self.sent = max(self.sent, number)

    # Upkeep.

    async def upkeep(self) -> None:
        """Write what waits, take away what is too much, and have a thread bring it onto the disk."""
        self._reserve.upkeep()
        await asyncio.to_thread(self._reserve.settle)
        if self._database is not None and not self._path.exists():
            self._bring_back(self._database)
        if self._database is None:
            self._open_or_fail()
        if self.fault is not None and self._database is not None:
            self._write(self._database)
        while self._waiting and self.fault is None:
            self._write(self._database)
            await asyncio.sleep(0)
        if self._database is None:
            return
        try:
            self._mark(self._database)
            self._take_away(self._database)
        except sqlite3.Error as error:
            self._fail(error)
            return
        if self._unsettled:
            self._unsettled = False
            await asyncio.to_thread(self._settle)
            self._cut_short()

    def _bring_back(self, database: sqlite3.Connection) -> None:
        """Write all of a journal whose file was taken away to its path again."""
        _log.error("journal_taken_away", path=str(self._path))
        for suffix in ("-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self._path}{suffix}").unlink()
        with suppress(sqlite3.Error):
            self._mark(database)
            database.execute("VACUUM INTO ?", (str(self._path),))
        database.close()
        self._database = None

    def _mark(self, database: sqlite3.Connection) -> None:
        if self._marked != self.sent:
            database.execute("UPDATE about SET sent = ?", (self.sent,))
            self._marked, self._unsettled = self.sent, True

    def _take_away(self, database: sqlite3.Connection) -> None:
        """A bite of what is too old, and sent, or too much; the newest entry stays, since the next one follows it."""
        gone = 0
        bite = "DELETE FROM entries WHERE number < min(?, (SELECT min(number) FROM entries) + ?)"
        self._calls += 1
        if self._calls % _AGED_EVERY == 0:
            oldest = (self._now() - self._age).timestamp()
            known = min(self.newest, self.sent + 1)
            gone += database.execute(f"{bite} AND at < ?", (known, _BITE, oldest)).rowcount
        if self._used(database) > self._bytes:
            gone += database.execute(bite, (self.newest, _BITE)).rowcount
        if self._seen_count >= _BITE:
            self._seen_count = 0
            for kind, most in MOST.items():
                gone += database.execute(
                    "DELETE FROM seen WHERE kind = ? AND n <= "
                    "(SELECT n FROM seen WHERE kind = ? ORDER BY n DESC LIMIT 1 OFFSET ?)",
                    (kind, kind, most),
                ).rowcount
        self._unsettled = self._unsettled or gone > 0

    @staticmethod
    def _used(database: sqlite3.Connection) -> int:
        (pages,), (free,), (size,) = (
            database.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
        )
        return int(pages - free) * int(size)

    def _settle(self) -> None:
        """In a thread: have the disk take the write-ahead log, and the file what is in a long one."""
        log = Path(f"{self._path}-wal")
        try:
            if log.stat().st_size > _LOG_BYTES:
                with closing(sqlite3.connect(self._path, timeout=_BUSY_SECONDS)) as own:
                    own.execute("PRAGMA wal_checkpoint(PASSIVE)")
            descriptor = os.open(log, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        except (OSError, sqlite3.Error) as error:
            _log.warning("journal_not_settled", path=str(self._path), why=str(error))

    def _cut_short(self) -> None:
        """Bring a log into the file that grows faster than the thread does it: under a flood it would fill the disk."""
        with suppress(OSError, sqlite3.Error):
            if self._database is not None and Path(f"{self._path}-wal").stat().st_size > _LONGEST_LOG_BYTES:
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Write what can be written, and leave one whole file."""
        self._reserve.upkeep()
        self._reserve.settle()
        if self._database is None:
            return
        self.write(())
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._mark(self._database)
            with suppress(sqlite3.Error):
                self._database.close()  # brings the log into the file
            self._database = None


def _as_seen(seen: Sequence[Seen]) -> Seen:
    """What the journal has of a lockdown."""
    return next((one for one in reversed(seen) if one.kind is Kind.LOCKDOWN), confinement(on=False))


def _seen_of(ordered: Note) -> Seen:
    return confinement(on=ordered.fields["lockdown"] is Lockdown.ON)


def _last(database: sqlite3.Connection) -> Last | None:
    number, digest = database.execute("SELECT newest, digest FROM about").fetchone()
    return Last(number, digest) if number else None
