"""The store on disk. The only importer of sqlite3 here."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from doorbus.files import private_folder
from doorbus_console.rights import Level, Scope
from doorbus_console.store import Account, Deed, Passkey, Session, StoreFailed, Token

_KEPT = 10_000
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

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
        with self._open() as connection:
            return connection.execute(statement, values).rowcount

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, made anew after a failure; what is written is written at once."""
        try:
            if self._connection is None:
                private_folder(self._path.parent)
                self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=2.0)
                self._connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_SCHEMA}")
            yield self._connection
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreFailed(f"{self._path}: {error}; is the disk full, or the file another user's?") from error


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
