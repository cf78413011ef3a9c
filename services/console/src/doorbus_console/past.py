"""Asks doors and the recorder what happened before this process listened."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from doorbus.wire.channels import JOURNAL_REQUEST, RECORDING_LIST
from doorbus.wire.exchange import Intake
from doorbus.wire.messages import Decision, JournalPage, JournalRequest, ListRecordings, Recording, Recordings
from doorbus_console.desk import BrokerAway, Desk
from doorbus_console.scene import KEPT

_SECONDS = 5.0
_AT_ONCE = 200


class Past:
    """What doors have decided lately, told to `remember`, and which pictures were kept of it, told to `keep`."""

    def __init__(
        self,
        desk: Desk,
        remember: Callable[[str, Iterable[Decision]], None],
        keep: Callable[[Recording], None],
    ) -> None:
        self._desk = desk
        self._remember = remember
        self._keep = keep
        self._doors: asyncio.Queue[str] = asyncio.Queue()
        self._asked: set[str] = set()
        self._recorder_asked = False

    def wanted(self, door: str) -> None:
        """Ask this door, unless it has answered; one that has not is asked again when it tells of itself again."""
        if door not in self._asked:
            self._asked.add(door)
            self._doors.put_nowait(door)

    def again(self) -> None:
        """Ask everybody once more, each door when it tells of itself: something may not have been heard."""
        self._asked.clear()
        self._recorder_asked = False

    async def run(self, _: Intake) -> None:
        """Ask until cancelled."""
        while True:
            door = await self._doors.get()
            try:
                await self._ask(door)
            except BrokerAway:
                self._asked.discard(door)

    async def _ask(self, door: str) -> None:
        first = await self._page(door, JournalRequest(last=1))
        if first is None:
            self._asked.discard(door)
            return
        self._remember(door, [one async for one in self._decisions(door, max(1, first.newest - KEPT + 1))])
        if not self._recorder_asked:
            self._recorder_asked = True
            for recording in reversed([one async for one in self._recordings()]):
                self._keep(recording)

    async def _decisions(self, door: str, number: int) -> AsyncIterator[Decision]:
        while (page := await self._page(door, JournalRequest(first=number))) is not None and page.entries:
            for entry in page.entries:
                if entry.decision is not None:
                    yield entry.decision
            number = page.entries[-1].number + 1

    async def _recordings(self) -> AsyncIterator[Recording]:
        after, left = None, KEPT
        while left > 0:
            wish = ListRecordings(after=after, limit=_AT_ONCE)
            page: Recordings | None = await self._desk.request(RECORDING_LIST, wish, _SECONDS)
            for recording in page.recordings if page is not None else ():
                yield recording
            if page is None or page.next is None:
                return
            after, left = page.next, left - len(page.recordings)

    async def _page(self, door: str, wish: JournalRequest) -> JournalPage | None:
        page: JournalPage | None = await self._desk.request(JOURNAL_REQUEST, wish, _SECONDS, door=door)
        return page
