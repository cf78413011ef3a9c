"""The journal of an actuator as a file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from doorbus.runtime.errors import SetupError


def rows(path: Path, first: int) -> Iterator[tuple[int, bytes]]:
    """Number and text of each entry from `first` on, as written; raises `SetupError` for what is no journal."""
    if not path.exists():  # SQLite would speak of a database that it cannot open
        raise SetupError(f"--file {path}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            query = "SELECT number, text FROM entries WHERE number >= ? ORDER BY number"
            for number, text in database.execute(query, (first,)):
                yield number, text if isinstance(text, bytes) else str(text).encode()
    except sqlite3.Error as error:
        raise SetupError(f"--file {path}: {error}; is it the journal of an actuator?") from None
