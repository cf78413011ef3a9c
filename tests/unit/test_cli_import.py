"""`doorbus import`, with an enroller that answers as it is told."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from doorbus.cli.common import ExitStatus
from doorbus.cli.importing import Import, look, tell
from doorbus.runtime.client import connect
from doorbus.runtime.service import Service
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import ErrorCode, Fault, Result, ResultStatus, RosterEntry, Update
from doorbus.wire.snapshot import pack


class Enroller(Service):
    """Takes two pictures of each person; the first request of all is one too many at the time."""

    role = Role.ENROLLER

    def __init__(self, *, silent_after: int = 1_000_000) -> None:
        self.silent_after = silent_after
        self.pictures: dict[str, int] = {}
        self.names: dict[str, str | None] = {}
        self.asked = 0
        self.under_way: set[str] = set()

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.ENROL, self._on_enrol), Subscription(channels.UPDATE, self._on_update))

    def connected(self) -> Iterable[Outbound]:
        manifest, shards = pack([RosterEntry(person="carol", name="Her own name")], 1)
        yield Outbound(channels.ROSTER_MANIFEST, manifest)
        yield Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"})

    async def _on_enrol(self, inbound: Inbound[Any]) -> Iterable[Outbound]:
        self.asked += 1
        person = inbound.ids["person"]
        if self.asked > self.silent_after:
            return ()
        if self.asked == 1:
            return self._answer(inbound, ErrorCode.BUSY)
        if self.pictures.get(person) == 2:
            return self._answer(inbound, ErrorCode.TOO_MANY_SAMPLES)
        self.pictures[person] = self.pictures.get(person, 0) + 1
        return self._answer(inbound, None)

    async def _on_update(self, inbound: Inbound[Update]) -> Iterable[Outbound]:
        self.names[inbound.ids["person"]] = inbound.message.name
        return self._answer(inbound, None)

    def _answer(self, inbound: Inbound[Any], code: ErrorCode | None) -> tuple[Outbound, ...]:
        result = Result(
            status=ResultStatus.ERROR if code else ResultStatus.OK,
            action=inbound.channel.name,
            person=inbound.ids["person"],
            at=datetime.now(UTC),
            error=Fault(code=code, message=f"it is {code}") if code else None,
        )
        return inbound.reply(result)


def _faces(folder: Path, **counts: int) -> Path:
    for person, count in counts.items():
        (folder / person).mkdir()
        for number in range(count):
            Image.new("RGB", (600, 600), (number, 9, 9)).save(folder / person / f"{number}.jpg")
    return folder


async def _imported(enroller: Enroller, folder: Path, timeout: float = 5, in_flight: int = 4) -> int:  # noqa: ASYNC109
    bus = MemoryBus()
    async with asyncio.timeout(30), running(enroller, bus, FakeClock()), connect(bus) as client:
        return await Import(client, folder, look(folder), timeout).run(in_flight)


async def test_everybody_is_enrolled_and_named_and_who_is_busy_is_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller()
    status = await _imported(enroller, _faces(tmp_path, Alice=2, bob=1, Carol=1))

    assert status == ExitStatus.OK
    assert enroller.pictures == {"alice": 2, "bob": 1, "carol": 1}
    assert enroller.names == {"alice": "Alice"}  # bob's id says it; carol has a name of her own
    assert "4 pictures of 3 people are new samples, none refused" in capsys.readouterr().out


async def test_what_is_refused_is_told_and_keeps_nobody_else_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _faces(tmp_path, alice=5, bob=1)
    (folder / "bob" / "0.png").write_bytes(b"no picture")
    (folder / "bob" / "1.heic").touch()
    enroller = Enroller()
    status = await _imported(enroller, folder)

    told = capsys.readouterr().out
    assert status == ExitStatus.REFUSED
    assert enroller.pictures == {"alice": 2, "bob": 1}
    assert "alice/2.jpg too_many_samples it is too_many_samples" in " ".join(told.split())
    assert "alice/4.jpg too_many_samples not sent, as the one before" in " ".join(told.split())
    assert "bob/0.png not_a_picture no picture that can be read" in " ".join(told.split())
    assert "bob/1.heic left out no picture of a kind that is read" in " ".join(told.split())
    assert "3 pictures of 2 people are new samples, 5 refused: " in told


async def test_when_nobody_answers_any_more_it_ends_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroller = Enroller(silent_after=2)
    status = await _imported(enroller, _faces(tmp_path, alice=2, bob=2, carol=2), timeout=0.05, in_flight=1)

    told = capsys.readouterr()
    assert status == ExitStatus.NO_ANSWER
    assert enroller.pictures == {"alice": 1}
    assert "is the enroller running?" in told.err
    assert "The import is not complete; run it again to go on." in told.err
    assert "1 pictures of 1 people are new samples, none refused" in told.out


def test_a_dry_run_says_who_would_come_and_sends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _faces(tmp_path, Alice=2)
    (folder / "Alice" / "9.png").write_bytes(b"no picture")

    assert tell(folder, look(folder)) == ExitStatus.REFUSED
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert told[1] == "alice Alice 2"
    assert told[-1] == "Alice/9.png left out no picture that can be read"


def test_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    assert tell(tmp_path, look(tmp_path)) == ExitStatus.REFUSED
