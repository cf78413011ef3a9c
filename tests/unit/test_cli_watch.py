"""`doorbus watch`: what is seen, and how it looks."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from doorbus.cli.scene import Scene, fold, is_news, render, sentence
from doorbus.cli.watch import Watcher
from doorbus.runtime.client import connect
from doorbus.testing import MemoryBus
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Event, Outbound
from doorbus.wire.messages import (
    Ask,
    Challenge,
    Decision,
    ErrorCode,
    Face,
    Fault,
    Health,
    LockState,
    Outcome,
    Presence,
    Reason,
    Recognition,
    Result,
    ResultStatus,
    Trigger,
    Verdict,
)
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FRONT = {"door": "front"}
PORCH = FRONT | {"camera": "porch"}
GRANTED = Decision(
    outcome=Outcome.GRANTED,
    reason=Reason.MATCHED,
    trigger=Trigger.FACE,
    at=AT,
    person="alice",
    confidence=0.97,
    latency_ms=34.4,
)
DENIED = Decision(outcome=Outcome.DENIED, reason=Reason.UNKNOWN_FACE, trigger=Trigger.FACE, at=AT, count=4)
RECOGNITION = Recognition(
    frame_id="f-1",
    captured_at=AT,
    recognized_at=AT + timedelta(milliseconds=12),
    recognizer="one",
    model="m",
    faces=(
        Face(box=(0.0, 0.0, 1.0, 1.0), verdict=Verdict.MATCH, person="alice", confidence=0.97, live=0.99),
        Face(box=(0.0, 0.0, 1.0, 1.0), verdict=Verdict.UNKNOWN),
    ),
)


def _event(channel: Channel[Any], message: object, **ids: str) -> Event[Any]:
    return Event(channel, ids, message, Packet("any"))


def _health(**changes: Any) -> Event[Any]:
    health = Health(state=Presence.ONLINE, service="capture", instance="porch", version="0.1.0", at=AT, started_at=AT)
    message = health.model_copy(update=changes)
    return _event(channels.HEALTH, message, service="capture", instance="porch")


def _shown(scene: Scene, now: datetime = AT) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(render(scene, now))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _plain(event: Event[Any]) -> str:
    """The sentence without its time of day, which is local."""
    return sentence(event, AT).split(" ", 1)[1]


def test_each_event_is_one_plain_line() -> None:
    fault = Fault(code=ErrorCode.NO_FACE, message="no face\non it")
    refused = Result(status=ResultStatus.ERROR, action="enrol", person="alice", at=AT, error=fault)
    taken = Result(status=ResultStatus.OK, action="enrol", person="alice", at=AT, samples=2)

    assert _plain(_event(channels.LOCK_STATE, LockState.UNLOCKED, **FRONT)) == "front lock UNLOCKED"
    assert (
        _plain(_event(channels.DECISION, GRANTED, **FRONT))
        == "front decision granted matched alice confidence=0.97 34ms by face"
    )
    assert _plain(_event(channels.DECISION, DENIED, **FRONT)) == "front decision denied unknown_face x4 by face"
    assert (
        _plain(_event(channels.RECOGNITION, RECOGNITION, **PORCH))
        == "front/porch recognition f-1 alice 0.97 live=0.99; unknown 0.00 12ms"
    )
    assert _plain(_event(channels.RESULT, taken, person="alice")) == "alice enrol ok samples=2"
    assert _plain(_event(channels.RESULT, refused, person="alice")) == "alice enrol error no_face: no face?on it"
    assert _plain(_event(channels.CHALLENGE, Challenge(ask=Ask.BLINK), **FRONT)) == "front challenge blink"
    assert _plain(_health(problem="the camera is silent")) == "capture/porch health online the camera is silent"


@given(st.text(max_size=60))
def test_nothing_from_the_bus_reaches_the_terminal_as_a_command(text: str) -> None:
    scene = fold(Scene(), _health(problem=text, refused={text: 1}), AT)

    assert sentence(_health(problem=text), AT).isprintable()
    assert "\x1b" not in _shown(scene)


def test_health_is_news_only_when_it_says_something_new() -> None:
    scene = fold(Scene(), _health(), AT)

    assert is_news(Scene(), _health())
    assert not is_news(scene, _health(at=AT + timedelta(seconds=5), figures={"fps": 3.0}))
    assert is_news(scene, _health(problem="the camera is silent"))
    assert is_news(scene, _health(state=Presence.OFFLINE))
    assert is_news(scene, _health(refused={"frame.stale": 1}))


def test_the_live_view_shows_doors_decisions_recognitions_and_services() -> None:
    scene = Scene()
    for event in (
        _event(channels.LOCK_STATE, LockState.JAMMED, **FRONT),
        _event(channels.CHALLENGE, Challenge(ask=Ask.TURN_LEFT), **FRONT),
        _event(channels.DECISION, DENIED, **FRONT),
        _event(channels.DECISION, GRANTED, **FRONT),
        _event(channels.RECOGNITION, RECOGNITION, **PORCH),
        _health(refused={"frame.stale": 3}),
    ):
        scene = fold(scene, event, AT)

    text = _shown(scene, AT + timedelta(seconds=5))

    assert all(word in text for word in ("JAMMED", "turn_left", "unknown_face x4", "matched", "alice", "0.97", "34ms"))
    assert all(word in text for word in ("front/porch", "12ms", "capture/porch", "online", "refused 3 frame.stale"))
    assert text.index("granted") < text.index("denied")


def test_a_service_that_has_not_spoken_for_long_is_shown_as_silent() -> None:
    scene = fold(Scene(), _health(), AT)

    assert "silent" in _shown(scene, AT + timedelta(minutes=5))
    assert "silent" not in _shown(scene, AT + timedelta(seconds=5))


def test_a_denial_that_repeats_is_one_row_that_grows_until_it_has_been_over_for_a_while() -> None:
    scene = Scene()
    for seconds, of in ((0, DENIED), (1, GRANTED), (2, DENIED), (9, DENIED), (30, DENIED)):
        at = AT + timedelta(seconds=seconds)
        scene = fold(scene, _event(channels.DECISION, of.model_copy(update={"at": at}), **FRONT), at)

    assert [one.message.count for _, one in scene.decisions] == [4, 12, 1]
    assert "unknown_face x12" in _shown(scene)


def test_many_decisions_do_not_fill_the_screen() -> None:
    scene = Scene()
    for number in range(100):
        one = _event(channels.DECISION, GRANTED.model_copy(update={"person": f"p{number}"}), **FRONT)
        scene = fold(scene, one, AT)

    assert "p99" in _shown(scene)
    assert len(_shown(scene).splitlines()) < 40


def test_the_view_says_that_the_broker_is_away() -> None:
    assert "The broker is away" in _shown(Scene(connected=False))


async def test_a_watcher_tells_what_is_there_and_what_comes() -> None:
    bus, told = MemoryBus(), asyncio.Queue[str]()
    root = channels.DEFAULT_ROOT
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, FRONT).packet(TOPICS))
    watcher = Watcher(told.put_nowait)

    async with asyncio.timeout(10), connect(bus) as client:
        following = asyncio.create_task(watcher.follow(client))
        lines = [await told.get()]
        bus.publish(Packet(f"{root}/door/front/decision", b"not a decision"))
        bus.publish(Outbound(channels.DECISION, GRANTED, FRONT).packet(TOPICS))
        lines.append(await told.get())
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    watcher.lost("broker 127.0.0.1:1883: Connection refused")

    assert "front lock LOCKED" in lines[0]
    assert "front decision granted" in lines[1]
    assert told.get_nowait() == "broker 127.0.0.1:1883: Connection refused"
    assert not watcher.scene.connected
    assert "granted" in _shown(watcher.scene)
