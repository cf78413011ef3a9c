"""What others publish in the enroller's place, and when each of it is put right or outrun. Pure.

What differs is put right at once, and the same topic again after a second at the earliest, so that two who contradict
each other make no storm. Of many topics `BATCH` are put right at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from doorbus_enroller.store import Versions

AGAIN_SECONDS = 1.0
BATCH = 64
BATCH_SECONDS = 0.25
MOST = 1024
"""How many topics are remembered; others are put right when they are written again, or at a restart."""
TOLD_SECONDS = 60.0
"""How long health tells of it as a problem."""


@dataclass(frozen=True)
class Custody:
    """What is known of the topics; times are monotonic seconds."""

    due: Mapping[str, float] = field(default_factory=dict)
    """When each topic that is wrong is to be put right."""
    righted: Mapping[str, float] = field(default_factory=dict)
    """When each was put right lately."""
    count: int = 0
    """How often one was put right."""
    last: tuple[str, float] | None = None

    def found(self, topic: str, now: float) -> "Custody":
        """Something else stands there than should."""
        if topic in self.due or len(self.due) >= MOST:
            return self
        earliest = self.righted.get(topic, now - AGAIN_SECONDS) + AGAIN_SECONDS
        return replace(self, due={**self.due, topic: max(now, earliest)})

    def due_at(self) -> float | None:
        """When the next one is due, if any."""
        return min(self.due.values(), default=None)

    def put_right(self, now: float) -> tuple["Custody", tuple[str, ...]]:
        """The topics to put right now."""
        topics = [topic for topic, at in self.due.items() if at <= now][:BATCH]
        left = {topic: at for topic, at in self.due.items() if topic not in topics}
        if len(topics) == BATCH:
            left = {topic: max(at, now + BATCH_SECONDS) for topic, at in left.items()}
        lately = {topic: at for topic, at in self.righted.items() if now - at < AGAIN_SECONDS}
        after = replace(self, due=left, righted=lately | dict.fromkeys(topics, now), count=self.count + len(topics))
        return (replace(after, last=(topics[-1], now)) if topics else after), tuple(topics)

    def problem(self, now: float) -> str | None:
        """What people should know of it."""
        if self.last is None or now - self.last[1] > TOLD_SECONDS:
            return None
        return (
            f"somebody else writes what the enroller alone may: {self.count} messages were put right, the last one on "
            f"{self.last[0]}; change the password of the role enroller"
        )


OUTRUN_SECONDS = 5.0
"""How often versions are raised above others at most: two enrollers of one site would race without an end."""
CREDIBLE = 2**52
"""Versions are times in milliseconds; higher ones are no reason to raise one's own."""


@dataclass(frozen=True)
class Race:
    """Which versions others have published or seen that are not below ours; times are monotonic seconds."""

    others: Versions | None = None
    may_at: float = 0.0
    count: int = 0

    def seen(self, *, roster: int = -1, gallery: int = -1) -> "Race":
        """A version that is not below ours."""
        if max(roster, gallery) >= CREDIBLE:
            return self
        known = self.others or Versions(-1, -1)
        return replace(self, others=Versions(max(known.roster, roster), max(known.gallery, gallery)))

    def due_at(self) -> float | None:
        """When ours are to be raised, if at all."""
        return None if self.others is None else self.may_at

    def run(self, now: float) -> tuple["Race", Versions | None]:
        """The versions that ours are to be raised above now, if any."""
        if self.others is None or now < self.may_at:
            return self, None
        return Race(None, now + OUTRUN_SECONDS, self.count + 1), self.others
