"""`doorbus enrol`, `people`, `update` and `remove`, with an enroller that answers as it is told."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from doorbus.cli.app import app
from doorbus.cli.common import ExitStatus
from doorbus.cli.doors import at_doors
from doorbus.cli.people import STDIN, enrol_from_camera, enrol_pictures, list_people, request
from doorbus.runtime.client import Client, connect
from doorbus.runtime.service import Service
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import (
    Enrol,
    EnrolFromCamera,
    ErrorCode,
    Fault,
    Health,
    LockState,
    Presence,
    Remove,
    Result,
    ResultStatus,
    RosterEntry,
    Update,
)
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

JPEG = b"\xff\xd8\xff\xe0 "


class Enroller(Service):
    """Takes every picture but those that say no, and answers somebody else first."""

    role = Role.ENROLLER
    channels = (channels.ENROL, channels.ENROL_FROM_CAMERA, channels.UPDATE, channels.REMOVE)

    def __init__(self, *, silent: bool = False, warning: str | None = None) -> None:
        self.silent = silent
        self.warning = warning
        self.asked: list[object] = []
        self.samples = 0

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return tuple(Subscription(one, self._on_request) for one in self.channels)

    async def _on_request(self, inbound: Inbound[Any]) -> Iterable[Outbound]:
        self.asked.append(inbound.message)
        if self.silent:
            return ()
        no = isinstance(inbound.message, Enrol) and b"no face" in inbound.message.jpeg
        self.samples += isinstance(inbound.message, Enrol) and not no
        result = Result(
            status=ResultStatus.ERROR if no else ResultStatus.OK,
            action=inbound.channel.name,
            person=inbound.ids["person"],
            at=inbound.at,
            samples=self.samples,
            warning=self.warning,
            error=Fault(code=ErrorCode.NO_FACE, message="there is \x1b[2Jno face") if no else None,
        )
        (reply,) = inbound.reply(result)
        stray = Outbound(reply.channel, result, reply.ids, correlation=b"another question")
        return (stray, reply)


@asynccontextmanager
async def _an_office(enroller: Enroller) -> AsyncIterator[Client]:
    bus = MemoryBus()
    async with asyncio.timeout(20), running(enroller, bus, FakeClock()), connect(bus) as client:
        yield client


def _pictures(folder: Path, **contents: bytes) -> list[Path]:
    for name, content in contents.items():
        (folder / f"{name}.jpg").write_bytes(JPEG + content)
    return [folder / f"{name}.jpg" for name in contents]


async def test_each_picture_has_its_result_and_the_name_is_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller()
    async with _an_office(enroller) as client:
        status = await enrol_pictures(client, "alice", _pictures(tmp_path, a=b"1", b=b"2"), Update(name="Alice"), 5)

    told = capsys.readouterr().out
    assert status == ExitStatus.OK
    assert f"{tmp_path}/a.jpg: ok alice has 1 sample\n" in told
    assert f"{tmp_path}/b.jpg: ok alice has 2 samples\n" in told
    assert "alice: name: ok set" in told
    assert enroller.asked == [Enrol(jpeg=JPEG + b"1"), Enrol(jpeg=JPEG + b"2"), Update(name="Alice")]


async def test_a_picture_may_come_by_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(JPEG + b"1")))
        async with _an_office(enroller) as client:
            status = await enrol_pictures(client, "alice", [STDIN], None, 5)

    assert status == ExitStatus.OK
    assert "-: ok alice has 1 sample" in capsys.readouterr().out
    assert enroller.asked == [Enrol(jpeg=JPEG + b"1")]


async def test_a_camera_may_look_instead(capsys: pytest.CaptureFixture[str]) -> None:
    enroller, asked = Enroller(), EnrolFromCamera(door="front", camera="porch", samples=2)
    async with _an_office(enroller) as client:
        status = await enrol_from_camera(client, "alice", asked)

    assert status == ExitStatus.OK
    assert "alice at front/porch: ok" in capsys.readouterr().out
    assert enroller.asked == [asked]


@pytest.mark.parametrize("words", [[], ["--from-camera", "porch"], ["--from-camera", "front/porch", "-"]])
def test_either_pictures_or_a_camera_is_named(words: list[str]) -> None:
    assert CliRunner().invoke(app, ["enrol", "alice", *words]).exit_code == 2


async def test_a_refused_picture_is_told_and_does_not_keep_the_next_one_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _an_office(Enroller()) as client:
        status = await enrol_pictures(client, "alice", _pictures(tmp_path, a=b"no face", b=b"2"), None, 5)

    told = capsys.readouterr().out
    assert status == ExitStatus.REFUSED
    assert "a.jpg: no_face there is ?[2Jno face" in told
    assert "b.jpg: ok alice has 1 sample" in told


async def test_no_name_is_set_when_no_picture_was_taken(tmp_path: Path) -> None:
    enroller = Enroller()
    async with _an_office(enroller) as client:
        status = await enrol_pictures(client, "alice", _pictures(tmp_path, a=b"no face"), Update(name="Alice"), 5)

    assert status == ExitStatus.REFUSED
    assert [type(message) for message in enroller.asked] == [Enrol]


async def test_a_picture_that_no_enroller_would_take_is_not_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller()
    async with _an_office(enroller) as client:
        pictures = _pictures(tmp_path, huge=bytes(channels.ENROL.max_bytes))
        status = await enrol_pictures(client, "alice", [*pictures, Path("/dev/zero")], None, 5)

    assert status == ExitStatus.REFUSED
    assert enroller.asked == []
    told = capsys.readouterr().err
    assert "huge.jpg: too large at most 8 MiB are taken" in told
    assert "/dev/zero: too large" in told


async def test_when_nobody_answers_the_other_pictures_are_not_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller(silent=True)
    async with _an_office(enroller) as client:
        status = await enrol_pictures(client, "alice", _pictures(tmp_path, a=b"1", b=b"2"), None, 0.1)

    assert status == ExitStatus.NO_ANSWER
    assert len(enroller.asked) == 1
    assert "no answer within 0.1 s; is the enroller running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("message", "told"), [(Remove(), "alice: ok forgotten"), (Update(enabled=False), "alice: ok changed")]
)
async def test_a_request_is_answered(message: Remove | Update, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    enroller = Enroller()
    channel: channels.Channel[Any] = channels.REMOVE if isinstance(message, Remove) else channels.UPDATE
    async with _an_office(enroller) as client:
        status = await request(client, channel, message, "alice", 5)

    assert status == ExitStatus.OK
    assert enroller.asked == [message]
    assert told in capsys.readouterr().out


async def test_a_warning_is_told_and_what_was_asked_is_done_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    async with _an_office(Enroller(warning="there is no door frotn yet")) as client:
        status = await request(client, channels.UPDATE, Update(doors=("frotn",)), "alice", 5)

    assert status == ExitStatus.OK
    assert capsys.readouterr().out.endswith("alice: ok changed\nalice: but there is no door frotn yet\n")


LIKE = "Mo-Fr 07:00-19:00; Sa 08:00-12:00; PH off"


@pytest.mark.parametrize(
    ("there", "asked", "told"),
    [
        (
            ("back", "front"),
            ("bakc",),
            "there is no door bakc yet; the doors are back, front (--new-door bakc says so without a question)\n",
        ),
        (("back", "front"), ("back", "front"), ""),
        ((), ("bakc",), ""),
    ],
    ids=["one that is not there", "two that are", "where nobody has told of any"],
)
async def test_before_rights_at_a_door_that_is_not_there_the_doors_are_named(
    there: tuple[str, ...], asked: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller()
    async with _an_office(enroller) as client:
        for door in there:
            await client.send(Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": door}))
        change = Update(doors=asked)
        status = await at_doors(client, asked, lambda: request(client, channels.UPDATE, change, "alice", 5))

    assert status == ExitStatus.OK
    assert enroller.asked == [change]
    assert capsys.readouterr().err == told


PASSES = ("yes", "no: doors", "no: hours", "no: ended", "not yet")


def _publish_roster(bus: MemoryBus, *people: RosterEntry, leave_out: int = 0) -> None:
    manifest, shards = pack(people, 1)
    bus.publish(Outbound(channels.ROSTER_MANIFEST, manifest).packet(TOPICS))
    for index, shard in enumerate(shards[leave_out:]):
        bus.publish(Outbound(channels.ROSTER_SHARD, shard, {"shard": str(index)}).packet(TOPICS))


async def test_people_are_listed_with_their_rights(capsys: pytest.CaptureFixture[str]) -> None:
    bus = MemoryBus()
    bob = RosterEntry(
        person="bob",
        name="Bob [red]\x1b",
        enabled=False,
        doors=("front",),
        valid_until=datetime(2026, 12, 1, tzinfo=UTC),
        hours="Mo-Fr",
        threshold=0.9,
    )
    _publish_roster(bus, bob, RosterEntry(person="alice"))

    async with connect(bus) as client:
        status = await list_people(client, 5)

    lines = capsys.readouterr().out.splitlines()
    assert status == ExitStatus.OK
    assert [line.split()[0] for line in lines] == ["person", "alice", "bob"]
    assert "Bob [red]?" in lines[2]
    assert all(word in lines[2] for word in ("no", "front", "2026-1", "Mo-Fr", "0.9"))
    assert lines[1].split() == ["alice", "yes", "all", "always", "any"]


@pytest.mark.parametrize(
    ("known", "told"),
    [(9.0, "the broker retains an older roster than others go by; doorbus doctor\n"), (1.0, "")],
)
async def test_a_roster_that_is_older_than_others_know_is_not_shown_as_if_it_held(
    capsys: pytest.CaptureFixture[str], known: float, told: str
) -> None:
    bus = MemoryBus()
    _publish_roster(bus, RosterEntry(person="alice"))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    health = Health(
        state=Presence.OFFLINE,
        service="enroller",
        instance="one",
        version="1",
        at=at,
        started_at=at,
        figures={"roster_version": known},
    )
    ids = {"service": "enroller", "instance": "one"}
    bus.publish(Outbound(channels.HEALTH, health, ids).packet(TOPICS))

    async with connect(bus) as client:
        assert await list_people(client, 5) == ExitStatus.OK

    assert capsys.readouterr().err == told


async def test_nobody_who_cannot_pass_is_listed_as_if_they_could(capsys: pytest.CaptureFixture[str]) -> None:
    bus = MemoryBus()
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": "front"}).packet(TOPICS))
    _publish_roster(
        bus,
        RosterEntry(person="ada", doors=("front", "frotn")),
        RosterEntry(person="ben", doors=("frotn",)),
        RosterEntry(person="cem", hours="Mo-Fr 7-19"),
        RosterEntry(person="dia", valid_until=datetime(2020, 1, 1, tzinfo=UTC)),
        RosterEntry(person="eve", valid_from=datetime(9999, 1, 1, tzinfo=UTC)),
        RosterEntry(person="fay", doors=()),
        RosterEntry(person="gil", hours="24/7; PH off"),
    )

    async with connect(bus) as client:
        assert await list_people(client, 5) == ExitStatus.OK

    lines = capsys.readouterr().out.splitlines()
    assert [(row.split()[0], passes) for row in lines for passes in PASSES if f" {passes} " in row] == [
        ("ada", "yes"),
        ("ben", "no: doors"),
        ("cem", "no: hours"),
        ("dia", "no: ended"),
        ("eve", "not yet"),
        ("fay", "no: doors"),
        ("gil", "yes"),
    ]
    assert lines[-3:] == [
        "ada: there is no door frotn; the doors are front",
        "ben: there is no door frotn; the doors are front",
        f"cem: the hours cannot be read: 'Mo-Fr 7-19' is not opening hours at character 7, '7'; they look like {LIKE}",
    ]


@pytest.mark.parametrize(("country", "passes"), [(None, "no: hours"), ("DE", "yes")])
async def test_hours_that_no_door_can_read_for_want_of_a_country_let_nobody_pass(
    country: str | None, passes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bus, at = MemoryBus(), datetime.now(UTC)
    health = Health(
        state=Presence.ONLINE,
        service="actuator",
        instance="pi",
        version="1",
        at=at,
        started_at=at,
        door="front",
        country=country,
    )
    bus.publish(Outbound(channels.HEALTH, health, {"service": "actuator", "instance": "pi"}).packet(TOPICS))
    _publish_roster(bus, RosterEntry(person="ada", hours="24/7; PH off"))

    async with connect(bus) as client:
        assert await list_people(client, 5) == ExitStatus.OK

    told = capsys.readouterr().out
    assert f" {passes} " in told.splitlines()[1]
    assert ("ada: public holidays (PH) close front until DOORBUS_" in told) is (country is None)


async def test_where_no_door_is_known_every_door_may_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    bus = MemoryBus()
    _publish_roster(bus, RosterEntry(person="ada", doors=("front",)))

    async with connect(bus) as client:
        assert await list_people(client, 5) == ExitStatus.OK

    assert capsys.readouterr().out.splitlines()[1].split() == ["ada", "yes", "front", "always", "any"]


async def test_an_empty_roster_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    bus = MemoryBus()
    _publish_roster(bus)

    async with connect(bus) as client:
        status = await list_people(client, 5)

    assert status == ExitStatus.OK
    assert "Nobody is enrolled: doorbus enrol" in capsys.readouterr().out


@pytest.mark.parametrize("published", [True, False])
async def test_a_roster_that_is_not_whole_is_not_listed(capsys: pytest.CaptureFixture[str], *, published: bool) -> None:
    bus = MemoryBus()
    if published:
        _publish_roster(bus, RosterEntry(person="alice"), leave_out=1)

    async with connect(bus) as client:
        status = await list_people(client, 0.1)

    assert status == ExitStatus.NO_ANSWER
    assert "no whole roster within 0.1 s" in capsys.readouterr().err
