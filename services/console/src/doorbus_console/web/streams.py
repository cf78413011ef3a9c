"""Answers that do not end: pictures as MJPEG, and news as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any

from starlette.responses import StreamingResponse

from doorbus_console.live import Live, News, Place, Shown

BOUNDARY = "doorbus-frame"
_HEAD = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {{}}\r\n\r\n"
QUIET_SECONDS = 15.0
"""So long a stream of news says nothing; then it sends a comment, by which both sides notice who is gone."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def mjpeg(live: Live, place: Place, still: Callable[[], bool]) -> StreamingResponse:
    """The pictures of a camera for as long as somebody looks, and still may: each the newest there is."""

    async def pictures() -> AsyncIterator[bytes]:
        number = 0
        while (shown := await _unless_over(live, live.newer(place, number))) is not None and still():
            number = shown.number
            yield _HEAD.format(len(shown.jpeg)).encode() + shown.jpeg + b"\r\n"

    return StreamingResponse(pictures(), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}", headers=_HEADERS)


async def _unless_over(live: Live, work: Coroutine[Any, Any, Shown]) -> Shown | None:
    """What comes of `work`; None when the console ends before."""
    working, over = asyncio.create_task(work), asyncio.create_task(live.ended.wait())
    try:
        await asyncio.wait([working, over], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        over.cancel()


def events(
    live: Live,
    first: Iterable[News],
    tell: Callable[[News], Iterable[tuple[str, str]]],
    still: Callable[[], bool],
) -> StreamingResponse:
    """News as server-sent events, to who still may hear them.

    `tell` makes names and texts of each; `first` is what is told at once.
    """

    async def texts() -> AsyncIterator[str]:
        with live.followed() as follower:
            follower.hear(tuple(first))
            async for news in follower.news(QUIET_SECONDS):
                if live.ended.is_set() or not still():
                    return
                told = [_event(name, text) for one in news for name, text in tell(one)]
                if told or not news:
                    yield "".join(told) or ": nothing new\n\n"

    return StreamingResponse(texts(), media_type="text/event-stream", headers=_HEADERS)


def as_json(value: object) -> str:
    """Compact JSON, for one event."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
