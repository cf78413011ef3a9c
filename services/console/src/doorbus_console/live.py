"""What is live: the newest picture of each camera, and news for whoever follows. One event loop uses it."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from doorbus.wire.messages import Box, Health
from doorbus_console.scene import Scene
from doorbus_console.trying import Tries

Place = tuple[str, str]
"""A door and a camera of it."""
News = tuple[str, ...]
"""What has changed: a word, and the ids that it is about."""
_MOST_NEWS = 300
_MOST_PORTRAITS = 200
_MOST_INSTANCES = 100
KEPT_SECONDS = 10.0
"""How long a picture is kept: a camera before which nothing moves sends a frame each two seconds."""
_MINUTE = timedelta(minutes=1)
_KEPT_MINUTES = 360


@dataclass(frozen=True)
class Shown:
    """A picture of a camera; `number` is higher than those of all before."""

    jpeg: bytes = field(repr=False)
    frame_id: str
    captured_at: datetime
    at: float
    """Monotonic seconds."""
    number: int


class Live:
    """The scene, the pictures, and those who follow them. With `portraits`, whoever was recognised is remembered."""

    def __init__(self, *, portraits: bool = False) -> None:
        self.scene = Scene()
        self.tries = Tries()
        self.last_detection: bytes | None = None
        """A picture that somebody has asked about last, with boxes and names."""
        self._portraits: OrderedDict[str, tuple[bytes, Box | None]] | None = OrderedDict() if portraits else None
        self._pictures: dict[Place, Shown] = {}
        self._last_at: dict[Place, float] = {}
        self._number = 0
        self._waiting: dict[Place, asyncio.Event] = {}
        self._followers: set[Follower] = set()
        self._figures: dict[tuple[str, str], deque[tuple[datetime, Mapping[str, float]]]] = {}
        self._roster_version: int | None = None
        self._people_read = asyncio.Event()
        self.ended = asyncio.Event()

    def tell(self, *news: News) -> None:
        """Tell everybody who follows."""
        for follower in self._followers:
            follower.hear(news)

    def show(self, place: Place, jpeg: bytes, frame_id: str, captured_at: datetime, at: float) -> None:
        """Have a newer picture of a camera, and none of those of which the scene no longer knows."""
        self._number += 1
        self._pictures[place] = Shown(jpeg, frame_id, captured_at, at, self._number)
        self._last_at[place] = at
        for gone in self._last_at.keys() - self.scene.cameras.keys() - {place}:
            del self._last_at[gone]
            self._pictures.pop(gone, None)
        waiting = self._waiting.pop(place, None)
        if waiting is not None:
            waiting.set()

    def picture(self, place: Place) -> Shown | None:
        """The newest picture of a camera; None where none came for `KEPT_SECONDS`."""
        return self._pictures.get(place)

    def last_at(self, place: Place) -> float | None:
        """When the last picture of a camera came, in monotonic seconds; None before the first."""
        return self._last_at.get(place)

    def let_go(self, now: float) -> tuple[Place, ...]:
        """Forget the pictures that have been kept for long enough at `now`, monotonic; of which cameras they were."""
        old = tuple(place for place, shown in self._pictures.items() if shown.at + KEPT_SECONDS <= now)
        for place in old:
            del self._pictures[place]
        return old

    @property
    def let_go_at(self) -> float | None:
        """When the next picture has been kept for long enough, monotonic; None where there is none."""
        return min((shown.at + KEPT_SECONDS for shown in self._pictures.values()), default=None)

    def is_awaited(self, place: Place) -> bool:
        """Whether somebody waits for the next picture of a camera."""
        return place in self._waiting

    async def newer(self, place: Place, number: int = 0) -> Shown:
        """The newest picture once it is newer than `number`. Who asks seldom gets fewer pictures, never older ones."""
        while True:
            shown = self._pictures.get(place)
            if shown is not None and shown.number > number:
                return shown
            await self._waiting.setdefault(place, asyncio.Event()).wait()

    def remember_figures(self, health: Health) -> None:
        """Keep the figures of an instance, one of each minute, for some hours."""
        key = (health.service, health.instance)
        if key not in self._figures and len(self._figures) >= _MOST_INSTANCES:
            return
        kept = self._figures.setdefault(key, deque(maxlen=_KEPT_MINUTES))
        if not kept or health.at - kept[-1][0] >= _MINUTE:
            kept.append((health.at, health.figures))

    def figures(self, key: tuple[str, str]) -> tuple[tuple[datetime, Mapping[str, float]], ...]:
        """The figures of an instance over the last hours, oldest first."""
        return tuple(self._figures.get(key, ()))

    def people_change(self, version: int) -> None:
        """Note that there is a roster of this version, which may not be read yet."""
        self._roster_version = version

    def people_are_read(self) -> None:
        """Note that a whole roster is in the scene."""
        self._people_read.set()

    async def until_people_are_read(self, seconds: float) -> None:
        """Until the scene has the newest roster that was heard of; at most so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._roster_version is not None and self._roster_version != self._read_version:
                    self._people_read.clear()
                    await self._people_read.wait()
        except TimeoutError:
            return

    @property
    def _read_version(self) -> int | None:
        return None if self.scene.roster is None else self.scene.roster.version

    def remember_portrait(self, person: str, jpeg: bytes, box: Box | None) -> None:
        """Keep a picture on which somebody is, and where, while the console runs."""
        if self._portraits is not None:
            self._portraits[person] = (jpeg, box)
            self._portraits.move_to_end(person)
            while len(self._portraits) > _MOST_PORTRAITS:
                self._portraits.popitem(last=False)

    def portrait(self, person: str) -> tuple[bytes, Box | None] | None:
        """A picture on which somebody is, and where; all of it where there is no box."""
        return None if self._portraits is None else self._portraits.get(person)

    def forget_portraits(self, but: Container[str]) -> None:
        """Forget the pictures of all others."""
        for person in [one for one in self._portraits or () if one not in but]:
            assert self._portraits is not None
            del self._portraits[person]

    @contextmanager
    def followed(self) -> Iterator["Follower"]:
        """Somebody who follows the news."""
        follower = Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    @property
    def following(self) -> int:
        """How many follow."""
        return len(self._followers)


class Follower:
    """What one follower has not heard yet. Of the same news it hears the last only."""

    def __init__(self) -> None:
        self._unheard: dict[News, None] = {}
        self._some = asyncio.Event()

    def hear(self, news: tuple[News, ...]) -> None:
        """Add news; the oldest go when there are too many."""
        self._unheard.update(dict.fromkeys(news))
        while len(self._unheard) > _MOST_NEWS:
            del self._unheard[next(iter(self._unheard))]
        if self._unheard:
            self._some.set()

    async def news(self, quiet_seconds: float) -> AsyncIterator[tuple[News, ...]]:
        """The news as it comes; nothing in it after `quiet_seconds` without any."""
        while True:
            try:
                async with asyncio.timeout(quiet_seconds):
                    await self._some.wait()
            except TimeoutError:
                yield ()
                continue
            self._some.clear()
            heard = tuple(self._unheard)
            self._unheard.clear()
            yield heard
