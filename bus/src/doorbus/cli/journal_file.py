"""The journal of an actuator as a file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from doorbus.runtime.errors import SetupError

_NONE = (0, "")
_OF_A_FORMER_VERSION = sqlite3.OperationalError
"""Which took no note of the newest."""


@dataclass(frozen=True)
class Written:
    """What is in the file: number and text of each entry, as written, and what is noted of the newest one.

    `newest` is 0 where nothing is noted.
    """

    rows: Iterator[tuple[int, bytes]]
    newest: int
    digest: str


@contextmanager
def opened(path: Path, first: int) -> Iterator[Written]:
    """The entries of a journal from `first` on, at one moment; raises `SetupError` for what is no journal."""
    if not path.exists():  # SQLite would speak of a database that it cannot open
        raise SetupError(f"--file {path}: there is no such file")
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as database:
            database.execute("BEGIN")
            newest, digest = _NONE
            with suppress(_OF_A_FORMER_VERSION):
                newest, digest = database.execute("SELECT newest, digest FROM about").fetchone() or _NONE
            yield Written(_rows(database, first), newest, digest)
    except sqlite3.Error as error:
        raise SetupError(f"--file {path}: {error}; is it the journal of an actuator?") from None


def _rows(database: sqlite3.Connection, first: int) -> Iterator[tuple[int, bytes]]:
    for number, text in database.execute(
        "SELECT number, text FROM entries WHERE number >= ? ORDER BY number", (first,)
    ):
        yield number, text if isinstance(text, bytes) else str(text).encode()
