"""The way of the journal's entries to the bus: each at least once, and in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping

from doorbus.wire.channels import JOURNAL, KIB
from doorbus.wire.exchange import Outbound
from doorbus.wire.journal import text_of
from doorbus.wire.messages import JournalEntry, JournalPage, JournalRequest
from doorbus.wire.packet import Packet
from doorbus_actuator.journal import Journal

WINDOW = 32
"""Entries on their way at once."""
PATIENCE_SECONDS = 10.0
"""Entries that the broker has not acknowledged for so long are sent again, once a connection."""
PAGE_ENTRIES = 200
PAGE_BYTES = 48 * KIB


class Posting:
    """Hands entries to the connection, a few at a time, and remembers which of them the broker has."""

    def __init__(self, journal: Journal, door: Mapping[str, str]) -> None:
        self._journal = journal
        self._door = door
        self._under_way: deque[tuple[int, bytes]] = deque()
        self._handed = 0
        self._met = False
        self._may_repeat = False
        self._news = asyncio.Event()

    @property
    def unsent(self) -> int:
        """Entries that the broker does not have."""
        return self._journal.newest - self._journal.sent

    def connected(self) -> None:
        """There is a broker: what it may not have goes to it, again if need be."""
        self._met = self._may_repeat = True
        self._begin()

    def written(self) -> None:
        """There may be new entries."""
        self._news.set()

    def acknowledged(self, packet: Packet) -> None:
        """The broker has this packet."""
        for place, (number, text) in enumerate(self._under_way):
            if text == packet.payload:
                for _ in range(place + 1):
                    self._under_way.popleft()
                self._journal.has_sent(number)
                self._may_repeat = True
                self._news.set()
                return

    async def entries(self) -> AsyncIterator[Outbound]:
        """Entries, as soon as they are written and there is room for them on the way."""
        while True:
            self._news.clear()
            room = WINDOW - len(self._under_way) if self._met else 0
            for entry in self._journal.read(self._handed + 1, self._journal.newest, room) if room else ():
                self._handed = entry.number
                self._under_way.append((entry.number, text_of(entry)))
                yield Outbound(JOURNAL, entry, self._door)
            await self._wait()

    async def _wait(self) -> None:
        patience = PATIENCE_SECONDS if self._under_way and self._may_repeat else None
        try:
            async with asyncio.timeout(patience):
                await self._news.wait()
        except TimeoutError:  # dropped by a connection that had too much to do
            self._may_repeat = False
            self._begin()

    def _begin(self) -> None:
        self._handed = self._journal.sent
        self._under_way.clear()
        self._news.set()

    def page(self, request: JournalRequest) -> JournalPage:
        """The entries that are asked for, as many as fit into one message."""
        newest = self._journal.newest
        last = newest if request.last is None else min(request.last, newest)
        entries: list[JournalEntry] = []
        size = 0
        for entry in self._journal.read(request.first, last, PAGE_ENTRIES):
            size += len(text_of(entry))
            if size > PAGE_BYTES and entries:
                break
            entries.append(entry)
        return JournalPage(entries=tuple(entries), newest=newest)
