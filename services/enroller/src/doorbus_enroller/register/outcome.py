"""What becomes of a request."""

from dataclasses import dataclass
from datetime import datetime

from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Fault, RosterEntry


@dataclass(frozen=True)
class Outcome:
    """What became of a request, and what is to be published of it."""

    fault: Fault | None = None
    taken: int = 0
    """How many of the shots are samples."""
    known: bool = False
    """Whether the picture is a sample already."""
    near: float | None = None
    """How similar the picture is to a sample that is as good; None where none is."""
    people: int = 0
    """How many a change of a group or schedule concerns."""
    valid_until: datetime | None = None
    """When a newcomer's rights end."""
    rights: RosterEntry | None = None
    """Those that the person has now with all that holds, where there is one."""
    doubt: str | None = None
    """What was done otherwise than one may have thought, for people."""
    news: tuple[Outbound, ...] = ()
