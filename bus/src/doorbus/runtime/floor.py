"""The highest version of a map that this machine has ever seen, so that nothing older is taken after a restart either.

A broker that comes back from an older store, and whoever has recorded what the enroller had signed once, must not bring
people back who were removed or disabled since. What comes first to a machine that has seen nothing yet is taken.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from pydantic import NonNegativeInt, TypeAdapter, ValidationError

from doorbus.files import private_folder, put
from doorbus.runtime.clock import Clock

_log = structlog.get_logger("doorbus.runtime.floor")

PATIENCE_SECONDS = 2.0
"""How long a write is waited for: a disk that hangs must not keep a door from being locked."""
_MAX_BYTES = 64 * 1024
_KEPT = TypeAdapter(dict[str, NonNegativeInt])


class Floor:
    """The highest version seen of one map under one root; kept in a file in `folder`, with None in memory only.

    Several processes may share the file. One that is damaged or cannot be read might have held any version until now,
    so the time of day takes its place: versions are times in Unix milliseconds, the enroller hears of a floor above its
    own, and outruns it. Until then nothing is taken.
    """

    def __init__(self, folder: Path | None, name: str, root: str, clock: Clock) -> None:
        self._path = None if folder is None else folder / f"{name}.json"
        self._root = root
        self._clock = clock
        self._writing: asyncio.Task[int] | None = None
        self._problem: str | None = None
        self._version: int | None = None
        self._failures = 0

    def part(self, name: str) -> "Floor":
        """The same for a map that stands beside this one, remembered in a file beside."""
        path = self._path
        if path is None:
            return Floor(None, name, self._root, self._clock)
        return Floor(path.parent, f"{path.stem}-{name}", self._root, self._clock)

    @property
    def version(self) -> int:
        """Lower ones are refused; -1 before there was any. Read at first use."""
        if self._version is None:
            self._version = -1 if self._path is None else self._load(self._path)
        return self._version

    @property
    def problem(self) -> str | None:
        """What keeps it from being remembered, and the way out."""
        return self._problem

    def figures(self, name: str) -> Mapping[str, float]:
        """What health tells of it, `name` being the map's."""
        return {f"{name}_floor": self.version, "floor_failures": self._failures}

    async def lift(self, version: int) -> None:
        """Refuse what is lower from now on, and remember that; a disk that fails is told, and nothing else."""
        if version <= self.version:
            return
        self._version = version
        if self._path is None or self._writing is not None:  # the write that is under way is followed by another
            return
        writing = self._write(self._path)
        await asyncio.wait([writing], timeout=PATIENCE_SECONDS)
        if not writing.done():
            self._fail(f"{self._path}: writing it takes longer than {PATIENCE_SECONDS:g} s; does the disk hang?")

    def _write(self, path: Path) -> asyncio.Task[int]:
        self._writing = asyncio.create_task(asyncio.to_thread(_keep, path, self._root, self.version))
        self._writing.add_done_callback(partial(self._written, path))
        return self._writing

    def _written(self, path: Path, writing: asyncio.Task[int]) -> None:
        self._writing = None
        if writing.cancelled():
            return
        error = writing.exception()
        if error is not None:
            why = (isinstance(error, OSError) and error.strerror) or str(error)
            self._fail(f"{path}: {why}; an older map would be taken after a restart; may this user write there?")
            return
        self._problem = None
        if writing.result() < self.version:
            self._write(path)

    def _load(self, path: Path) -> int:
        try:
            return _read(path).get(self._root, -1)
        except (FileNotFoundError, NotADirectoryError):
            return -1
        except (OSError, ValidationError) as error:
            why = error.strerror if isinstance(error, OSError) else "damaged"
            self._fail(f"{path}: {why}; maps are refused until the enroller has published anew, or the file is deleted")
            return int(self._clock.now().timestamp() * 1000)

    def _fail(self, problem: str) -> None:
        self._failures += 1
        self._problem = problem
        _log.error("floor_failed", problem=problem)


def _keep(path: Path, root: str, version: int) -> int:
    """Write `version`, unless another process has written a higher one; returns it."""
    private_folder(path.parent)
    kept: dict[str, int] = {}
    with suppress(OSError, ValidationError):
        kept = _read(path)
    put(path, json.dumps(kept | {root: max(version, kept.get(root, -1))}) + "\n")
    return version


def _read(path: Path) -> dict[str, int]:
    with path.open("rb") as file:
        return _KEPT.validate_json(file.read(_MAX_BYTES), strict=True)
