"""What the kernel says of running processes: memory and processor time."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB$", re.MULTILINE)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_PROPORTIONAL = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_IDLE = (3, 4)
"""Fields of the first line of /proc/stat in which the processors did nothing: idle, and waiting for a disk."""
_GUEST = 8
"""From here on time is counted that user time holds already."""


@dataclass(frozen=True)
class Usage:
    """What a process uses at one moment: `resident` memory in MiB, processor `seconds` since its start."""

    resident: float
    seconds: float


def usage(pid: int) -> Usage:
    """What the process `pid` uses now; `ProcessLookupError` when it is gone."""
    directory = Path("/proc") / str(pid)
    try:
        resident = _RESIDENT.search((directory / "status").read_text())
        # The second field is the name in brackets, which may hold blanks; user and system time are fields 14 and 15.
        fields = (directory / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    if resident is None:  # it has ended, and nobody has taken its exit status yet
        raise ProcessLookupError(pid)
    return Usage(int(resident[1]) / 1024, (int(fields[11]) + int(fields[12])) / _TICKS)


def peak(pid: int) -> float:
    """The most memory in MiB that the process `pid` has had resident; `ProcessLookupError` when it is gone."""
    try:
        found = _PEAK.search((Path("/proc") / str(pid) / "status").read_text())
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    if found is None:
        raise ProcessLookupError(pid)
    return int(found[1]) / 1024


def proportional(pid: int) -> float:
    """Memory in MiB of the process `pid`, what it shares divided among those who share it; it must be one's own."""
    found = _PROPORTIONAL.search((Path("/proc") / str(pid) / "smaps_rollup").read_text())
    if found is None:
        raise ProcessLookupError(pid)
    return int(found[1]) / 1024


def machine_seconds() -> float:
    """Processor seconds that all cores together were busy since the machine started, time stolen by others included."""
    fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(ticks for number, ticks in enumerate(fields[:_GUEST]) if number not in _IDLE) / _TICKS


def guardian_of(pid: int) -> int:
    """The guardian of the actuator `pid`; `ProcessLookupError` when it has none at the moment."""
    return child_of(pid, b"doorbus_actuator.guardian")


def child_of(pid: int, word: bytes) -> int:
    """The living child of `pid` with `word` in its command; `ProcessLookupError` when there is none."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid and word in (stat.parent / "cmdline").read_bytes():
                return int(stat.parent.name)
    raise ProcessLookupError(pid)
