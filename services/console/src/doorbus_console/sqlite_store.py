"""The store on disk. The only importer of sqlite3 here."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from doorbus.files import private_folder
from doorbus_console.rights import Level, Scope
from doorbus_console.store import Account, Deed, Passkey, Session, StoreFailed, Token

_KEPT = 10_000
_TRY_SECONDS = 10.0
"""How often it is tried whether what could not be written can be again."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, level TEXT, password TEXT, doors TEXT) STRICT;
CREATE TABLE IF NOT EXISTS subjects (account TEXT PRIMARY KEY, subject TEXT UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS passkeys
    (id TEXT PRIMARY KEY, account TEXT, name TEXT, key BLOB, used INTEGER, made_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS tokens (name TEXT PRIMARY KEY, digest TEXT UNIQUE, scopes TEXT, expires_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS sessions
    (id TEXT PRIMARY KEY, account TEXT, begun_at TEXT, renewed_at TEXT, generation INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS deeds (at TEXT, by TEXT, action TEXT, what TEXT, outcome TEXT) STRICT;
"""

_ACCOUNTS = "SELECT name, level, password, doors, subject FROM accounts LEFT JOIN subjects ON account = name"


class SqliteStore:
    """See `doorbus_console.store.Store`. Several processes may have it open."""

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._connection: sqlite3.Connection | None = None
        self._alone = False
        self._problem: str | None = None
        self._tried_at = 0.0

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection, self._alone = None, False

    def problem(self) -> str | None:
        """See `Store`."""
        if self._problem is not None and self._monotonic() - self._tried_at >= _TRY_SECONDS:
            with suppress(StoreFailed):
                self._write("PRAGMA user_version = 0")  # what it is already, and yet it is written
        return self._problem

    def accounts(self) -> tuple[Account, ...]:
        """See `Store`."""
        return tuple(_account(row) for row in self._read(f"{_ACCOUNTS} ORDER BY name"))

    def account(self, name: str) -> Account | None:
        """See `Store`."""
        return next((_account(row) for row in self._read(f"{_ACCOUNTS} WHERE name = ?", name)), None)

    def account_of(self, subject: str) -> Account | None:
        """See `Store`."""
        return next((_account(row) for row in self._read(f"{_ACCOUNTS} WHERE subject = ?", subject)), None)

    def put_account(self, account: Account) -> None:
        """See `Store`."""
        doors = None if account.doors is None else json.dumps(account.doors)
        if account.subject is None:
            self._write("DELETE FROM subjects WHERE account = ?", account.name)
        else:  # first, so that no account without a password is nobody's if this is cut off
            self._write("REPLACE INTO subjects VALUES (?, ?)", account.name, account.subject)
        self._write("REPLACE INTO accounts VALUES (?, ?, ?, ?)", account.name, account.level, account.password, doors)

    def remove_account(self, name: str) -> None:
        """See `Store`."""
        self._write("DELETE FROM accounts WHERE name = ?", name)
        self._write("DELETE FROM subjects WHERE account = ?", name)
        self._write("DELETE FROM passkeys WHERE account = ?", name)
        self.remove_sessions(name)

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        """See `Store`."""
        rows = self._read("SELECT * FROM passkeys WHERE account = ? ORDER BY made_at, id", account)
        return tuple(map(_passkey, rows))

    def passkey(self, passkey_id: str) -> Passkey | None:
        """See `Store`."""
        return next((_passkey(row) for row in self._read("SELECT * FROM passkeys WHERE id = ?", passkey_id)), None)

    def put_passkey(self, passkey: Passkey) -> None:
        """See `Store`."""
        self._write(
            "REPLACE INTO passkeys VALUES (?, ?, ?, ?, ?, ?)",
            *(passkey.id, passkey.account, passkey.name, passkey.key, passkey.used, passkey.made_at.isoformat()),
        )

    def remove_passkey(self, account: str, passkey_id: str) -> bool:
        """See `Store`."""
        return self._write("DELETE FROM passkeys WHERE account = ? AND id = ?", account, passkey_id) > 0

    def tokens(self) -> tuple[Token, ...]:
        """See `Store`."""
        return tuple(_token(row) for row in self._read("SELECT * FROM tokens ORDER BY name"))

    def token(self, digest: str) -> Token | None:
        """See `Store`."""
        return next((_token(row) for row in self._read("SELECT * FROM tokens WHERE digest = ?", digest)), None)

    def put_token(self, token: Token) -> None:
        """See `Store`."""
        until = None if token.expires_at is None else token.expires_at.isoformat()
        self._write("REPLACE INTO tokens VALUES (?, ?, ?, ?)", token.name, token.digest, " ".join(token.scopes), until)

    def remove_token(self, name: str) -> bool:
        """See `Store`."""
        return self._write("DELETE FROM tokens WHERE name = ?", name) > 0

    def session(self, session_id: str) -> Session | None:
        """See `Store`."""
        return next((_session(row) for row in self._read("SELECT * FROM sessions WHERE id = ?", session_id)), None)

    def put_session(self, session: Session) -> None:
        """See `Store`."""
        times = (session.begun_at.isoformat(), session.renewed_at.isoformat())
        self._write(
            "REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)", session.id, session.account, *times, session.generation
        )

    def remove_session(self, session_id: str) -> None:
        """See `Store`."""
        self._write("DELETE FROM sessions WHERE id = ?", session_id)

    def remove_sessions(self, account: str) -> None:
        """See `Store`."""
        self._write("DELETE FROM sessions WHERE account = ?", account)

    def note(self, deed: Deed) -> None:
        """See `Store`."""
        self._write(
            "INSERT INTO deeds VALUES (?, ?, ?, ?, ?)",
            *(deed.at.isoformat(), deed.by, deed.action, deed.what, deed.outcome),
        )
        self._write("DELETE FROM deeds WHERE rowid <= (SELECT max(rowid) FROM deeds) - ?", _KEPT)

    def deeds(self, limit: int) -> tuple[Deed, ...]:
        """See `Store`."""
        rows = self._read("SELECT * FROM deeds ORDER BY rowid DESC LIMIT ?", limit)
        return tuple(Deed(datetime.fromisoformat(at), *rest) for at, *rest in rows)

    def _read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.execute(statement, values).fetchall()

    def _write(self, statement: str, *values: Any) -> int:
        self._tried_at = self._monotonic()
        try:
            with self._open() as connection:
                changed = connection.execute(statement, values).rowcount
        except StoreFailed as failed:
            self._problem = str(failed)
            raise
        self._problem = None
        if self._alone:  # others may have it open again
            self.close()
        return changed

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, made anew after a failure; what is written is written at once."""
        try:
            if self._connection is None:
                private_folder(self._path.parent)
                self._connection = self._connected()
            yield self._connection
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._failed(error) from error

    def _connected(self) -> sqlite3.Connection:
        """A connection; on a full disk, where processes have no room for what they share, one that is alone."""
        try:
            return self._connect("")
        except sqlite3.OperationalError as error:
            if not self._path.is_file():
                raise
            connection = self._connect("PRAGMA locking_mode=EXCLUSIVE;")
            self._alone, self._problem = True, str(self._failed(error))
            return connection

    def _connect(self, first: str) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=2.0)
        try:
            connection.executescript(f"{first} PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _failed(self, error: Exception) -> StoreFailed:
        return StoreFailed(f"{self._path}: {error}; is the disk full, or the file another user's?")


def _account(row: tuple[Any, ...]) -> Account:
    name, level, password, doors, subject = row
    return Account(name, Level(level), password, None if doors is None else tuple(json.loads(doors)), subject)


def _passkey(row: tuple[Any, ...]) -> Passkey:
    passkey_id, account, name, key, used, made_at = row
    return Passkey(passkey_id, account, name, key, used, datetime.fromisoformat(made_at))


def _token(row: tuple[Any, ...]) -> Token:
    name, digest, scopes, until = row
    known = tuple(Scope(one) for one in scopes.split())
    return Token(name, digest, known, None if until is None else datetime.fromisoformat(until))


def _session(row: tuple[Any, ...]) -> Session:
    session_id, account, begun, renewed, generation = row
    return Session(session_id, account, datetime.fromisoformat(begun), datetime.fromisoformat(renewed), generation)
