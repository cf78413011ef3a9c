"""What is live: the newest picture of each camera, and news for whoever follows. One event loop uses it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from doorbus_console.scene import Scene

Place = tuple[str, str]
"""A door and a camera of it."""
News = tuple[str, ...]
"""What has changed: a word, and the ids that it is about."""
_MOST_NEWS = 300


@dataclass(frozen=True)
class Shown:
    """A picture of a camera; `number` counts them."""

    jpeg: bytes = field(repr=False)
    frame_id: str
    captured_at: datetime
    at: float
    """Monotonic seconds."""
    number: int


class Live:
    """The scene, the pictures, and those who follow them."""

    def __init__(self) -> None:
        self.scene = Scene()
        self._pictures: dict[Place, Shown] = {}
        self._waiting: dict[Place, asyncio.Event] = {}
        self._followers: set[Follower] = set()
        self.ended = asyncio.Event()

    def tell(self, *news: News) -> None:
        """Tell everybody who follows."""
        for follower in self._followers:
            follower.hear(news)

    def show(self, place: Place, jpeg: bytes, frame_id: str, captured_at: datetime, at: float) -> None:
        """Have a newer picture of a camera."""
        before = self._pictures.get(place)
        self._pictures[place] = Shown(jpeg, frame_id, captured_at, at, 1 if before is None else before.number + 1)
        waiting = self._waiting.pop(place, None)
        if waiting is not None:
            waiting.set()

    def picture(self, place: Place) -> Shown | None:
        """The newest picture of a camera."""
        return self._pictures.get(place)

    async def newer(self, place: Place, number: int = 0) -> Shown:
        """The newest picture once it is newer than `number`. Who asks seldom gets fewer pictures, never older ones."""
        while True:
            shown = self._pictures.get(place)
            if shown is not None and shown.number > number:
                return shown
            await self._waiting.setdefault(place, asyncio.Event()).wait()

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
