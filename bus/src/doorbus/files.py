"""Files that are there whole or not at all, whatever happens while they are written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def put(path: Path, content: str | bytes, mode: int = 0o600, *, lasting: bool = True) -> None:
    """Write `content` beside `path` and rename it: a full disk or a power cut leaves what was there before.

    `mode` holds whatever the umask. With `lasting` it is on the disk when this returns. Raises `OSError`.
    """
    with putting(path, mode, lasting=lasting) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def putting(path: Path, mode: int = 0o600, *, lasting: bool = True) -> Iterator[BinaryIO]:
    """The same for content that is written bit by bit; nothing is there if that raises."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fchmod(handle, mode)
            if lasting:
                os.fsync(handle)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def private_folder(path: Path) -> None:
    """Make `path`, and close it to others whatever the umask, unless it is there. Raises `OSError`."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
