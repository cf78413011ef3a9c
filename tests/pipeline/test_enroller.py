"""The enroller on the bus: requests go in, results and maps come out, and nothing ends it."""

import asyncio
import base64
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import pyotp
import pytest

from doorbus.runtime.service import Service
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.ed25519 import SecretKey
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import (
    Course,
    Embedded,
    EmbeddedFace,
    EmbedRequest,
    Enrolment,
    ErrorCode,
    GalleryEntry,
    Health,
    ListedPeople,
    Manifest,
    Models,
    ModelState,
    PeopleChecked,
    Presence,
    Result,
    ResultStatus,
    Rights,
    RosterEntry,
    Weakness,
    utc,
)
from doorbus.wire.packet import Filter, Packet
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import MAX_SHARDS, SnapshotReader, as_they_are, pack
from doorbus.wire.templates import to_store, unit
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_enroller.fakes import MemoryStore
from doorbus_enroller.lookout import PICTURE
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Sample, Store
from support.enrolled import health_of_actuator
from support.jpegs import START, Jpeg, note, refining
from support.signing import ENROLLER, ENROLLERS, RECOGNIZERS, STRANGER
from support.signing import packet as signed

E = TypeVar("E", GalleryEntry, RosterEntry)

KEY = bytes(range(32))
REPLY = TOPICS.topic(channels.RESULT_REPLY, token="admin")


def picture(content: str) -> bytes:
    """A JPEG of nothing; the scripted recognizer knows by its note what is on it."""
    return START + note(content.encode()) + Jpeg(16, 16).whole().end()[len(START) :]


def sealed(template: bytes, seal: Seal | None = None) -> str:
    """A template as a recognizer sends it, whatever is in it; of this site unless sealed for another."""
    return base64.b64encode((seal or Seal(KEY)).seal(template, "embedding")).decode()


def face(
    degrees: float,
    *,
    size: float = 80.0,
    sharpness: float = 200.0,
    brightness: float | None = None,
    seal: Seal | None = None,
) -> EmbeddedFace:
    """A face whose template lies at an angle in a plane; faces resemble each other by the cosine between them."""
    template = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0], "<f4").tobytes()
    return EmbeddedFace(
        box=(0.0, 0.0, 100.0, 100.0),
        size=size,
        sharpness=sharpness,
        quality=0.8,
        live=0.9,
        brightness=brightness,
        template=sealed(template, seal),
    )


class ScriptedRecognizer(Service):
    """Answers each picture as the script says; a picture that is not in it gets no answer."""

    role: ClassVar[Role] = Role.RECOGNIZER

    def __init__(self, script: dict[bytes, tuple[EmbeddedFace, ...] | ErrorCode], model: str = "MobileFaceNet") -> None:
        self.script = script
        self.model = model
        self.asked: list[bytes] = []

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.EMBED_REQUEST, self._embed, share="recognizers"),)

    async def _embed(self, inbound: Inbound[EmbedRequest]) -> Iterable[Outbound]:
        self.asked.append(inbound.message.jpeg)
        answer = self.script.get(inbound.message.jpeg)
        if answer is None:
            return ()
        error = answer if isinstance(answer, ErrorCode) else None
        faces = () if isinstance(answer, ErrorCode) else answer
        return inbound.reply(Embedded(model=self.model, faces=faces, same_person_similarity=0.5, error=error))


ALICE, ALICE_AGAIN, BOB, CAROL = picture("alice"), picture("alice again"), picture("bob"), picture("carol")
SCRIPT: dict[bytes, tuple[EmbeddedFace, ...] | ErrorCode] = {
    ALICE: (face(0),),
    ALICE_AGAIN: (face(20),),
    BOB: (face(90),),
    picture("bob again"): (face(95),),
    CAROL: (face(180),),
    picture("nobody"): (),
    picture("couple"): (face(0), face(90)),
    picture("alice and a passer-by"): (face(0), face(90, size=30)),
    picture("far"): (face(0, size=12),),
    picture("blurred"): (face(0, sharpness=3),),
    picture("dark"): (face(0, sharpness=3, brightness=0.1),),
    picture("truncated"): ErrorCode.NOT_A_PICTURE,
}


@dataclass
class Site:
    """A bus with an enroller on it, and somebody who sends requests and hears everything."""

    stack: AsyncExitStack
    var: Path
    bus: MemoryBus = field(default_factory=MemoryBus)
    clock: FakeClock = field(default_factory=FakeClock)
    heard: asyncio.Queue[Packet] = field(default_factory=asyncio.Queue)

    async def listen(self) -> None:
        connection = await self.stack.enter_async_context(
            self.bus.connect(client_id="listener", will=None, deliver=self.heard.put_nowait)
        )
        await connection.subscribe([Filter("#")])

    async def enroller(self, store: Store | None = None, *, seal: Seal | None = None, **settings: float | str) -> None:
        """Start an enroller."""
        service, runner = self.make(store or MemoryStore(), seal or Seal(KEY), **settings)
        await self.stack.enter_async_context(running(service, self.bus, self.clock, runner))

    def make(self, store: Store, seal: Seal, **settings: float | str) -> tuple[EnrollerService, EnrollerSettings]:
        own = Enroller.model_validate({"probe_seconds": 0} | settings)
        of_process = EnrollerSettings(_env_file=None, instance="one", var=self.var, health_seconds=1e9, enroller=own)
        return EnrollerService(of_process, store, seal, ENROLLERS, self.clock), of_process

    async def recognizer(self, model: str = "MobileFaceNet") -> ScriptedRecognizer:
        """Start a recognizer."""
        service = ScriptedRecognizer(dict(SCRIPT), model)
        await self.stack.enter_async_context(running(service, self.bus, self.clock))
        return service

    async def sit(self, person: str, *, samples: int = 2, camera: str = "porch") -> None:
        """Ask to enrol a person from a camera, and wait until the enroller listens to it."""
        request = {"door": "front", "camera": camera, "samples": samples, "timeout_s": 30}
        self.send(channels.ENROL_FROM_CAMERA, person, json.dumps(request).encode())
        await self.until_listened_to(camera=camera)

    async def welcome(self, *, name: str | None = None, camera: str = "porch") -> None:
        """Ask to enrol somebody who has no id from one frame of a camera, and wait until it is listened to."""
        request = {"door": "front", "camera": camera, "samples": 1} | ({} if name is None else {"name": name})
        self.send(channels.NEWCOMER, "", json.dumps(request).encode())
        await self.until_listened_to(camera=camera)

    def actuator(self, door: str, country: str | None = None, **figures: float) -> None:
        """Let an actuator tell which door it drives."""
        self.bus.publish(health_of_actuator(door, self.clock.now(), figures, country))

    def listened_to(self, camera: str = "porch") -> bool:
        """Whether the enroller listens to the frames of a camera."""
        topic = TOPICS.topic(channels.FRAME, door="front", camera=camera)
        return topic in self.bus.topics()

    async def until_listened_to(self, *, camera: str = "porch", listened_to: bool = True) -> None:
        """Wait until the enroller listens to a camera, or no longer does."""
        await self._until(lambda: self.listened_to(camera) is listened_to)

    async def until_pictures_are_embedded(self) -> None:
        """Wait until a recognizer listens to requests."""
        topic = TOPICS.topic(channels.EMBED_REQUEST)
        await self._until(lambda: any(one.endswith(topic) for one in self.bus.topics()))

    async def _until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():  # noqa: ASYNC110  # subscriptions have no event
                await asyncio.sleep(0.001)

    def show(self, jpeg: bytes, camera: str = "porch", **packet: Any) -> None:
        """Publish a frame."""
        self.bus.publish(Packet(TOPICS.topic(channels.FRAME, door="front", camera=camera), jpeg, **packet))

    async def looked_at(self, jpeg: bytes) -> None:
        """Show a frame, and wait until a recognizer has answered what is on it."""
        self.show(jpeg)
        await self.hear(lambda packet: "/embed/reply/" in packet.topic)

    def send(self, channel: Channel[Any], person: str, payload: bytes = b"", **packet: Any) -> None:
        topic = TOPICS.topic(channel, person="somebody").replace("somebody", person)
        self.bus.publish(Packet(topic, payload, qos=1, **packet))

    async def hear(self, wanted: Callable[[Packet], bool]) -> Packet:
        """The next packet that is wanted; what comes before it is passed over."""
        while True:
            packet = await self.heard.get()
            if wanted(packet):
                return packet

    async def result(self, person: str) -> Result:
        """The next result about a person."""
        topic = TOPICS.topic(channels.RESULT, person=person)
        return Result.model_validate_json((await self.hear(lambda packet: packet.topic == topic)).payload)

    async def reply(self) -> Result:
        """The next result on the response topic."""
        return Result.model_validate_json((await self.hear(lambda packet: packet.topic == REPLY)).payload)

    async def ask(self, channel: Channel[Any], person: str, payload: bytes = b"") -> Result:
        """Send a request and await its result."""
        self.send(channel, person, payload)
        return await self.result(person)

    async def health(self, wanted: Callable[[Health], bool]) -> Health:
        """The last report of the enroller if it is wanted, else the next that is."""
        topic = TOPICS.topic(channels.HEALTH, service="enroller", instance="one")

        def is_it(packet: Packet) -> bool:
            return packet.topic == topic and wanted(Health.model_validate_json(packet.payload))

        last = self.bus.retained.get(topic)
        packet = last if last is not None and is_it(last) else await self.hear(is_it)
        return Health.model_validate_json(packet.payload)

    def roster(self) -> dict[str, RosterEntry]:
        """What a reader who comes now makes of the retained roster."""
        entries = self._read(channels.ROSTER_MANIFEST, channels.ROSTER_SHARD, RosterEntry, None)
        return {entry.person: entry for entry in entries}

    def gallery(self) -> dict[str, int]:
        """How many templates the retained gallery holds of whom."""
        entries = self._read(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD, GalleryEntry, Seal(KEY))
        return {entry.person: len(entry.templates) for entry in entries}

    def manifest(self, channel: Channel[Manifest]) -> Manifest:
        return Manifest.model_validate_json(self.bus.retained[TOPICS.topic(channel)].payload)

    def _read(
        self, manifest: Channel[Manifest], shard: Channel[Any], entry: type[E], seal: Seal | None
    ) -> tuple[E, ...]:
        reader = SnapshotReader(entry, as_they_are, seal)
        whole = reader.manifest(self.manifest(manifest))
        for topic, packet in self.bus.retained.items():
            found = TOPICS.resolve(topic)
            if found is not None and found.channel is shard:
                whole = reader.shard(int(found.ids["shard"]), packet.payload) or whole
        assert whole is not None
        return tuple(one for part in whole.parts() for one in part)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        made = Site(stack, tmp_path)
        await made.listen()
        yield made


def code(result: Result) -> ErrorCode:
    assert result.error is not None, result
    assert result.error.message
    assert result.status is ResultStatus.ERROR
    return result.error.code


async def test_an_empty_gallery_and_roster_are_published_whole(site: Site) -> None:
    await site.enroller()
    assert site.roster() == {}
    assert site.gallery() == {}
    assert site.manifest(channels.GALLERY_MANIFEST).model is None


async def test_shards_of_a_larger_past_are_deleted_from_the_broker(site: Site) -> None:
    for channel in (channels.ROSTER_SHARD, channels.GALLERY_SHARD):
        for shard in range(MAX_SHARDS):
            topic = TOPICS.topic(channel, shard=str(shard))
            site.bus.publish(Packet(topic, b"of a lost database", qos=1, retain=True))
    await site.enroller()
    shards = [topic for topic in site.bus.retained if "/shard/" in topic]
    assert len(shards) == 2


async def test_a_picture_enrols_a_new_person_with_no_restart(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    result = await site.ask(channels.ENROL, "alice", ALICE)
    assert result.status is ResultStatus.OK
    assert result.error is None
    assert (result.action, result.person, result.samples) == ("enrol", "alice", 1)
    assert site.gallery() == {"alice": 1}
    assert site.roster() == {"alice": RosterEntry(person="alice")}
    manifest = site.manifest(channels.GALLERY_MANIFEST)
    assert (manifest.version, manifest.model) == (result.gallery_version, "MobileFaceNet")


async def test_the_maps_are_on_the_bus_before_the_result_says_so(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    topics = [packet.topic for packet in site.bus.log]
    result = topics.index(TOPICS.topic(channels.RESULT, person="alice"))
    last = max(index for index, topic in enumerate(topics) if topic == TOPICS.topic(channels.GALLERY_MANIFEST))
    assert last < result


async def test_the_result_also_goes_to_the_response_topic_with_the_correlation(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.send(channels.ENROL, "alice", ALICE, response_topic=REPLY, correlation=b"request 7")
    packet = await site.hear(lambda each: each.topic == REPLY)
    assert packet.correlation == b"request 7"
    assert Result.model_validate_json(packet.payload).status is ResultStatus.OK


async def test_a_further_picture_adds_a_sample_and_leaves_the_roster_alone(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    before = site.manifest(channels.ROSTER_MANIFEST)
    result = await site.ask(channels.ENROL, "alice", ALICE_AGAIN)
    assert result.samples == 2
    assert site.gallery() == {"alice": 2}
    assert site.manifest(channels.ROSTER_MANIFEST) == before


async def test_a_picture_delivered_twice_counts_once(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    first = await site.ask(channels.ENROL, "alice", ALICE)
    second = await site.ask(channels.ENROL, "alice", ALICE)
    assert second.status is ResultStatus.OK
    assert (second.samples, second.gallery_version) == (1, first.gallery_version)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("nobody", ErrorCode.NO_FACE),
        ("couple", ErrorCode.SEVERAL_FACES),
        ("far", ErrorCode.TOO_SMALL),
        ("blurred", ErrorCode.BLURRED),
        ("dark", ErrorCode.TOO_DARK),
        ("truncated", ErrorCode.NOT_A_PICTURE),
    ],
)
async def test_a_poor_picture_is_refused_and_a_good_one_right_after_enrols(
    site: Site, content: str, expected: ErrorCode
) -> None:
    await site.enroller()
    await site.recognizer()
    assert code(await site.ask(channels.ENROL, "alice", picture(content))) is expected
    assert site.gallery() == {}
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK


async def test_a_face_is_not_enrolled_under_a_second_name(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    assert code(await site.ask(channels.ENROL, "alicia", ALICE_AGAIN)) is ErrorCode.ALREADY_SOMEONE_ELSE
    assert code(await site.ask(channels.ENROL, "alice", BOB)) is ErrorCode.NOT_THE_SAME_PERSON
    assert site.gallery() == {"alice": 1}


async def test_one_new_face_sent_under_two_names_at_once_gets_one_of_them(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.send(channels.ENROL, "alice", ALICE)
    site.send(channels.ENROL, "alicia", ALICE_AGAIN)
    assert (await site.result("alice")).status is ResultStatus.OK
    assert code(await site.result("alicia")) is ErrorCode.ALREADY_SOMEONE_ELSE
    assert site.gallery() == {"alice": 1}


async def test_a_recognizer_with_another_model_adds_nothing_to_the_gallery(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    recognizer.model = "Dlib"
    assert code(await site.ask(channels.ENROL, "bob", BOB)) is ErrorCode.OTHER_MODEL
    await site.ask(channels.REMOVE, "alice")
    assert (await site.ask(channels.ENROL, "bob", BOB)).status is ResultStatus.OK
    assert site.manifest(channels.GALLERY_MANIFEST).model == "Dlib"


@pytest.mark.parametrize("person", ["Alice", "a b", "älice", "-", "x" * 65, ""])
async def test_a_bad_person_id_is_told_on_the_response_topic_and_nowhere_else(site: Site, person: str) -> None:
    await site.enroller()
    await site.recognizer()
    site.send(channels.ENROL, person, ALICE, response_topic=REPLY, correlation=b"1")
    reply = await site.reply()
    assert code(reply) is ErrorCode.BAD_PERSON_ID
    assert (reply.person, reply.action) == (person, "enrol")
    assert not [packet.topic for packet in site.bus.log if packet.topic.endswith("/result")]
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK


async def test_a_bad_person_id_without_a_response_topic_is_counted(site: Site) -> None:
    await site.enroller()
    site.send(channels.UPDATE, "Alice", b"{}")
    health = await site.health(lambda each: bool(each.refused))
    assert health.refused == {"update.bad_id": 1}


@pytest.mark.parametrize(
    ("jpeg", "words"),
    [
        (refining(7000, 7000, 30), "too much work: 49 megapixels in 30 scans; send a smaller picture"),
        (
            Jpeg(320, 240, bits=12).end(),
            "this is no JPEG that can be read (has 12 bits a colour, 8 are taken); send a whole",
        ),
        (ALICE[:-2], "this is no JPEG that can be read (no end marker); send a whole"),
        (b"\0\0\0 ftypheic", "this is no JPEG that can be read (not a JPEG but HEIC, as iPhones keep pictures: share"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "this is no JPEG that can be read (not a JPEG but WebP: save it as JPEG)"),
        (b"GIF89a", "this is no JPEG that can be read (not a JPEG but GIF: save it as JPEG)"),
        (b"hello", "this is no JPEG that can be read (not a JPEG)"),
    ],
)
async def test_a_picture_that_no_recognizer_would_take_is_answered_in_words_and_none_is_asked(
    site: Site, jpeg: bytes, words: str
) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    result = await site.ask(channels.ENROL, "alice", jpeg)
    assert result.error is not None
    assert result.error.message.startswith(words)
    assert recognizer.asked == []


@pytest.mark.parametrize(
    ("channel", "payload", "retain", "expected"),
    [
        (channels.ENROL, b"", False, ErrorCode.NOT_A_PICTURE),
        (channels.ENROL, b"GIF89a", False, ErrorCode.NOT_A_PICTURE),
        (channels.ENROL, ALICE + bytes(9 * 1024 * 1024), False, ErrorCode.TOO_LARGE),
        (channels.ENROL, ALICE[:-2], False, ErrorCode.NOT_A_PICTURE),
        (channels.ENROL, refining(7000, 7000, 30), False, ErrorCode.TOO_LARGE),
        (channels.ENROL, ALICE, True, ErrorCode.RETAINED),
        (channels.UPDATE, b"", False, ErrorCode.BAD_REQUEST),
        (channels.UPDATE, b"{", False, ErrorCode.BAD_REQUEST),
        (channels.UPDATE, b'{"nmae": "Alice"}', False, ErrorCode.BAD_REQUEST),
        (channels.UPDATE, b'{"threshold": NaN}', False, ErrorCode.BAD_REQUEST),
        (channels.UPDATE, b"{}", True, ErrorCode.RETAINED),
        (channels.REMOVE, b"alice", False, ErrorCode.BAD_REQUEST),
        (channels.REMOVE, b"x", True, ErrorCode.RETAINED),
        (channels.ENROL_FROM_CAMERA, b'{"door": "front"}', False, ErrorCode.BAD_REQUEST),
        (
            channels.ENROL_FROM_CAMERA,
            b'{"door": "front", "camera": "porch", "samples": 0}',
            False,
            ErrorCode.BAD_REQUEST,
        ),
        (channels.ENROL_FROM_CAMERA, b'{"door": "front", "camera": "porch"}', True, ErrorCode.RETAINED),
    ],
)
async def test_a_request_that_cannot_be_read_is_answered_and_changes_nothing(
    site: Site, channel: Channel[Any], payload: bytes, expected: ErrorCode, *, retain: bool
) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "bob", BOB)
    before = site.gallery()
    site.send(channel, "alice", payload, retain=retain, response_topic=REPLY, correlation=b"1")
    result = await site.result("alice")
    assert code(result) is expected
    assert result.action == channel.name
    assert await site.reply() == result
    assert site.gallery() == before
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK


async def test_a_recognizer_that_is_away_is_asked_twice_and_then_given_up(site: Site) -> None:
    await site.enroller()
    site.send(channels.ENROL, "alice", ALICE)
    await site.hear(_is_request)
    site.clock.advance(5)
    await site.hear(_is_request)
    site.clock.advance(5)
    assert code(await site.result("alice")) is ErrorCode.NO_RECOGNIZER
    await site.recognizer()
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK


async def test_a_recognizer_that_comes_within_the_time_finishes_the_enrolment(site: Site) -> None:
    await site.enroller()
    site.send(channels.ENROL, "alice", ALICE)
    await site.hear(_is_request)
    await site.recognizer()
    site.clock.advance(5)
    assert (await site.result("alice")).status is ResultStatus.OK


def _is_request(packet: Packet) -> bool:
    return packet.topic == TOPICS.topic(channels.EMBED_REQUEST)


async def test_a_second_answer_to_one_question_is_refused(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.send(channels.ENROL, "alice", ALICE)
    answer = await site.hear(lambda each: "/embed/reply/" in each.topic)
    await site.result("alice")
    site.bus.publish(answer)
    health = await site.health(lambda each: bool(each.refused))
    assert health.refused == {"embed_reply.unexpected": 1}
    assert site.gallery() == {"alice": 1}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        pytest.param(face(0, seal=Seal(bytes(32))).template, "unsealed", id="sealed for another site"),
        pytest.param("not base64", "wrong_shape", id="not base64"),
        pytest.param(sealed(b""), "wrong_shape", id="empty"),
        pytest.param(sealed(b"12345"), "wrong_shape", id="no whole number of floats"),
        pytest.param(sealed(bytes(12)), "wrong_shape", id="zeros"),
        pytest.param(sealed(b"\xff" * 12), "wrong_shape", id="no numbers"),
    ],
)
async def test_templates_that_cannot_be_trusted_are_refused_and_the_next_answer_is_taken(
    site: Site, template: str, reason: str
) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    good = recognizer.script[ALICE]
    recognizer.script[ALICE] = (face(0).model_copy(update={"template": template}),)
    site.send(channels.ENROL, "alice", ALICE)
    health = await site.health(lambda each: bool(each.refused))
    assert health.refused == {f"embed_reply.{reason}": 1}
    recognizer.script[ALICE] = good
    site.clock.advance(5)
    assert (await site.result("alice")).status is ResultStatus.OK


async def test_when_no_answer_can_be_trusted_the_sender_is_told_why(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    recognizer.script[ALICE] = (face(0, seal=Seal(bytes(32))),)
    site.send(channels.ENROL, "alice", ALICE)
    await site.health(lambda each: bool(each.refused))
    site.clock.advance(10)
    result = await site.result("alice")
    assert code(result) is ErrorCode.NO_RECOGNIZER
    assert result.error is not None
    assert "not sealed with this site's key" in result.error.message


async def test_pictures_beyond_what_may_wait_are_told_to_come_later(site: Site) -> None:
    await site.enroller(max_pending=2)
    for person in ("alice", "bob"):
        site.send(channels.ENROL, person, ALICE)
    assert code(await site.ask(channels.ENROL, "carol", BOB)) is ErrorCode.BUSY
    site.clock.advance(10)
    assert code(await site.result("alice")) is ErrorCode.NO_RECOGNIZER
    assert code(await site.result("bob")) is ErrorCode.NO_RECOGNIZER
    await site.recognizer()
    assert (await site.ask(channels.ENROL, "carol", BOB)).status is ResultStatus.OK


async def test_a_person_removed_while_a_picture_waits_does_not_come_back(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    answer = recognizer.script.pop(ALICE_AGAIN)
    site.send(channels.ENROL, "alice", ALICE_AGAIN)
    await site.hear(_is_request)
    site.send(channels.REMOVE, "alice")
    waiting, removal = await site.result("alice"), await site.result("alice")
    recognizer.script[ALICE_AGAIN] = answer
    assert (waiting.action, code(waiting)) == ("enrol", ErrorCode.UNKNOWN_PERSON)
    assert (removal.action, removal.status) == ("remove", ResultStatus.OK)
    site.clock.advance(60)
    assert (await site.ask(channels.ENROL, "bob", BOB)).status is ResultStatus.OK
    assert site.gallery() == {"bob": 1}


async def test_after_the_last_person_has_gone_for_a_while_somebody_is_enrolled(site: Site) -> None:
    await site.enroller(probe_seconds=2)
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    site.clock.advance(5)
    await site.hear(_is_request)
    await site.ask(channels.REMOVE, "alice")

    for _ in range(3):
        site.clock.advance(5)
        await site.hear(_is_request)  # a test picture: what was due is done
        assert (await site.ask(channels.ENROL, "bob", BOB)).status is ResultStatus.OK
        assert (await site.ask(channels.REMOVE, "bob")).status is ResultStatus.OK


async def test_removing_forgets_the_person_in_both_maps(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.ask(channels.ENROL, "bob", BOB)
    removal = await site.ask(channels.REMOVE, "alice")
    assert (removal.status, removal.samples) == (ResultStatus.OK, 0)
    assert site.gallery() == {"bob": 1}
    assert list(site.roster()) == ["bob"]
    again = await site.ask(channels.REMOVE, "alice")
    assert code(again) is ErrorCode.UNKNOWN_PERSON
    assert again.error is not None
    assert (
        again.error.message
        == "nobody is enrolled as alice, so there is nothing to remove; doorbus people lists everybody"
    )


async def test_an_update_changes_what_it_names_and_leaves_the_gallery_alone(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    gallery = site.manifest(channels.GALLERY_MANIFEST)
    assert (
        await site.ask(channels.UPDATE, "alice", b'{"name": "Alice", "doors": ["front"]}')
    ).status is ResultStatus.OK
    assert (await site.ask(channels.UPDATE, "alice", b'{"enabled": false, "doors": null}')).status is ResultStatus.OK
    assert site.roster()["alice"] == RosterEntry(person="alice", name="Alice", enabled=False)
    assert site.manifest(channels.GALLERY_MANIFEST) == gallery


async def test_an_update_that_makes_no_sense_is_refused(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    assert code(await site.ask(channels.UPDATE, "alice", b'{"name": "Alice"}')) is ErrorCode.UNKNOWN_PERSON
    await site.ask(channels.ENROL, "alice", ALICE)
    backwards = b'{"valid_from": "2026-06-02T00:00:00Z", "valid_until": "2026-06-01T00:00:00Z"}'
    assert code(await site.ask(channels.UPDATE, "alice", backwards)) is ErrorCode.BAD_REQUEST
    assert code(await site.ask(channels.UPDATE, "alice", b"{}")) is ErrorCode.BAD_REQUEST
    assert site.roster()["alice"] == RosterEntry(person="alice")


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("Mo-Fr 7-19", "at character 7, '7'; they look like Mo-Fr 07:00-19:00"),
        ("whenever", "at character 1, 'w'"),
        ("", "'' is not opening hours"),
        ("Mo-Fr 22:00-06:00 || Sa 10:00-12:00", "write , instead"),
        ("24/7; SH off", "school holidays"),
        ("sunrise-sunset", "times of the sun"),
    ],
)
async def test_hours_that_nobody_can_read_are_refused_with_the_way_to_write_them(
    site: Site, hours: str, told: str
) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)

    result = await site.ask(channels.UPDATE, "alice", json.dumps({"hours": hours, "name": "Alice"}).encode())

    assert code(result) is ErrorCode.BAD_REQUEST
    assert result.error is not None
    assert told in result.error.message
    assert site.roster()["alice"] == RosterEntry(person="alice")


@pytest.mark.parametrize("hours", [None, "24/7", "Mo-Fr 22:00-06:00; PH off", 'Sa 08:00-12:00 "by appointment"'])
async def test_hours_that_can_be_read_are_taken_without_a_word(site: Site, hours: str | None) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)

    result = await site.ask(channels.UPDATE, "alice", json.dumps({"hours": hours}).encode())

    assert (result.status, result.warning) == (ResultStatus.OK, None)
    assert site.roster()["alice"].hours == hours


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"doors": ["front"]}, None),
        ({"doors": ["frotn"]}, "there is no door frotn yet; the doors are back, front"),
        ({"doors": ["front", "gate"]}, "there is no door gate yet"),
        ({"doors": []}, "no door at all may be used"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "valid_until 2020-01-01T00:00:00+00:00 has passed"),
        ({"hours": "2020 Mo-Fr 08:00-10:00"}, "the hours '2020 Mo-Fr 08:00-10:00' are not open within a year"),
        (
            {"hours": "Mo-Fr 08:00-10:00; PH off"},
            "public holidays (PH) close back until DOORBUS_ACTUATOR__COUNTRY is set there",
        ),
        ({"hours": "Mo-Fr 08:00-10:00; PH off", "doors": ["front"]}, None),
    ],
)
async def test_rights_that_will_not_hold_are_taken_with_a_warning(
    site: Site, change: dict[str, Any], told: str | None
) -> None:
    await site.enroller()
    await site.recognizer()
    site.actuator("front", "DE")
    site.actuator("back")
    await site.ask(channels.ENROL, "alice", ALICE)

    result = await site.ask(channels.UPDATE, "alice", json.dumps(change).encode())
    again = await site.ask(channels.ENROL, "alice", ALICE_AGAIN)

    assert result.status is ResultStatus.OK
    assert result.warning == again.warning
    assert (result.warning is None) if told is None else (told in (result.warning or ""))


async def test_where_there_is_a_picture_nobody_is_told_that_a_code_opens_nothing_by_itself(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.actuator("front", codes_alone=0)
    await site.ask(channels.ENROL, "alice", ALICE)

    topic = TOPICS.topic(channels.SET_CREDENTIAL, person="alice", credential="pin")
    site.bus.publish(Packet(topic, b'{"code": "274163"}', qos=1))

    assert (await site.result("alice")).warning is None


EVIL = ["A\x1b[31mlice", "A\u202elice", "Alice\n", "A\u2028lice", "\x00", "A\x85"]


@pytest.mark.parametrize("name", EVIL)
async def test_a_name_that_would_do_more_than_be_read_is_refused_and_nobody_gets_it(site: Site, name: str) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)

    refused = await site.ask(channels.UPDATE, "alice", json.dumps({"name": name}).encode())
    fine = await site.ask(channels.UPDATE, "alice", json.dumps({"name": "Zoë \U0001f469\u200d\U0001f680"}).encode())

    assert code(refused) is ErrorCode.BAD_REQUEST
    assert "name: a name has no control characters" in (refused.error.message if refused.error else "")
    assert fine.status is ResultStatus.OK
    assert site.roster()["alice"].name == "Zoë \U0001f469\u200d\U0001f680"


async def test_a_name_that_was_written_before_names_were_looked_at_is_told_without_what_does_more(site: Site) -> None:
    store = MemoryStore()
    store.begin(site.clock.now())
    store.add("alice", [], Rights(name="A\u202elice\r\n\x1b[31m"), site.clock.now())
    await site.enroller(store)

    assert site.roster()["alice"].name == "A?lice???[31m"


async def test_a_door_that_is_named_a_thousand_times_is_told_once(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.actuator("front")
    await site.ask(channels.ENROL, "alice", ALICE)

    doors = [*["front", "gate"] * 1000, *(f"x{number}" for number in range(20))]
    result = await site.ask(channels.UPDATE, "alice", json.dumps({"doors": doors}).encode())

    assert site.roster()["alice"].doors == tuple(dict.fromkeys(doors))
    assert (result.warning or "").startswith("there is no door gate, x0, x1")
    assert " and 11 more yet; the doors are front" in (result.warning or "")


async def test_a_door_is_known_as_soon_as_its_actuator_comes_and_until_its_state_is_deleted(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    gate = json.dumps({"doors": ["gate"]}).encode()
    state = TOPICS.topic(channels.LOCK_STATE, door="gate")

    before = await site.ask(channels.UPDATE, "alice", gate)
    site.bus.publish(Packet(state, b"LOCKED", qos=1, retain=True))
    there = await site.ask(channels.UPDATE, "alice", gate)
    site.bus.publish(Packet(state, b"", qos=1, retain=True))
    gone = await site.ask(channels.UPDATE, "alice", gate)

    assert (before.status, gone.status) == (ResultStatus.OK, ResultStatus.OK)
    assert before.warning == gone.warning
    assert "no actuator has told of a door yet" in (before.warning or "")
    assert there.warning is None


async def test_hours_from_before_they_were_checked_are_named_in_the_log_and_in_the_next_answer(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    store = MemoryStore()
    now = site.clock.now()
    store.begin(now)
    template = np.array([1.0, 0.0, 0.0], "<f4")
    sealed_template = to_store(template, "alice", Seal(KEY))
    sample = Sample(template=sealed_template, model="MobileFaceNet", quality=1, picture="0" * 64, created_at=now)
    store.add("alice", [sample], Rights(hours="whenever"), now)
    await site.enroller(store)

    result = await site.ask(channels.UPDATE, "alice", b'{"name": "Alice"}')

    assert result.status is ResultStatus.OK
    assert "the door stays closed, as the hours cannot be read: 'whenever'" in (result.warning or "")
    assert re.search(r"hours_unreadable.*alice", capsys.readouterr().out)


async def test_a_store_that_fails_is_told_and_the_enroller_goes_on(site: Site) -> None:
    store = MemoryStore()
    await site.enroller(store)
    await site.recognizer()
    store.failing = "enroller.db: the disk is full"
    for channel, payload in ((channels.ENROL, ALICE), (channels.UPDATE, b'{"name": "A"}'), (channels.REMOVE, b"")):
        result = await site.ask(channel, "alice", payload)
        assert code(result) is ErrorCode.STORAGE_FAILED
        assert result.error is not None
        assert result.error.message == store.failing
    assert (await site.health(lambda each: each.problem is not None)).problem == store.failing
    store.failing = None
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK
    await site.health(lambda each: each.problem is None)
    assert store.changes == ["add alice"]


def crowd(number: int) -> MemoryStore:
    """A store with so many people that the maps have several shards; none of them resembles anybody in the script."""
    store = MemoryStore()
    now = FakeClock().now()
    for one in range(number):
        person = f"p{one:_>60}"
        template = to_store(np.array([0, 0, 1], np.float32), person, Seal(KEY))
        store.add(person, [Sample(template, "MobileFaceNet", 0.5, "picture", now)], Rights(), now)
    return store


async def test_a_picture_that_is_a_sample_already_is_answered_without_a_recognizer(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK
    again = await site.ask(channels.ENROL, "alice", ALICE)
    assert (again.status, again.samples) == (ResultStatus.OK, 1)
    assert recognizer.asked == [ALICE]
    assert code(await site.ask(channels.ENROL, "bob", ALICE)) is ErrorCode.ALREADY_SOMEONE_ELSE
    await site.ask(channels.REMOVE, "alice")
    assert (await site.ask(channels.ENROL, "alice", ALICE)).samples == 1
    assert recognizer.asked == [ALICE] * 3


async def test_an_enrolment_says_how_many_samples_are_advised_and_that_a_picture_adds_nothing(site: Site) -> None:
    await site.enroller()
    (await site.recognizer()).script[picture("alice, nearly the same")] = (face(1),)
    first = await site.ask(channels.ENROL, "alice", ALICE)
    again = await site.ask(channels.ENROL, "alice", picture("alice, nearly the same"))
    second = await site.ask(channels.ENROL, "alice", ALICE_AGAIN)
    assert (first.added, first.advice) == (1, "samples 1 of 3 advised")
    assert (again.status, again.added, again.samples) == (ResultStatus.OK, 0, 1)
    assert again.advice is not None
    assert again.advice.startswith("this picture adds nothing: one like it is a sample (similarity 1.000)")
    assert (second.added, second.advice) == (1, "samples 2 of 3 advised")
    assert site.gallery() == {"alice": 2}
    assert (await site.ask(channels.UPDATE, "alice", b'{"name": "Alice"}')).advice is None


async def test_one_sample_is_removed_by_its_number_and_the_last_one_is_not(site: Site) -> None:
    store = MemoryStore()
    await site.enroller(store)
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.ask(channels.ENROL, "alice", ALICE_AGAIN)
    alice = store.find("alice", site.clock.now())
    assert alice is not None
    first, second = (str(each.number) for each in alice.samples)

    async def removed(number: str) -> Result:
        site.bus.publish(Packet(TOPICS.topic(channels.REMOVE_SAMPLE, person="alice", sample=number), qos=1))
        return await site.result("alice")

    done = await removed(first)
    assert (done.status, done.action, done.samples) == (ResultStatus.OK, "remove_sample", 1)
    assert site.gallery() == {"alice": 1}
    again = await removed(first)
    assert code(again) is ErrorCode.UNKNOWN_SAMPLE
    assert again.error is not None
    assert second in again.error.message
    assert code(await removed("first")) is ErrorCode.UNKNOWN_SAMPLE
    assert code(await removed(second)) is ErrorCode.TOO_FEW_SAMPLES
    assert site.gallery() == {"alice": 1}
    assert (await site.ask(channels.ENROL, "alice", ALICE)).samples == 2  # it is no sample any more, so it may be one


async def test_faces_are_kept_sealed_for_their_person_unless_that_is_switched_off(site: Site) -> None:
    jpeg = b"the aligned face"
    with_face = face(0).model_copy(update={"face": base64.b64encode(Seal(KEY).seal(jpeg, "face")).decode()})
    stores = {1.0: MemoryStore(), 0.0: MemoryStore()}
    for keep, store in stores.items():
        service, runner = site.make(store, Seal(KEY), keep_faces=keep)
        async with running(service, site.bus, site.clock, runner):
            recognizer = ScriptedRecognizer({ALICE: (with_face,)})
            async with running(recognizer, site.bus, site.clock):
                assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK
    kept, not_kept = (store.find("alice", site.clock.now(), faces=True) for store in stores.values())
    assert kept is not None
    assert not_kept is not None
    assert kept.samples[0].face is not None
    assert Seal(KEY).unseal(kept.samples[0].face, "face of alice") == jpeg
    assert not_kept.samples[0].face is None


async def test_a_check_names_who_is_hard_to_recognise_and_to_tell_apart(site: Site) -> None:
    store, now = MemoryStore(), site.clock.now()
    for person, angles in {"alice": (0,), "bob": (90,), "twin": (0, 15, 30)}.items():
        for angle in angles:
            template = unit([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0])
            sample = Sample(to_store(template, person, Seal(KEY)), "MobileFaceNet", 0.9, f"{angle:064x}", now)
            store.add(person, [sample], Rights(), now)
    await site.enroller(store, duplicate_margin=0.9)
    await site.recognizer()
    await site.ask(channels.ENROL, "zoe", picture("nobody"))  # the recognizer has said what it takes for one person

    async def checked(asked: bytes) -> PeopleChecked:
        reply = TOPICS.topic(channels.PEOPLE_CHECKED, token="me")
        site.bus.publish(Packet(TOPICS.topic(channels.CHECK), asked, qos=1, response_topic=reply))
        return PeopleChecked.model_validate_json((await site.hear(lambda packet: packet.topic == reply)).payload)

    everybody = await checked(b"{}")
    assert {one.person: one.weaknesses for one in everybody.people} == {
        "alice": (Weakness.FEW_SAMPLES,),
        "bob": (Weakness.FEW_SAMPLES,),
    }
    assert (everybody.count, everybody.next, everybody.close) == (3, None, 1)
    assert everybody.similarity == pytest.approx(0.95)
    assert [(pair.person, pair.other) for pair in everybody.pairs] == [("alice", "twin")]
    twin = (await checked(b'{"person": "twin"}')).people[0]
    assert (twin.weaknesses, len(twin.samples)) == ((), 3)
    assert (await checked(b'{"person": "nobody"}')).people == ()
    assert (await checked(b'{"no": 1}')).error is not None


async def test_a_change_of_one_person_costs_what_one_person_costs(site: Site) -> None:
    store = crowd(1500)
    await site.enroller(store)
    await site.recognizer()
    assert len(site.manifest(channels.GALLERY_MANIFEST).shards) > 2
    assert len(site.manifest(channels.ROSTER_MANIFEST).shards) > 2
    store.asked.clear()
    before = len(site.bus.log)
    published = []
    for channel, payload in (
        (channels.ENROL, ALICE),
        (channels.ENROL, ALICE_AGAIN),
        (channels.UPDATE, b'{"name": "Alice"}'),
        (channels.REMOVE, b""),
    ):
        assert (await site.ask(channel, "alice", payload)).status is ResultStatus.OK
        topics = [packet.topic.removeprefix("doorbus/v1/").split("/")[:2] for packet in site.bus.log[before:]]
        before = len(site.bus.log)
        published.append([tuple(topic) for topic in topics if topic[0] in {"gallery", "roster"}])
    roster, gallery = [[(name, "shard"), (name, "manifest")] for name in ("roster", "gallery")]
    assert published == [roster + gallery, gallery, roster, roster + gallery]
    assert set(store.asked) == {"alice"}
    assert "alice" not in site.roster()
    assert len(site.roster()) == len(site.gallery()) == 1500


async def test_after_a_failure_of_the_store_what_it_then_holds_is_published(site: Site) -> None:
    store = MemoryStore()
    await site.enroller(store)
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    store.failing = "enroller.db: damaged; restore a backup"
    assert code(await site.ask(channels.REMOVE, "alice")) is ErrorCode.STORAGE_FAILED
    store.failing = None
    store.remove("alice", site.clock.now())  # what was restored knows nothing of alice
    assert (await site.ask(channels.ENROL, "bob", BOB)).status is ResultStatus.OK
    assert set(site.roster()) == set(site.gallery()) == {"bob"}


async def test_a_store_that_cannot_be_read_at_the_start_locks_nobody_out_and_is_tried_again(site: Site) -> None:
    store = MemoryStore()
    store.failing = "enroller.db: file is not a database"
    await site.enroller(store)
    assert (await site.health(lambda each: each.problem is not None)).problem == store.failing
    assert not [topic for topic in site.bus.retained if "/manifest" in topic]
    store.failing = None
    site.clock.advance(10)
    await site.health(lambda each: each.state is Presence.ONLINE and each.problem is None)
    assert site.roster() == {}


async def enrolled(store: Store, var: Path, *pictures: bytes) -> None:
    """Enrol alice, bob, ... from these pictures, on a site of their own that is gone then."""
    async with AsyncExitStack() as first:
        before = Site(first, var)
        await before.listen()
        await before.enroller(store)
        await before.recognizer()
        for person, jpeg in zip(("alice", "bob", "carol"), pictures, strict=False):
            assert (await before.ask(channels.ENROL, person, jpeg)).status is ResultStatus.OK


async def test_samples_sealed_with_another_site_key_are_a_problem_and_no_empty_gallery(site: Site) -> None:
    store = MemoryStore()
    await enrolled(store, site.var, ALICE, BOB)
    await site.enroller(store, seal=Seal(bytes(32)))
    health = await site.health(lambda each: each.problem is not None)
    assert health.problem is not None
    assert "put the former key back" in health.problem
    assert (await site.ask(channels.UPDATE, "alice", b'{"enabled": false}')).status is ResultStatus.OK
    assert (await site.ask(channels.REMOVE, "bob")).status is ResultStatus.OK
    assert {person: entry.enabled for person, entry in site.roster().items()} == {"alice": False}
    assert not [topic for topic in site.bus.retained if "/gallery/" in topic]


def spoil(path: Path, statement: str) -> None:
    """Change what is kept behind the enroller's back."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


SPOILED = {
    "1 sample of alice": "UPDATE samples SET template = zeroblob(length(template)) WHERE person = 'alice'",
    "the rights of alice": "UPDATE people SET rights = '{' WHERE person = 'alice'",
    "2 rows of nobody known": "UPDATE people SET person = 'al' || char(127) || 'ce' WHERE person = 'alice'",
    "1 sample of alice,": "UPDATE samples SET model = 'MobileFaceNeu' WHERE person = 'alice'",
    "1 sample of alice;": "UPDATE samples SET created_at = 'long ago' WHERE person = 'alice'",
}


@pytest.mark.parametrize("told", SPOILED)
async def test_a_bad_row_is_named_and_left_out_and_nobody_else_notices(site: Site, told: str) -> None:
    path = site.var / "enroller.db"
    await enrolled(SqliteStore(path), site.var, ALICE, BOB, CAROL)
    spoil(path, SPOILED[told])
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    problem = (await site.health(lambda each: each.problem is not None)).problem
    assert problem is not None
    assert told.rstrip(",;") in problem
    assert "restore a backup" in problem.lower()
    assert "alice" not in site.gallery() or "alice" not in site.roster()
    assert {"bob", "carol"} <= site.gallery().keys() & site.roster().keys()
    assert (await site.ask(channels.ENROL, "bob", picture("bob again"))).status is ResultStatus.OK
    assert (await site.ask(channels.UPDATE, "bob", b'{"enabled": false}')).status is ResultStatus.OK
    assert (await site.ask(channels.REMOVE, "carol")).status is ResultStatus.OK
    assert site.roster()["bob"].enabled is False
    assert "carol" not in {*site.roster(), *site.gallery()}


@pytest.mark.parametrize("told", ["1 sample of alice", "the rights of alice"])
async def test_who_has_a_bad_row_can_be_removed_and_enrolled_anew(site: Site, told: str) -> None:
    path = site.var / "enroller.db"
    await enrolled(SqliteStore(path), site.var, ALICE, BOB)
    spoil(path, SPOILED[told])
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    await site.health(lambda each: each.problem is not None)
    assert (await site.ask(channels.REMOVE, "alice")).status is ResultStatus.OK
    await site.health(lambda each: each.problem is None)
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK
    assert site.gallery() == {"alice": 1, "bob": 1}


async def test_the_same_picture_heals_a_bad_sample(site: Site) -> None:
    path = site.var / "enroller.db"
    await enrolled(SqliteStore(path), site.var, ALICE, BOB)
    spoil(path, SPOILED["1 sample of alice"])
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    await site.health(lambda each: each.problem is not None)
    assert (await site.ask(channels.ENROL, "alice", ALICE)).status is ResultStatus.OK
    await site.health(lambda each: each.problem is None)
    assert site.gallery() == {"alice": 1, "bob": 1}


async def test_rights_that_cannot_be_read_allow_only_what_an_update_then_says(site: Site) -> None:
    path = site.var / "enroller.db"
    await enrolled(SqliteStore(path), site.var, ALICE, BOB)
    spoil(path, SPOILED["the rights of alice"])
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    assert code(await site.ask(channels.ENROL, "alice", ALICE_AGAIN)) is ErrorCode.STORAGE_FAILED
    assert (await site.ask(channels.UPDATE, "alice", b'{"enabled": true}')).status is ResultStatus.OK
    assert site.roster()["alice"] == RosterEntry(person="alice", doors=())
    await site.health(lambda each: each.problem is None)


async def test_a_missing_version_is_made_anew_and_higher(site: Site) -> None:
    path = site.var / "enroller.db"
    await enrolled(SqliteStore(path), site.var, ALICE)
    spoil(path, "DELETE FROM versions WHERE map = 'roster'")
    site.clock.advance(60)
    await site.enroller(SqliteStore(path))
    assert site.manifest(channels.ROSTER_MANIFEST).version > site.manifest(channels.GALLERY_MANIFEST).version
    assert site.roster().keys() == {"alice"}


@pytest.mark.parametrize("missing", [True, False])
async def test_a_lost_file_beside_people_whom_the_broker_retains_is_no_new_site(site: Site, *, missing: bool) -> None:
    path = site.var / "enroller.db"
    async with AsyncExitStack() as first:
        before = Site(first, site.var, site.bus)
        await before.enroller(SqliteStore(path))
        await before.recognizer()
        site.send(channels.ENROL, "alice", ALICE)
        assert (await site.result("alice")).status is ResultStatus.OK
    backup = path.read_bytes()
    path.unlink()
    if not missing:
        path.touch()
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    site.clock.advance(1)
    problem = (await site.health(lambda each: each.problem is not None)).problem
    assert problem is not None
    assert "missing or empty, but 1 people" in problem
    assert code(await site.ask(channels.ENROL, "bob", BOB)) is ErrorCode.STORAGE_FAILED
    assert (set(site.roster()), set(site.gallery())) == ({"alice"}, {"alice"})
    path.write_bytes(backup)
    assert (await site.ask(channels.ENROL, "bob", BOB)).status is ResultStatus.OK
    assert (set(site.roster()), set(site.gallery())) == ({"alice", "bob"}, {"alice", "bob"})


async def test_a_new_site_publishes_that_nobody_is_there_when_it_is_known_that_nobody_was(site: Site) -> None:
    await site.enroller(SqliteStore(site.var / "enroller.db"))
    assert not [topic for topic in site.bus.retained if "/manifest" in topic]
    site.clock.advance(1)
    await site.hear(lambda packet: packet.topic == TOPICS.topic(channels.GALLERY_MANIFEST))
    assert (site.roster(), site.gallery()) == ({}, {})


@pytest.mark.parametrize("key", [ENROLLER, STRANGER])
async def test_whoever_deletes_what_is_retained_begins_anew(site: Site, key: SecretKey) -> None:
    people = pack([RosterEntry(person="alice")], 1)
    site.bus.publish(signed(Outbound(channels.ROSTER_MANIFEST, people.manifest), key))
    await site.enroller(SqliteStore(site.var / "enroller.db"))
    site.clock.advance(1)
    await site.health(lambda each: each.problem is not None)
    site.bus.publish(Packet(TOPICS.topic(channels.ROSTER_MANIFEST), b"", qos=1, retain=True))
    await site.hear(lambda packet: not packet.payload)
    site.clock.advance(10)
    await site.health(lambda each: each.problem is None)
    assert (site.roster(), site.gallery()) == ({}, {})


async def test_people_survive_a_restart_of_the_enroller(site: Site) -> None:
    path = site.var / "enroller.db"
    async with AsyncExitStack() as first:
        before = Site(first, site.var)
        await before.listen()
        await before.enroller(SqliteStore(path))
        await before.recognizer()
        await before.ask(channels.ENROL, "alice", ALICE)
        await before.ask(channels.UPDATE, "alice", b'{"name": "Alice"}')
        gallery, roster = before.gallery(), before.roster()
    await site.enroller(SqliteStore(path))
    await site.recognizer()
    assert (site.gallery(), site.roster()) == (gallery, roster) == ({"alice": 1}, {"alice": roster["alice"]})
    assert code(await site.ask(channels.ENROL, "alicia", ALICE)) is ErrorCode.ALREADY_SOMEONE_ELSE


async def test_a_reconnect_publishes_the_same_maps_again(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    before = {topic: packet.payload for topic, packet in site.bus.retained.items() if "health" not in topic}
    site.bus.stop()
    site.bus.retained.clear()
    site.bus.start()
    await site.listen()
    await site.health(lambda each: each.state is Presence.OFFLINE)
    await site.health(lambda each: each.state is Presence.ONLINE)
    after = {topic: packet.payload for topic, packet in site.bus.retained.items() if "health" not in topic}
    assert after == before


async def test_pictures_that_wait_when_the_enroller_stops_are_answered(site: Site) -> None:
    service, settings = site.make(MemoryStore(), Seal(KEY))
    async with running(service, site.bus, site.clock, settings):
        site.send(channels.ENROL, "alice", ALICE)
        await site.hear(_is_request)
    assert code(await site.result("alice")) is ErrorCode.BUSY


async def test_no_template_crosses_the_bus_or_reaches_the_disk_unsealed(site: Site) -> None:
    await site.enroller(SqliteStore(site.var / "enroller.db"))
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    template = np.array([1, 0, 0], "<f4").tobytes()
    text = base64.b64encode(template)
    on_bus = [packet.payload for packet in site.bus.log]
    on_disk = [each.read_bytes() for each in site.var.iterdir()]
    assert on_disk
    assert not [content for content in on_bus + on_disk if template in content or text in content]


async def test_the_figures_count_people_samples_and_refusals(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.ask(channels.ENROL, "alice", ALICE_AGAIN)
    await site.ask(channels.ENROL, "bob", picture("nobody"))
    site.send(channels.UPDATE, "bob", b"{")  # a refusal makes health come at once
    health = await site.health(lambda each: bool(each.refused))
    wanted = {"people": 1, "samples": 2, "pending": 0, "enrolled": 2, "refused_no_face": 1, "refused_bad_request": 1}
    assert health.figures.items() >= wanted.items()


async def test_everybody_starts_with_the_default_rights(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    assert site.roster()["alice"] == RosterEntry(person="alice", **Rights().model_dump())


async def test_a_person_in_front_of_a_camera_is_enrolled_from_frames_spread_in_time(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    assert not site.listened_to()
    await site.sit("alice", samples=2)
    await site.looked_at(ALICE)
    site.show(ALICE_AGAIN)  # of the same moment: no second sample
    site.clock.advance(1)
    site.show(ALICE_AGAIN)
    result = await site.result("alice")
    assert (result.status, result.action, result.samples) == (ResultStatus.OK, "capture", 2)
    assert recognizer.asked == [ALICE, ALICE_AGAIN]
    assert site.gallery() == {"alice": 2}
    await site.until_listened_to(listened_to=False)


async def test_frames_that_show_nobody_or_others_or_too_little_are_passed_over(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "bob", BOB)
    await site.sit("alice", samples=1)
    for content in ("nobody", "couple", "far", "blurred", "truncated"):
        await site.looked_at(picture(content))
    await site.looked_at(BOB)
    site.show(picture("alice and a passer-by"))
    await site.hear(lambda packet: "/embed/reply/" in packet.topic)
    assert site.gallery() == {"bob": 1}
    site.show(ALICE)
    assert (await site.result("alice")).status is ResultStatus.OK
    assert site.gallery() == {"bob": 1, "alice": 1}


async def test_old_frames_and_retained_ones_and_those_of_other_cameras_enrol_nobody(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    await site.sit("alice", samples=1)
    long_ago = utc(site.clock.now() - timedelta(seconds=10))
    site.show(ALICE, user=(("captured_at", long_ago),))
    site.show(ALICE, retain=True)
    site.show(ALICE, camera="yard")
    await site.health(lambda each: each.refused == {"frame.retained": 1})
    assert recognizer.asked == []
    site.show(ALICE_AGAIN)
    assert (await site.result("alice")).status is ResultStatus.OK
    assert recognizer.asked == [ALICE_AGAIN]


async def test_a_camera_that_is_silent_is_told_when_time_is_up(site: Site) -> None:
    await site.enroller()
    await site.sit("alice")
    site.clock.advance(30)
    result = await site.result("alice")
    assert code(result) is ErrorCode.NO_FRAME
    assert result.error is not None
    assert "front/porch" in result.error.message


async def test_time_that_is_up_tells_how_many_samples_there_are_and_what_was_wrong(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice", samples=3)
    await site.looked_at(picture("blurred"))
    await site.looked_at(picture("nobody"))
    site.clock.advance(30)
    result = await site.result("alice")
    assert code(result) is ErrorCode.NO_FACE
    await site.sit("alice", samples=3)
    await site.looked_at(ALICE)
    site.clock.advance(30)
    result = await site.result("alice")
    assert (code(result), result.samples) == (ErrorCode.TOO_FEW_SAMPLES, 0)


async def test_nobody_is_let_in_before_an_enrolment_from_a_camera_has_ended_well(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice", samples=2)
    await site.looked_at(ALICE)
    await site.ask(channels.ENROL, "bob", BOB)
    assert (set(site.roster()), site.gallery()) == ({"bob"}, {"bob": 1})
    site.clock.advance(1)
    site.show(ALICE_AGAIN)
    assert (await site.result("alice")).status is ResultStatus.OK
    assert (set(site.roster()), site.gallery()) == ({"alice", "bob"}, {"alice": 2, "bob": 1})


async def test_an_enrolment_that_fails_leaves_nothing_of_a_newcomer_and_no_more_of_somebody_known(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "bob", BOB)
    for person, jpeg in (("alice", ALICE), ("bob", picture("bob again"))):
        await site.sit(person, samples=3)
        await site.looked_at(jpeg)
        site.clock.advance(30)
        result = await site.result(person)
        assert code(result) is ErrorCode.TOO_FEW_SAMPLES
        assert result.error is not None
        assert "1 of 3 samples" in result.error.message
        assert "nothing is kept" in result.error.message
    assert (set(site.roster()), site.gallery()) == ({"bob"}, {"bob": 1})


async def test_of_two_who_sit_with_one_face_one_is_enrolled(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice", samples=2)
    await site.sit("alicia", samples=1, camera="yard")
    await site.looked_at(ALICE)
    site.show(ALICE, camera="yard")
    assert (await site.result("alicia")).status is ResultStatus.OK
    site.clock.advance(1)
    site.show(ALICE_AGAIN)
    await site.hear(lambda packet: "/embed/reply/" in packet.topic)
    site.clock.advance(30)
    assert (await site.result("alice")).status is ResultStatus.ERROR
    assert site.gallery() == {"alicia": 1}


@pytest.mark.parametrize(("hours", "ends"), [(24.0, timedelta(hours=24)), (0.5, timedelta(minutes=30)), (0.0, None)])
async def test_a_guest_may_pass_for_a_day_or_as_it_is_set_and_the_answer_says_until_when(
    site: Site, hours: float, ends: timedelta | None
) -> None:
    await site.enroller(guest_hours=hours)
    await site.recognizer()
    await site.welcome()
    site.show(ALICE)
    result = await site.result("guest-1")
    until = None if ends is None else site.clock.now() + ends
    assert (result.status, result.valid_until) == (ResultStatus.OK, until)
    assert site.roster()["guest-1"].valid_until == until
    await site.welcome(name="Bob")
    site.show(BOB)
    result = await site.result("bob")
    assert (result.status, result.valid_until, site.roster()["bob"].valid_until) == (ResultStatus.OK, None, None)


async def test_a_recognizer_that_is_away_is_asked_about_later_frames(site: Site) -> None:
    await site.enroller()
    await site.sit("alice", samples=1)
    site.show(ALICE)
    await site.hear(_is_request)
    site.clock.advance(5)
    await site.recognizer()
    asked = asyncio.create_task(site.result("alice"))
    async with asyncio.timeout(5):
        while not asked.done():
            site.show(ALICE_AGAIN)
            await asyncio.wait([asked], timeout=0.01)
    assert (await asked).status is ResultStatus.OK


async def test_what_no_later_frame_can_put_right_is_told_at_once(site: Site) -> None:
    await site.enroller(max_samples=1)
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.sit("alice")
    site.show(ALICE_AGAIN)
    assert code(await site.result("alice")) is ErrorCode.TOO_MANY_SAMPLES


async def test_one_camera_enrols_one_person_at_a_time(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice", samples=1)
    request = b'{"door": "front", "camera": "porch"}'
    assert code(await site.ask(channels.ENROL_FROM_CAMERA, "bob", request)) is ErrorCode.BUSY
    await site.sit("bob", samples=1, camera="yard")
    site.show(BOB, camera="yard")
    assert (await site.result("bob")).status is ResultStatus.OK
    site.show(ALICE)
    assert (await site.result("alice")).status is ResultStatus.OK


async def test_a_person_removed_in_front_of_the_camera_does_not_come_back(site: Site) -> None:
    await site.enroller()
    recognizer = await site.recognizer()
    await site.sit("alice", samples=2)
    await site.looked_at(ALICE)
    recognizer.script.pop(ALICE_AGAIN)
    site.clock.advance(1)
    site.show(ALICE_AGAIN)
    await site.hear(_is_request)
    site.send(channels.REMOVE, "alice")
    sitting, removal = await site.result("alice"), await site.result("alice")
    assert (sitting.action, code(sitting)) == ("capture", ErrorCode.UNKNOWN_PERSON)
    assert (removal.action, removal.status) == ("remove", ResultStatus.OK)
    assert site.gallery() == {}


async def test_a_newcomer_is_enrolled_from_a_camera_under_the_name_that_was_given(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.welcome(name="Zoë Bee")
    site.show(ALICE)
    result = await site.result("zoe-bee")
    assert (result.status, result.action, result.samples) == (ResultStatus.OK, "newcomer", 1)
    assert site.roster()["zoe-bee"].name == "Zoë Bee"
    assert site.gallery() == {"zoe-bee": 1}


async def test_newcomers_without_a_name_are_guests_each_with_an_id_of_their_own(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.welcome()
    await site.welcome(camera="yard")  # the first one is not enrolled yet
    site.show(BOB, camera="yard")
    assert (await site.result("guest-2")).status is ResultStatus.OK
    site.show(ALICE)
    assert (await site.result("guest-1")).status is ResultStatus.OK
    assert {person: entry.name for person, entry in site.roster().items()} == {"guest-1": None, "guest-2": None}


@pytest.mark.parametrize("name", ["", "…"])
async def test_a_newcomer_with_a_name_without_letters_is_refused_in_words(site: Site, name: str) -> None:
    await site.enroller()
    await site.recognizer()
    site.send(channels.NEWCOMER, "", json.dumps({"door": "front", "camera": "porch", "name": name}).encode())
    result = await site.result("newcomer")
    assert code(result) is ErrorCode.BAD_REQUEST
    assert result.error is not None
    assert "letter" in result.error.message
    assert not site.listened_to("porch")


async def test_a_newcomer_with_the_name_of_somebody_else_does_not_become_that_person(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.welcome(name="Alice")
    await site.looked_at(BOB)
    site.clock.advance(30)
    assert code(await site.result("alice")) is ErrorCode.NOT_THE_SAME_PERSON
    assert site.gallery() == {"alice": 1}


async def test_who_is_enrolled_already_is_no_guest(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.welcome()
    await site.looked_at(ALICE_AGAIN)
    site.clock.advance(30)
    assert code(await site.result("guest-1")) is ErrorCode.ALREADY_SOMEONE_ELSE
    assert site.gallery() == {"alice": 1}


@pytest.mark.parametrize(
    ("payload", "retain", "expected"),
    [(b"{", False, ErrorCode.BAD_REQUEST), (b'{"door": "front", "camera": "porch"}', True, ErrorCode.RETAINED)],
)
async def test_a_request_for_a_newcomer_that_cannot_be_taken_is_answered_to_its_sender_alone(
    site: Site, payload: bytes, expected: ErrorCode, *, retain: bool
) -> None:
    await site.enroller()
    site.send(channels.NEWCOMER, "", payload, retain=retain, response_topic=REPLY)
    result = await site.reply()
    assert (code(result), result.person) == (expected, "")
    assert not [packet for packet in site.bus.log if packet.topic.endswith("/result")]
    assert not site.listened_to()


async def test_who_sits_at_a_camera_when_the_enroller_stops_is_told(site: Site) -> None:
    service, settings = site.make(MemoryStore(), Seal(KEY))
    async with running(service, site.bus, site.clock, settings):
        await site.sit("alice")
    assert code(await site.result("alice")) is ErrorCode.BUSY


async def test_a_camera_is_listened_to_again_after_a_reconnect(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice", samples=1)
    site.bus.stop()
    await site.until_listened_to(listened_to=False)
    site.bus.start()
    await site.listen()
    await site.until_listened_to()
    await site.until_pictures_are_embedded()
    site.show(ALICE)
    assert (await site.result("alice")).status is ResultStatus.OK


async def test_recognizers_that_do_not_answer_turn_health_red_until_one_does(site: Site) -> None:
    await site.enroller(probe_seconds=4)
    for _ in range(2):
        site.clock.advance(4)
        await site.hear(lambda packet: packet.payload == PICTURE)
    assert "no recognizer answers the test pictures" in str((await site.health(lambda one: bool(one.problem))).problem)

    recognizer = await site.recognizer()
    recognizer.script[PICTURE] = ()
    await site.until_pictures_are_embedded()
    site.clock.advance(4)

    await site.health(lambda one: one.problem is None)


async def test_a_recognizer_that_is_busy_with_somebody_is_not_missed(site: Site) -> None:
    await site.enroller(probe_seconds=4)
    await site.recognizer()  # it answers Alice's picture, and no other
    await site.until_pictures_are_embedded()
    for _ in range(4):
        site.clock.advance(3)
        await site.ask(channels.ENROL, "alice", ALICE)

    assert (await site.health(lambda _: True)).problem is None


def _told(site: Site) -> list[Enrolment]:
    topic = TOPICS.topic(channels.ENROLMENT)
    return [Enrolment.model_validate_json(packet.payload) for packet in site.bus.log if packet.topic == topic]


def _listed(site: Site) -> ListedPeople:
    return ListedPeople.model_validate_json(site.bus.retained[TOPICS.topic(channels.PEOPLE)].payload)


async def _manage(site: Site, action: str, who: str, person: str) -> Result:
    payload = json.dumps({"action": action, "who": who}).encode()
    site.bus.publish(Packet(TOPICS.topic(channels.MANAGE), payload, qos=1))
    return await site.result(person)


async def test_an_enrolment_from_a_camera_says_what_to_do_and_how_it_ended(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    request = {"door": "front", "camera": "porch", "samples": 2, "name": "Zoë Bee"}
    site.send(channels.NEWCOMER, "", json.dumps(request).encode())
    await site.until_listened_to()
    for jpeg in (picture("far"), picture("couple"), ALICE, ALICE_AGAIN):
        site.clock.advance(1.1)
        await site.looked_at(jpeg)
    await site.result("zoe-bee")
    assert [one.text for one in _told(site)] == [
        "Zoë Bee: 0 of 2, look into the camera",
        "Zoë Bee: 0 of 2, come closer",
        "Zoë Bee: 0 of 2, only one person, please",
        "Zoë Bee: 1 of 2, turn a little",
        "Zoë Bee is enrolled, samples 2 of 3 advised",
    ]
    assert [one.course for one in _told(site)] == [Course.UNDER_WAY] * 4 + [Course.OK]
    assert [one.error for one in _told(site)] == [None, ErrorCode.TOO_SMALL, ErrorCode.SEVERAL_FACES, None, None]
    assert TOPICS.topic(channels.ENROLMENT) in site.bus.retained


async def test_what_is_said_to_whoever_is_enrolled_changes_no_more_than_once_a_second(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.sit("alice")
    site.clock.advance(1.1)
    for _ in range(20):
        for jpeg in (picture("far"), picture("couple")):
            await site.looked_at(jpeg)
    assert [one.text for one in _told(site)] == ["Alice: 0 of 2, look into the camera", "Alice: 0 of 2, come closer"]


async def test_an_enrolment_that_fails_and_a_request_that_is_none_are_told_in_words(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", picture("nobody"))
    await site.ask(channels.UPDATE, "alice", b"{}")
    await site.ask(channels.UPDATE, "alice", b"no JSON")
    first, second, third = [one.text for one in _told(site)]
    assert first == "Alice was not enrolled: no face found; send a picture of the face from the front"
    assert second.startswith("Alice was not changed: nobody is enrolled as alice")
    assert third.startswith("Alice was not changed: the message cannot be taken")


async def test_people_are_listed_by_name_disabled_enabled_and_removed_by_it(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    await site.ask(channels.ENROL, "alice", ALICE)
    await site.ask(channels.UPDATE, "alice", '{"name": "Ζωή Bee"}'.encode())
    await site.ask(channels.ENROL, "bob", BOB)
    assert [(one.person, one.name, one.enabled) for one in _listed(site).people] == [
        ("bob", "Bob", True),
        ("alice", "Ζωή Bee", True),
    ]
    assert (await _manage(site, "disable", " ζωή  BEE ", "alice")).error is None
    assert site.roster()["alice"].enabled is False
    assert [one.enabled for one in _listed(site).people] == [True, False]
    assert (await _manage(site, "enable", "alice", "alice")).error is None
    assert site.roster()["alice"].enabled
    assert (await _manage(site, "remove", "Ζωή Bee", "alice")).action == "remove"
    assert site.roster().keys() == {"bob"}
    assert _listed(site).count == 1
    assert [one.text for one in _told(site)][-3:] == [
        "Ζωή Bee is disabled",
        "Ζωή Bee is enabled",
        "Ζωή Bee is removed",
    ]


async def test_whoever_is_called_like_nobody_or_like_two_is_left_alone(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    for person, jpeg in (("alice", ALICE), ("bob", BOB)):
        await site.ask(channels.ENROL, person, jpeg)
        await site.ask(channels.UPDATE, person, b'{"name": "Twin"}')
    assert code(await _manage(site, "remove", "twin", "twin")) is ErrorCode.BAD_REQUEST
    assert "alice, bob" in _told(site)[-1].text
    assert code(await _manage(site, "remove", "Ann Ü", "ann-u")) is ErrorCode.UNKNOWN_PERSON
    assert _told(site)[-1].text == "Ann Ü was not removed: nobody is enrolled as Ann Ü"
    assert code(await _manage(site, "remove", "?", "nobody")) is ErrorCode.UNKNOWN_PERSON
    assert site.roster().keys() == {"alice", "bob"}


async def test_an_enrolment_that_a_killed_enroller_left_under_way_is_told_to_have_ended(site: Site) -> None:
    await site.enroller()
    await site.sit("alice")
    left = site.bus.retained[TOPICS.topic(channels.ENROLMENT)]
    await site.stack.aclose()
    site.bus.publish(left)
    await site.listen()
    await site.enroller()
    await site.hear(lambda packet: packet.topic == TOPICS.topic(channels.ENROLMENT) and b"restarted" in packet.payload)
    assert _told(site)[-1].course is Course.ERROR


async def _asked_for_newcomer(site: Site, person: str, **request: str) -> Result:
    whole = {"door": "front", "camera": "porch", "samples": 1, **request}
    site.send(channels.NEWCOMER, "", json.dumps(whole).encode())
    return await site.result(person)


async def _comes_in(site: Site, person: str, jpeg: bytes, **request: str) -> Result:
    whole = {"door": "front", "camera": "porch", "samples": 1, **request}
    site.send(channels.NEWCOMER, "", json.dumps(whole).encode())
    await site.until_listened_to()
    site.clock.advance(1.1)
    site.show(jpeg)
    return await site.result(person)


async def test_enrolling_from_a_camera_needs_a_code_where_that_is_set_and_each_counts_once(site: Site) -> None:
    secret = pyotp.random_base32()
    await site.enroller(totp_secret=secret)
    await site.recognizer()
    codes = pyotp.TOTP(secret)
    now = codes.at(site.clock.now())
    wrong = f"{(int(now) + 1) % 10**6:06}"
    assert code(await _asked_for_newcomer(site, "newcomer", name="Zoe Bee")) is ErrorCode.CODE_MISSING
    assert code(await _asked_for_newcomer(site, "newcomer", name=f"Zoe Bee {wrong}")) is ErrorCode.CODE_WRONG
    came = await _comes_in(site, "zoe-bee", ALICE, name=f"Zoe Bee {now}")
    assert came.error is None
    assert site.roster()["zoe-bee"].name == "Zoe Bee"
    assert code(await _asked_for_newcomer(site, "newcomer", name="Bob", code=now)) is ErrorCode.CODE_WRONG
    site.clock.advance(60)
    guest = await _comes_in(site, "guest-1", BOB, name=codes.at(site.clock.now()))
    assert guest.error is None
    assert site.roster()["guest-1"].name is None


async def test_enrolling_at_a_door_that_asks_for_codes_needs_a_secret_to_check_them_with(site: Site) -> None:
    await site.enroller()
    await site.recognizer()
    site.actuator("front", asks_code=1)
    refused = await _asked_for_newcomer(site, "newcomer")
    assert code(refused) is ErrorCode.CODE_MISSING
    assert refused.error is not None
    assert "DOORBUS_ENROLLER__TOTP_SECRET" in refused.error.message
    site.actuator("front")  # on its way out it tells of nothing
    site.actuator("back", asks_code=0)
    assert code(await _asked_for_newcomer(site, "newcomer", name="Zoe Bee")) is ErrorCode.CODE_MISSING
    site.actuator("front", asks_code=0)
    assert (await _comes_in(site, "guest-1", BOB)).error is None


async def test_codes_cannot_be_tried_out(site: Site) -> None:
    secret = pyotp.random_base32()
    await site.enroller(totp_secret=secret)
    await site.recognizer()
    right = pyotp.TOTP(secret).at(site.clock.now())
    for wrong in range(5):
        await _asked_for_newcomer(site, "newcomer", code=f"{(int(right) + 1 + wrong) % 10**6:06}")
    assert code(await _asked_for_newcomer(site, "newcomer", code=right)) is ErrorCode.CODE_WRONG
    site.clock.advance(61)
    assert (await _comes_in(site, "guest-1", BOB, code=pyotp.TOTP(secret).at(site.clock.now()))).error is None


class OtherModel(Service):
    """A recognizer of another model that makes templates of some faces, and of the others none."""

    role = Role.RECOGNIZER
    keys = RECOGNIZERS
    model = "Other@1"

    def __init__(self, known: Mapping[bytes, tuple[EmbeddedFace, ...]]) -> None:
        self._known = known

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.EMBED_FACE, self._embed, {"embedder": id_of_model(self.model)}, share="others"),)

    def place(self) -> Mapping[str, str]:
        return {"model": self.model}

    async def _embed(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        faces = self._known.get(Seal(KEY).unseal(inbound.message, "face"), ())
        error = None if faces else ErrorCode.NO_FACE
        return inbound.reply(Embedded(model=self.model, faces=faces, same_person_similarity=0.5, error=error))


def begun(store: Store) -> Store:
    store.begin(datetime(2026, 6, 1, tzinfo=UTC))
    return store


@pytest.mark.parametrize(
    "made", [lambda _: MemoryStore(), lambda var: begun(SqliteStore(var / "enroller.db"))], ids=["memory", "file"]
)
async def test_people_are_taken_over_to_another_model_and_who_cannot_be_is_named(
    site: Site, made: Callable[[Path], Store]
) -> None:
    store, now = made(site.var), site.clock.now()
    for person, angle in (("alice", 0), ("bob", 90), ("carol", 180)):
        template = to_store(np.array([np.cos(angle), np.sin(angle), 0], np.float32), person, Seal(KEY))
        sealed = Seal(KEY).seal(person.encode(), f"face of {person}")
        store.add(person, [Sample(template, "MobileFaceNet", 0.9, f"{angle:064x}", now, face=sealed)], Rights(), now)
    service, settings = site.make(store, Seal(KEY))
    await site.stack.enter_async_context(running(service, site.bus, site.clock, settings))
    other = OtherModel({b"alice": (face(0),), b"bob": (face(90),)})
    await site.stack.enter_async_context(running(other, site.bus, site.clock))
    topic = TOPICS.topic(channels.MODELS)

    def state() -> ModelState | None:
        told = Models.model_validate_json(site.bus.retained[topic].payload) if topic in site.bus.retained else Models()
        return next((one for one in told.models if one.model == other.model), None)

    async with asyncio.timeout(20):
        while (found := state()) is None or not found.leading:
            site.clock.advance(1)
            for _ in range(50):
                await asyncio.sleep(0)
    assert (found.people, found.samples, found.again) == (2, 2, ("carol",))
    assert (service.problem() or "").startswith("left out are 1 sample of carol, made with another model")
    leading = json.loads(site.bus.retained[TOPICS.topic(channels.GALLERY_MANIFEST)].payload)
    former = TOPICS.topic(channels.OTHER_MANIFEST, embedder=id_of_model("MobileFaceNet"))
    beside = json.loads(site.bus.retained[former].payload)
    assert (leading["model"], leading["count"]) == (other.model, 2)
    assert (beside["model"], beside["count"], beside["version"]) == ("MobileFaceNet", 3, leading["version"])


async def test_an_enroller_that_starts_beside_a_broker_that_is_away_forgets_no_model_and_lets_none_lead(
    site: Site,
) -> None:
    store, now = MemoryStore(), site.clock.now()
    template = to_store(np.array([1, 0, 0], np.float32), "alice", Seal(KEY))
    store.add("alice", [Sample(template, "MobileFaceNet", 0.9, "0" * 64, now)], Rights(), now)
    for each in store.unmade("Other@1", now):
        store.add_templates("Other@1", {each.number: template}, now)
    service, _ = site.make(store, Seal(KEY))

    await service.start()
    for _ in range(3):
        site.clock.advance(100_000)
        await service.tick()
    assert store.other_models(now) == ["Other@1"]
    assert store.people(now).model == "MobileFaceNet"
    await service.stop()
