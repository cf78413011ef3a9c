"""The recorder on a bus: what it keeps, who goes with it, and what it answers."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from doorbus.testing import MemoryBus
from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import ErrorCode, GetRecording, Outcome, Reason, Recording
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_recorder.fakes import MemoryStore
from doorbus_recorder.files import FileStore
from doorbus_recorder.service import LOOK_SECONDS
from support.jpegs import shot
from support.recorder import FRONT, ME, PORCH, SEAL, recorder
from support.signing import STRANGER, packet


@pytest.fixture
def alice(jpeg: dict[str, bytes]) -> bytes:
    return shot(jpeg["obama"])


async def test_the_frame_that_led_to_a_grant_is_kept_byte_for_byte_and_told_without_its_picture(
    alice: bytes, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    async with recorder(FileStore(tmp_path, SEAL, Recording)) as one:
        one.show(shot(jpeg["biden"]), "before")
        one.let_in(alice, "f-1")
        one.show(shot(jpeg["biden"]), "after")
        (kept,) = (await one.list()).recordings
        picture = await one.get(kept.recording)
        told = [each for each in one.bus.log if each.topic == TOPICS.topic(channels.RECORDED, **FRONT)]

    assert picture.jpeg == alice
    assert (kept.door, kept.camera, kept.frame_id, kept.person) == ("front", "porch", "f-1", "alice")
    assert [face.person for face in kept.faces] == ["alice"]
    assert [Recording.model_validate_json(each.payload) for each in told] == [kept]
    assert not told[0].retain


async def test_of_several_votes_the_last_frame_that_is_still_there_is_kept(
    alice: bytes, jpeg: dict[str, bytes]
) -> None:
    async with recorder(MemoryStore()) as one:
        one.show(alice, "f-1")
        one.show(shot(jpeg["obama2"]), "f-2")
        one.decide("f-1", "f-2", "never seen")
        (kept,) = (await one.list()).recordings

    assert kept.frame_id == "f-2"


async def test_a_frame_without_an_id_is_found_by_what_the_recognizer_has_seen(alice: bytes) -> None:
    async with recorder(MemoryStore()) as one:
        one.bus.publish(Packet(TOPICS.topic(channels.FRAME, **PORCH), alice))
        one.recognise(alice, "frame-made-up-by-the-recognizer", "alice")
        one.decide("frame-made-up-by-the-recognizer")
        (kept,) = (await one.list()).recordings
        picture = await one.get(kept.recording)

    assert picture.jpeg == alice


async def test_another_picture_under_the_same_id_is_not_taken_for_the_one_that_was_recognised(
    alice: bytes, jpeg: dict[str, bytes]
) -> None:
    made_up = shot(jpeg["biden"])
    async with recorder(MemoryStore()) as one:
        one.show(made_up, "f-1", {"door": "front", "camera": "forged"})
        one.show(alice, "f-1-again")
        one.recognise(alice, "f-1", "alice")
        one.decide("f-1")
        (kept,) = (await one.list()).recordings
        picture = await one.get(kept.recording)

    assert picture.jpeg == alice


async def test_strangers_and_refusals_leave_no_picture_unless_the_owner_says_so(alice: bytes) -> None:
    async with recorder(MemoryStore()) as silent, recorder(MemoryStore(), keep="granted, unknown_face") as asked:
        for one in (silent, asked):
            one.show(alice, "f-1")
            one.recognise(alice, "f-1", None)
            one.decide("f-1", person=None, reason=Reason.UNKNOWN_FACE)
            one.decide("f-1", person="alice", reason=Reason.OUTSIDE_HOURS)
            one.decide(person=None, reason=Reason.COMMANDED)
        nothing, stranger = await silent.list(), await asked.list()

    assert nothing.count == 0
    assert [each.reason for each in stranger.recordings] == [Reason.UNKNOWN_FACE]


async def test_one_that_keeps_nothing_and_has_a_list_of_doors_hears_no_frame_of_the_others(alice: bytes) -> None:
    async with recorder(MemoryStore(), keep="") as nothing, recorder(MemoryStore(), doors="front, yard") as some:
        frames = TOPICS.filter(channels.FRAME)
        some.let_in(alice, "f-1", ids={"door": "back", "camera": "porch"})
        some.let_in(alice, "f-2")
        kept = await some.list()
        assert frames not in nothing.bus.topics()
        assert frames not in some.bus.topics()

    assert [each.door for each in kept.recordings] == ["front"]


async def test_boxes_and_names_are_drawn_on_request_and_not_burnt_in(jpeg: dict[str, bytes]) -> None:
    picture = jpeg["obama"]
    async with recorder(MemoryStore()) as one:
        await one.enrolled("alice")
        one.let_in(picture, "f-1")
        (kept,) = (await one.list()).recordings
        drawn, plain = await one.get(kept.recording, boxes=True), await one.get(kept.recording)

    assert plain.jpeg == picture
    assert drawn.jpeg != picture
    with Image.open(io.BytesIO(drawn.jpeg)) as image, Image.open(io.BytesIO(picture)) as before:
        assert image.size == before.size
        red, green, blue = image.convert("RGB").getpixel((30, 10))  # type: ignore[misc]  # a pixel of three
        assert green > red + 40  # the line of the box at its upper edge
        assert green > blue + 40


async def test_pictures_go_with_the_person_and_those_of_others_stay(alice: bytes, jpeg: dict[str, bytes]) -> None:
    both = shot(jpeg["biden"])
    async with recorder(MemoryStore()) as one:
        await one.enrolled("alice", "bob")
        one.let_in(alice, "f-1")
        one.let_in(shot(alice), "f-2", "bob")
        one.show(both, "f-3")
        one.recognise(both, "f-3", "bob", "alice")
        one.decide("f-3", person="bob")
        before = await one.list()
        await one.enrolled("bob", version=2)
        after = await one.list()
        gone = await one.get(before.recordings[-1].recording)

    assert [each.frame_id for each in before.recordings] == ["f-3", "f-2", "f-1"]
    assert [each.frame_id for each in after.recordings] == ["f-2"]
    assert gone.error is ErrorCode.UNKNOWN_RECORDING
    assert gone.jpeg == b""


async def test_a_decision_that_comes_after_its_person_is_gone_leaves_no_picture(alice: bytes) -> None:
    async with recorder(MemoryStore()) as one:
        await one.enrolled("alice", "bob")
        one.show(alice, "f-1")
        one.recognise(alice, "f-1", "alice")
        await one.enrolled("bob", version=2)
        one.decide("f-1")
        kept = await one.list()

    assert kept.count == 0


async def test_pictures_of_somebody_who_went_while_the_recorder_was_away_are_erased_when_it_is_back(
    alice: bytes, tmp_path: Path
) -> None:
    async with recorder(FileStore(tmp_path, SEAL, Recording)) as one:
        await one.enrolled("alice", "bob")
        one.let_in(alice, "f-1")
        await one.list()
    bus = MemoryBus()
    async with recorder(FileStore(tmp_path, SEAL, Recording), bus) as one:
        found = await one.list()
        await one.enrolled("bob", version=2)
        after = await one.list()

    assert (found.count, after.count) == (1, 0)
    assert files_in(tmp_path) == []


async def test_a_roster_that_nobody_of_the_site_has_signed_erases_nothing(alice: bytes) -> None:
    async with recorder(MemoryStore()) as one:
        await one.enrolled("alice")
        one.let_in(alice, "f-1")
        forged = pack([], version=2).manifest
        one.bus.publish(packet(Outbound(channels.ROSTER_MANIFEST, forged), STRANGER))
        kept = await one.list()

    assert kept.count == 1


async def test_erased_is_erased_and_asked_again_unknown(alice: bytes, tmp_path: Path) -> None:
    async with recorder(FileStore(tmp_path, SEAL, Recording)) as one:
        one.let_in(alice, "f-1")
        (kept,) = (await one.list()).recordings
        first, again = await one.erase(kept.recording), await one.erase(kept.recording)

    assert (first.error, first.count) == (None, 0)
    assert again.error is not None
    assert again.error.code is ErrorCode.UNKNOWN_RECORDING
    assert files_in(tmp_path) == []


async def test_the_list_comes_in_pages_the_newest_first_and_as_it_was_asked_for(alice: bytes) -> None:
    async with recorder(MemoryStore()) as one:
        for number in range(5):
            one.let_in(shot(alice), f"f-{number}", "alice" if number % 2 else "bob")
            await one.pass_time(1)
            await one.list()
        first = await one.list(limit=2)
        second = await one.list(limit=2, after=first.next)
        last = await one.list(limit=2, after=second.next)
        of_bob = await one.list(person="bob")
        early = await one.list(until=first.recordings[-1].at)
        denied = await one.list(outcome=Outcome.DENIED)

    assert [each.frame_id for page in (first, second, last) for each in page.recordings] == [
        *("f-4", "f-3", "f-2", "f-1", "f-0"),
    ]
    assert last.next is None
    assert [each.frame_id for each in of_bob.recordings] == ["f-4", "f-2", "f-0"]
    assert [each.frame_id for each in early.recordings] == ["f-2", "f-1", "f-0"]
    assert (denied.recordings, denied.count) == ((), 5)


async def test_the_oldest_goes_for_the_newest_beyond_the_bounds_and_what_is_too_old_by_itself(alice: bytes) -> None:
    async with recorder(MemoryStore(), max_recordings=2, max_days=1) as one:
        for number in range(3):
            one.let_in(shot(alice), f"f-{number}")
            await one.list()
            await one.pass_time(1)
        newest = await one.list()
        await one.pass_time(86_400 + LOOK_SECONDS)
        nothing = await one.list()

    assert [each.frame_id for each in newest.recordings] == ["f-2", "f-1"]
    assert nothing.count == 0


async def test_a_clock_that_jumps_erases_nothing_until_it_was_steady_for_an_hour(alice: bytes) -> None:
    async with recorder(MemoryStore(), max_days=1) as one:
        one.let_in(alice, "f-1")
        await one.list()
        one.clock.jump(400 * 86_400)
        await one.pass_time(LOOK_SECONDS)
        kept = await one.list()
        one.clock.jump(-400 * 86_400)
        for _ in range(3):
            await one.pass_time(1800)
            still = await one.list()
        await one.pass_time(86_400)
        gone = await one.list()

    assert (kept.count, still.count, gone.count) == (1, 1, 0)


async def test_a_full_disk_is_told_and_the_next_picture_is_kept_when_there_is_room(alice: bytes) -> None:
    store = MemoryStore[Recording]()
    async with recorder(store) as one:
        store.full = True
        one.let_in(alice, "f-1")
        nothing, problem = await one.list(), one.service.problem()
        store.full = False
        one.let_in(shot(alice), "f-2")
        kept, well = await one.list(), one.service.problem()

    assert nothing.count == 0
    assert "No space left" in str(problem)
    assert ([each.frame_id for each in kept.recordings], well) == (["f-2"], None)


async def test_what_the_disk_does_not_let_go_of_is_seen_by_nobody_and_erased_later(alice: bytes) -> None:
    store = MemoryStore[Recording]()
    async with recorder(store) as one:
        await one.enrolled("alice")
        one.let_in(alice, "f-1")
        (kept,) = (await one.list()).recordings
        store.stuck = True
        await one.enrolled(version=2)
        hidden, gone = await one.list(), await one.get(kept.recording)
        assert store.kept
        store.stuck = False
        await one.pass_time(LOOK_SECONDS)
        await one.list()

    assert (hidden.count, gone.error) == (0, ErrorCode.UNKNOWN_RECORDING)
    assert not store.kept


async def test_a_disk_that_cannot_be_read_at_the_start_is_tried_again(alice: bytes) -> None:
    store = MemoryStore[Recording]()
    async with recorder(store) as one:
        one.let_in(alice, "f-1")
        await one.list()
    store.stuck = True
    async with recorder(store) as one:
        nothing = await one.list()
        assert "Read-only" in str(one.service.problem())
        store.stuck = False
        await one.pass_time(LOOK_SECONDS)
        kept = await one.list()

    assert (nothing.count, kept.count) == (0, 1)


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("recording/Not-A-Slug/get", b"{}", ErrorCode.BAD_REQUEST),
        ("recording/20260601-0f/get", b"{]", ErrorCode.BAD_REQUEST),
        ("recording/20260601-0f/get", b'{"boxes": 1}', ErrorCode.BAD_REQUEST),
        ("recording/20260601-0f/erase", b"now", ErrorCode.BAD_REQUEST),
        ("recording/list", b'{"limit": 100000}', ErrorCode.BAD_REQUEST),
        ("recording/list", b"x" * 5000, ErrorCode.TOO_LARGE),
    ],
)
async def test_a_request_that_cannot_be_taken_is_answered_with_what_is_wrong(
    topic: str, payload: bytes, code: ErrorCode
) -> None:
    channel = channels.RECORDING_GET if topic.endswith("get") else channels.RECORDING_LIST
    assert channel.reply is not None
    async with recorder(MemoryStore()) as one:
        request = Packet(
            f"{TOPICS.root}/{topic}",
            payload,
            qos=1,
            response_topic=TOPICS.topic(channel.reply, **ME),
            correlation=b"c",
        )
        answer = await one.send(request)

    assert (answer.error if channel is channels.RECORDING_GET else answer.error.code) is code


async def test_a_picture_goes_to_reply_topics_of_the_table_only(alice: bytes) -> None:
    async with recorder(MemoryStore()) as one:
        one.let_in(alice, "f-1")
        (kept,) = (await one.list()).recordings
        request = Outbound(channels.RECORDING_GET, GetRecording(), {"recording": kept.recording}, b"thief")
        stolen = replace(request.packet(TOPICS), response_topic=f"{TOPICS.root}/door/front/decision")
        one.bus.publish(stolen)
        await one.list()
        answers = [each for each in one.bus.log if each.correlation == b"thief" and each is not stolen]

    assert answers == []


async def test_frames_beyond_the_ring_are_forgotten_and_a_late_decision_is_counted() -> None:
    frame = b"\xff\xd8\xff\xe0" + bytes(600_000)
    async with recorder(MemoryStore(), ring_megabytes=1, ring_seconds=5) as one:
        one.show(frame, "f-1")
        one.show(frame + b"1", "f-2")
        one.decide("f-1")
        await one.pass_time(6)
        one.show(frame + b"2", "f-3")
        one.decide("f-2")
        kept = await one.list()
        figures = one.service.figures()

    assert kept.count == 0
    assert figures["without_frame"] == 2
    assert figures["ring_frames"] == 1


async def test_a_picture_that_is_damaged_is_refused_in_words_and_the_others_are_there(
    alice: bytes, tmp_path: Path
) -> None:
    async with recorder(FileStore(tmp_path, SEAL, Recording)) as one:
        for number in range(2):
            one.let_in(shot(alice), f"f-{number}")
            await one.pass_time(1)
            kept = await one.list()
        path = tmp_path / f"{kept.recordings[0].recording}.sealed"
        path.write_bytes(path.read_bytes()[:-10])
        damaged, whole = [await one.get(each.recording) for each in kept.recordings]

    assert (damaged.error, damaged.jpeg) == (ErrorCode.STORAGE_FAILED, b"")
    assert whole.error is None


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
