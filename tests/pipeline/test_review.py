"""The recorder's inbox on a bus: faces come in, people say who they are, the enroller learns."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    AcceptReview,
    DiscardReview,
    ErrorCode,
    FaceForReview,
    FacesForReview,
    Fault,
    GetReview,
    ListReviews,
    Result,
    ResultStatus,
    ReviewPicture,
    Reviews,
    Verdict,
)
from doorbus.wire.packet import Packet
from doorbus.wire.seal import Seal
from doorbus.wire.templates import to_review, unit
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_recorder.fakes import MemoryStore
from doorbus_recorder.files import FileStore
from doorbus_recorder.review import Case
from doorbus_recorder.reviewing import AGAIN_SECONDS, ANSWER_SECONDS
from support.recorder import ME, PORCH, SEAL, Watch, recorder
from support.signing import packet

BOTH = "unknown, unsure"


def seen(
    one: Watch,
    jpeg: bytes,
    frame_id: str,
    who: int = 0,
    *,
    person: str | None = None,
    confidence: float = 0.0,
    quality: float = 0.5,
    seal: Seal = SEAL,
) -> None:
    """A frame, and what a recognizer sends of the one face on it."""
    one.show(jpeg, frame_id)
    one.recognise(jpeg, frame_id, person)
    vector = np.full(8, 0.1)
    vector[who] = 1
    face = FaceForReview(
        box=(100.0, 80.0, 120.0, 120.0),
        verdict=Verdict.UNKNOWN if person is None else Verdict.MATCH,
        person=person,
        confidence=confidence,
        quality=quality,
        template=to_review(unit(vector), seal),
    )
    said = FacesForReview(frame_id=frame_id, model="fake", same_person_similarity=0.5, faces=(face,))
    one.say(channels.FACES, said, PORCH)


async def ask(one: Watch, channel: Any, message: object, correlation: bytes, **ids: str) -> Any:
    return await one.send(packet(Outbound(channel, message, ids, correlation, (channel.reply, ME))))


async def inbox(one: Watch, correlation: bytes = b"list") -> Reviews:
    answer: Reviews = await ask(one, channels.REVIEW_LIST, ListReviews(), correlation)
    return answer


async def accept(one: Watch, entry: str, answer: Result | None, **said: Any) -> tuple[Reviews, Packet | None]:
    """Accept an entry; the enroller answers so, if at all. The answer, and what the enroller was asked."""
    task = asyncio.create_task(ask(one, channels.REVIEW_ACCEPT, AcceptReview(**said), b"accept", entry=entry))
    asked: Packet | None = None
    async with asyncio.timeout(20):
        while not task.done():
            await asyncio.sleep(0.001)
            found = [each for each in one.bus.log if each.topic == TOPICS.topic(channels.ENROL, person=said["person"])]
            if found and asked is None:
                asked = found[-1]
                if answer is None:
                    one.clock.advance(ANSWER_SECONDS + 10)
                    continue
                assert asked.response_topic is not None
                payload = answer.model_dump_json(exclude_none=True).encode()
                one.bus.publish(Packet(asked.response_topic, payload, qos=1, correlation=asked.correlation))
    return await task, asked


def result(one: Watch, person: str, fault: Fault | None = None) -> Result:
    status = ResultStatus.ERROR if fault else ResultStatus.OK
    return Result(status=status, action="enrol", person=person, at=one.clock.now(), samples=2, error=fault)


async def test_the_same_stranger_seen_ten_times_is_one_entry_with_the_best_picture(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), keep="", review=BOTH) as one:
        for number in range(10):
            seen(one, jpeg["biden"], f"f-{number}", quality=0.1 * (number % 7))
            one.clock.advance(1)
            await inbox(one, f"list-{number}".encode())
        seen(one, jpeg["obama"], "other", who=3)
        listed = await inbox(one)

    assert [(each.count, round(each.quality, 1)) for each in listed.entries] == [(1, 0.5), (10, 0.6)]
    assert listed.count == 2


async def test_nobody_waits_unless_the_owner_has_named_them(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore()) as silent, recorder(MemoryStore(), review="unsure") as unsure:
        for one in (silent, unsure):
            seen(one, jpeg["biden"], "f-1")
            seen(one, jpeg["obama"], "f-2", who=1, person="alice", confidence=0.6)
            seen(one, jpeg["obama"], "f-3", who=2, person="bob", confidence=0.99)
        nothing, some = await inbox(silent), await inbox(unsure)

    assert nothing.count == 0
    assert [each.person for each in some.entries] == ["alice"]


async def test_a_picture_is_cut_out_with_room_for_the_enroller_to_judge_it(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        seen(one, jpeg["obama"], "f-1")
        (entry,) = (await inbox(one)).entries
        picture: ReviewPicture = await ask(one, channels.REVIEW_GET, GetReview(), b"get", entry=entry.entry)

    assert picture.error is None
    assert 0 < len(picture.jpeg) == entry.bytes < len(jpeg["obama"])


async def test_a_word_enrols_the_face_through_the_enroller_and_the_entry_is_done(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        seen(one, jpeg["obama"], "f-1", person="alice", confidence=0.6)
        (entry,) = (await inbox(one)).entries
        picture: ReviewPicture = await ask(one, channels.REVIEW_GET, GetReview(), b"get", entry=entry.entry)
        answer, asked = await accept(one, entry.entry, result(one, "alice"), person="alice", by="reception")
        after = await inbox(one, b"after")

    assert asked is not None
    assert asked.payload == picture.jpeg
    assert (answer.person, answer.samples, answer.error) == ("alice", 2, None)
    assert after.count == 0


async def test_without_a_word_nothing_is_enrolled(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        for number in range(3):
            seen(one, jpeg["obama"], f"f-{number}", person="alice", confidence=0.8)
        await inbox(one)
        await one.pass_time(3600)

        assert not [each for each in one.bus.log if "/enrol" in each.topic]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"person": "zoe"}, ErrorCode.UNKNOWN_PERSON),
        ({"person": "alice", "new": True}, ErrorCode.ALREADY_ENROLLED),
    ],
)
async def test_a_mistyped_name_makes_nobody_new_and_a_new_one_is_nobody_old(
    jpeg: dict[str, bytes], said: dict[str, Any], code: ErrorCode
) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        seen(one, jpeg["biden"], "f-1")
        (entry,) = (await inbox(one)).entries
        answer, asked = await accept(one, entry.entry, None, **said)
        after = await inbox(one, b"after")

    assert asked is None
    assert answer.error is not None
    assert answer.error.code is code
    assert after.count == 1


@pytest.mark.parametrize("silent", [True, False])
async def test_what_the_enroller_refuses_or_does_not_answer_stays_in_the_inbox(
    jpeg: dict[str, bytes], *, silent: bool
) -> None:
    refused = Fault(code=ErrorCode.TOO_SMALL, message="the face is too small")
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        seen(one, jpeg["biden"], "f-1")
        (entry,) = (await inbox(one)).entries
        reply = None if silent else result(one, "zoe", refused)
        answer, _ = await accept(one, entry.entry, reply, person="zoe", new=True)
        after = await inbox(one, b"after")

    assert answer.error is not None
    assert answer.error.code is (ErrorCode.BUSY if silent else ErrorCode.TOO_SMALL)
    assert after.count == 1


async def test_a_word_that_a_restarted_enroller_has_not_heard_can_be_said_again_soon(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        seen(one, jpeg["biden"], "f-1")
        (entry,) = (await inbox(one)).entries
        said = AcceptReview(person="zoe", new=True)
        lost = asyncio.create_task(ask(one, channels.REVIEW_ACCEPT, said, b"lost", entry=entry.entry))
        await inbox(one, b"meanwhile")
        at_once = await ask(one, channels.REVIEW_ACCEPT, said, b"at once", entry=entry.entry)
        await one.pass_time(AGAIN_SECONDS)
        again = asyncio.create_task(ask(one, channels.REVIEW_ACCEPT, said, b"again", entry=entry.entry))
        async with asyncio.timeout(20):
            while len(asked := [each for each in one.bus.log if "/zoe/enrol" in each.topic]) < 2:  # noqa: ASYNC110  # a log has no event
                await asyncio.sleep(0.001)
        payload = result(one, "zoe").model_dump_json(exclude_none=True).encode()
        one.bus.publish(Packet(asked[1].response_topic or "", payload, qos=1, correlation=asked[1].correlation))
        answer, after = await again, await inbox(one, b"after")
        await one.pass_time(ANSWER_SECONDS)
        late = await lost

    assert at_once.error.code is ErrorCode.BUSY
    assert (answer.person, answer.error, after.count) == ("zoe", None, 0)
    assert late.error.code is ErrorCode.BUSY


async def test_what_was_discarded_is_gone_and_asked_again_unknown(jpeg: dict[str, bytes], tmp_path: Path) -> None:
    faces = FileStore(tmp_path, SEAL, Case)
    async with recorder(MemoryStore(), faces=faces, review=BOTH) as one:
        seen(one, jpeg["biden"], "f-1")
        (entry,) = (await inbox(one)).entries
        first = await ask(one, channels.REVIEW_DISCARD, DiscardReview(), b"1", entry=entry.entry)
        again = await ask(one, channels.REVIEW_DISCARD, DiscardReview(), b"2", entry=entry.entry)

    assert (first.error, first.count) == (None, 0)
    assert again.error.code is ErrorCode.UNKNOWN_ENTRY
    assert files_in(tmp_path) == []


async def test_entries_outlive_the_recorder_and_the_same_face_is_still_the_same(
    jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    for round_ in range(2):
        async with recorder(MemoryStore(), faces=FileStore(tmp_path, SEAL, Case), review=BOTH) as one:
            seen(one, jpeg["biden"], f"f-{round_}", quality=0.5 + round_ / 10)
            listed = await inbox(one)

    assert [each.count for each in listed.entries] == [2]


async def test_a_face_goes_with_the_person_that_it_may_be(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        await one.enrolled("alice")
        seen(one, jpeg["obama"], "f-1", person="alice", confidence=0.6)
        seen(one, jpeg["biden"], "f-2", who=3)
        before = await inbox(one)
        await one.enrolled(version=2)
        seen(one, jpeg["obama"], "f-3", person="alice", confidence=0.6)
        after = await inbox(one, b"after")

    assert before.count == 2
    assert [each.person for each in after.entries] == [None]


async def test_faces_that_were_sealed_with_another_key_are_counted_and_nothing_else(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH) as one:
        seen(one, jpeg["biden"], "f-1", seal=Seal(bytes([9]) * 32))
        seen(one, jpeg["obama"], "f-2", who=2)
        listed = await inbox(one)

    assert listed.count == 1


async def test_only_so_many_wait_and_those_that_come_no_more_are_forgotten(jpeg: dict[str, bytes]) -> None:
    async with recorder(MemoryStore(), review=BOTH, review_entries=2, review_days=1) as one:
        for who in range(3):
            seen(one, jpeg["biden"], f"f-{who}", who=who)
            await one.pass_time(1)
        most = await inbox(one)
        await one.pass_time(86_400 + 20)
        nobody = await inbox(one, b"after")

    assert (most.count, nobody.count) == (2, 0)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
