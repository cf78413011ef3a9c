"""The recognizer on the bus in memory, with models that need no weights."""

import asyncio
import base64
import hashlib
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from doorbus.runtime.client import Client, connect
from doorbus.runtime.floor import Floor
from doorbus.runtime.settings import ServiceSettings
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import (
    Box,
    Embedded,
    EmbedRequest,
    ErrorCode,
    FacesForReview,
    Frame,
    GalleryEntry,
    Health,
    Manifest,
    Recognised,
    RecogniseRequest,
    Recognition,
    Verdict,
)
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed, pack, repack
from doorbus.wire.templates import Template, from_reply, from_review
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.faces import Detection, Image
from doorbus_recognizer.models.fakes import FakeDetector, FakeEmbedder, FakeLiveness, FakeMesh, FakeRuntime, portrait
from doorbus_recognizer.models.imaging import encode_jpeg
from doorbus_recognizer.service import RecognizerService
from doorbus_recognizer.settings import Recognizer
from doorbus_recognizer.vision import Vision
from support.jpegs import refining, shot
from support.signing import ENROLLER, RECOGNIZERS
from support.snapshots import nowhere

KEY = bytes(range(32))
PORCH = {"door": "front", "camera": "porch"}
MODEL = "fake@1"


def picture(*names: str) -> bytes:
    """A JPEG with the faces of `names`."""
    return cv2.imencode(".jpg", portrait(*names), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def template(name: str) -> Template:
    """What the fake embedder makes of a face."""
    faces, _ = vision().see(portrait(name))
    return faces[0].template


class SlowLiveness(FakeLiveness):
    """Takes its time."""

    def __init__(self, live: float, seconds: float, clock: FakeClock) -> None:
        super().__init__(live)
        self._seconds = seconds
        self._clock = clock

    def live(self, image: Image, box: Box) -> float:
        self._clock.advance(self._seconds)
        return super().live(image, box)


class HangingDetector(FakeDetector):
    """Hangs with a picture of nobody, as long as it is not let go."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def detect(self, image: Image) -> tuple[Detection, ...]:
        found = super().detect(image)
        if not found:
            self.released.wait()
        return found


def vision(
    liveness: FakeLiveness | None = None, detector: FakeDetector | None = None, runtime: FakeRuntime | None = None
) -> Vision:
    return Vision(
        detector=detector or FakeDetector(),
        mesh=FakeMesh(),
        embedder=FakeEmbedder(MODEL),
        liveness=liveness or FakeLiveness(),
        scale=Scale(likely=0.5, secure=0.6),
        runtime=runtime,
    )


def gallery(people: Mapping[str, Template], *, model: str | None = MODEL, version: int = 1, key: bytes = KEY) -> Packed:
    entries = [GalleryEntry(person=person, templates=(_text(one),)) for person, one in people.items()]
    return pack(entries, version, model, Seal(key))


def _text(one: Template) -> str:
    return base64.b64encode(one.astype("<f4").tobytes()).decode()


@dataclass
class Bench:
    """A recognizer at work, and a client that sends and sees everything."""

    bus: MemoryBus
    clock: FakeClock
    client: Client
    nurse: Client
    """Hears health alone, which comes before or after anything else."""

    async def send_gallery(self, manifest: Manifest, shards: tuple[bytes, ...]) -> None:
        """Frames sent next may be looked at before it has come."""
        for index, shard in enumerate(shards):
            await self.client.send(Outbound(channels.GALLERY_SHARD, shard, {"shard": str(index)}))
        await self.client.send(Outbound(channels.GALLERY_MANIFEST, manifest))

    async def use_gallery(self, manifest: Manifest, shards: tuple[bytes, ...]) -> None:
        """The same, and frames sent next are matched against it."""
        await self.send_gallery(manifest, shards)
        await self.uses_gallery(manifest.version)

    async def uses_gallery(self, version: int) -> None:
        async with asyncio.timeout(30):
            while (await self.asked(picture("alice"))).gallery_version != version:
                pass

    async def show(self, jpeg: bytes, *, age: float = 0.0, frame_id: str = "f1", camera: str = "porch") -> None:
        captured = self.clock.now() - timedelta(seconds=age)
        frame = Frame(jpeg=jpeg, frame_id=frame_id, captured_at=captured)
        await self.client.send(Outbound(channels.FRAME, frame, {"door": "front", "camera": camera}))

    async def recognition(self) -> Recognition:
        async with asyncio.timeout(10):
            message: Recognition = (await self.client.expect(channels.RECOGNITION)).message
        return message

    async def asked(self, jpeg: bytes) -> Recognised:
        """What is answered to who asks about a picture."""
        request = RecogniseRequest(jpeg=jpeg)
        response = (channels.RECOGNISE_REPLY, {"token": "me"})
        await self.client.send(Outbound(channels.RECOGNISE_REQUEST, request, response=response))
        async with asyncio.timeout(10):
            message: Recognised = (await self.client.expect(channels.RECOGNISE_REPLY, token="me")).message
        return message

    async def named(self, name: str, *, version: int) -> str | None:
        """Who the gallery says the face of `name` is, as soon as it is this version of it."""
        await self.uses_gallery(version)
        await self.show(picture(name))
        seen = await self.recognition()
        assert seen.gallery_version == version
        return seen.faces[0].person

    async def health(self, refusal: str | None = None, problem: str | None = None) -> Health:
        """The next health that counts `refusal` or complains of `problem` (empty: of nothing)."""
        async with asyncio.timeout(10):
            while True:
                message: Health = (await self.nurse.expect(channels.HEALTH)).message
                if (refusal is None or refusal in message.refused) and (
                    problem is None or (problem in (message.problem or "") if problem else message.problem is None)
                ):
                    return message


@asynccontextmanager
async def recognizing(
    live: float = 1.0,
    seconds: float = 0.0,
    *,
    portraits: bool = False,
    detector: FakeDetector | None = None,
    runtime: FakeRuntime | None = None,
    cameras: str = "",
    review: Seal | None = None,
    floor: Floor | None = None,
) -> AsyncIterator[Bench]:
    bus, clock = MemoryBus(), FakeClock()
    eyes = vision(SlowLiveness(live, seconds, clock), detector, runtime)
    own, floor = Recognizer(cameras=cameras), floor or nowhere("gallery")
    service = RecognizerService(
        eyes, Seal(KEY), RECOGNIZERS, own, floor, instance="r1", clock=clock, portraits=portraits, review=review
    )
    settings = ServiceSettings(_env_file=None, instance="r1")
    async with (
        running(service, bus, clock, settings),
        connect(
            bus,
            [channels.RECOGNITION, channels.PORTRAIT, channels.EMBED_REPLY, channels.RECOGNISE_REPLY],
            key=ENROLLER,
        ) as client,
        connect(bus, [channels.HEALTH]) as nurse,
    ):
        yield Bench(bus, clock, client, nurse)


async def test_pictures_to_embed_take_one_turn_of_four_while_frames_wait() -> None:
    async with recognizing() as bench:
        for _ in range(40):
            request = EmbedRequest(jpeg=picture("alice"))
            response = (channels.EMBED_REPLY, {"token": "me"})
            await bench.client.send(Outbound(channels.EMBED_REQUEST, request, response=response))
        for number in range(8):
            await bench.show(picture("alice"), camera=f"c{number}")
        seen = {(await bench.recognition()).camera for _ in range(8)}
        answered = [one for one in bench.bus.log if one.topic == "doorbus/v1/embed/reply/me"]

    assert seen == {f"c{number}" for number in range(8)}
    assert len(answered) < 10


async def test_frames_of_cameras_that_are_none_of_the_sites_are_not_looked_at() -> None:
    async with recognizing(cameras="front/porch, back/yard") as bench:
        for number in range(50):
            await bench.show(picture("mallory"), camera=f"invented-{number}")
        await bench.show(picture("alice"), frame_id="real")
        assert (await bench.recognition()).frame_id == "real"
        await bench.health("frame.wrong_topic")


@pytest.mark.parametrize("cameras", ["porch", "front/", "front/por ch", "front/porch/x"])
def test_a_camera_that_can_be_none_is_refused_where_it_is_set(cameras: str) -> None:
    with pytest.raises(ValueError, match="is no door/camera"):
        Recognizer(cameras=cameras)


async def test_a_known_face_is_named_with_all_that_a_decision_needs() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice"), "bob": template("bob")}, version=7))
        await bench.show(picture("alice"))
        seen = await bench.recognition()
    assert (seen.frame_id, seen.captured_at, seen.recognizer, seen.model) == ("f1", bench.clock.now(), "r1", MODEL)
    assert (seen.gallery_version, seen.door, seen.camera) == (7, "front", "porch")
    assert set(seen.timings_ms) == {"decode", "detect", "mesh", "align", "embed", "liveness", "match"}
    (face,) = seen.faces
    assert (face.verdict, face.person, face.live) == (Verdict.MATCH, "alice", 1.0)
    assert face.confidence > 0.9
    assert face.size is not None
    assert 0.4 * face.box[2] < face.size < face.box[2]
    assert face.sharpness == 0.0  # a plain square
    assert face.runner_up is not None
    assert face.similarity is not None
    assert face.runner_up < 0.5 < face.similarity


async def test_a_picture_is_known_by_its_bytes_whatever_its_id_and_whoever_looks_at_it() -> None:
    still, other = picture("alice"), shot(picture("alice"))
    digests = []
    for shown in ((still, still, other), (still,)):  # the second is another recognizer, or the same started anew
        async with recognizing() as bench:
            for number, jpeg in enumerate(shown):
                await bench.show(jpeg, frame_id=f"f{number}")
                digests.append((await bench.recognition()).digest)
    assert digests == [hashlib.sha256(one).hexdigest()[:32] for one in (still, still, other, still)]


async def test_a_portrait_shows_who_was_recognised_and_nobody_else() -> None:
    async with recognizing(portraits=True) as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture("mallory", "alice"))
        seen = await bench.recognition()
        sent = await bench.client.expect(channels.PORTRAIT)
        (box,) = (face.box for face in seen.faces if face.person == "alice")
    portrait = sent.message
    image = cv2.imdecode(np.frombuffer(portrait.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert (portrait.person, portrait.frame_id, portrait.captured_at) == ("alice", "f1", bench.clock.now())
    assert (sent.ids, sent.packet.retain) == (PORCH, False)
    assert box[2] < image.shape[1] < 2 * box[2]
    assert [packet.topic for packet in bench.bus.log if "/portrait/" in packet.topic] == [sent.packet.topic]


async def test_there_is_one_portrait_a_second_and_none_of_strangers() -> None:
    async with recognizing(portraits=True) as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        shown = [("mallory", 0.0), ("alice", 0.1), ("alice", 0.5), ("alice", 1.0), ("alice", 0.1)]
        for number, (name, later) in enumerate(shown):
            bench.clock.advance(later)
            await bench.show(picture(name), frame_id=f"f{number}")
            await bench.recognition()
        sent = [dict(packet.user)["frame_id"] for packet in bench.bus.log if "/portrait/" in packet.topic]
    assert sent == ["f1", "f3"]


async def test_there_are_no_portraits_unless_they_are_switched_on() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        for number in range(2):
            await bench.show(picture("alice"), frame_id=f"f{number}")
            await bench.recognition()
    assert not [packet.topic for packet in bench.bus.log if "/portrait/" in packet.topic]


async def test_faces_go_to_the_recorder_once_a_second_sealed_with_its_key_and_only_where_switched_on() -> None:
    its = Seal(bytes([7]) * 32)
    async with recognizing(review=its) as bench, recognizing() as silent:
        for one in (bench, silent):
            await one.use_gallery(*gallery({"alice": template("alice")}))
            for number, later in enumerate((0.0, 0.1, 1.0)):
                one.clock.advance(later)
                await one.show(picture("mallory", "alice"), frame_id=f"f{number}")
                await one.recognition()
        sent = [packet for packet in bench.bus.log if "/face/" in packet.topic]
        none = [packet for packet in silent.bus.log if "/face/" in packet.topic]
    said = [FacesForReview.model_validate_json(packet.payload) for packet in sent]
    names = {face.person: from_review(face.template, its) for face in said[0].faces}
    assert none == []
    assert [each.frame_id for each in said] == ["f0", "f2"]
    assert float(names["alice"] @ template("alice")) > 0.9
    assert float(names[None] @ template("mallory")) > 0.9
    with pytest.raises(Refused):
        from_review(said[0].faces[0].template, Seal(KEY))


async def test_a_stranger_is_unknown_and_is_not_named() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture("mallory"))
        (face,) = (await bench.recognition()).faces
    assert (face.verdict, face.person) == (Verdict.UNKNOWN, None)


async def test_two_people_who_look_alike_are_ambiguous() -> None:
    async with recognizing() as bench:
        one = template("alice")
        await bench.use_gallery(*gallery({"alice": one, "twin": one}))
        await bench.show(picture("alice"))
        (face,) = (await bench.recognition()).faces
    assert (face.verdict, face.person) == (Verdict.AMBIGUOUS, None)


async def test_each_of_several_faces_is_judged_for_itself() -> None:
    async with recognizing(live=0.1) as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture("mallory", "alice"))
        faces = (await bench.recognition()).faces
    assert sorted((face.person or "", face.live) for face in faces) == [("", 0.1), ("alice", 0.1)]


async def test_nothing_is_said_about_a_frame_without_a_face() -> None:
    async with recognizing() as bench:
        await bench.show(picture(), frame_id="empty")
        await bench.show(picture("alice"), frame_id="later")
        assert (await bench.recognition()).frame_id == "later"


@pytest.mark.parametrize(("age", "refusal"), [(2.5, "frame.stale"), (-1.0, "frame.from_the_future")])
async def test_a_frame_of_another_time_is_dropped_and_counted(age: float, refusal: str) -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture("alice"), age=age, frame_id="wrong")
        await bench.health(refusal, problem="do the clocks of the machines agree")
        await bench.show(picture("alice"), frame_id="right")
        assert (await bench.recognition()).frame_id == "right"
        await bench.health(problem="")


async def test_of_frames_that_wait_only_the_newest_of_each_camera_is_looked_at() -> None:
    async with recognizing() as bench:
        jpeg = picture("alice")
        for number in range(20):  # the bus in memory delivers them all before the first is looked at
            await bench.show(jpeg, frame_id=f"f{number}")
        assert (await bench.recognition()).frame_id == "f19"
        await bench.show(jpeg, frame_id="next")
        assert (await bench.recognition()).frame_id == "next"


async def test_where_only_another_models_gallery_is_it_leaves_frames_to_others_and_health_says_so() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture("alice"))
        assert (await bench.recognition()).faces[0].person == "alice"
        await bench.send_gallery(*gallery({"alice": template("alice")}, model="other@2", version=2))
        health = await bench.health(problem="made with other@2, this recognizer runs fake@1")
        assert health.model == MODEL
        assert not [topic for topic in bench.bus.topics() if topic.endswith(("/frame/+", "embed/request"))]


async def test_a_gallery_of_its_own_model_beside_the_leading_one_is_gone_by_until_that_is_its_own() -> None:
    beside = {"embedder": id_of_model(MODEL)}
    async with recognizing() as bench:
        await bench.send_gallery(*gallery({"bob": template("alice")}, model="other@2", version=2))
        await bench.health(problem="made with other@2")
        manifest, shards = gallery({"alice": template("alice")}, version=3)
        await bench.client.send(Outbound(channels.OTHER_SHARD, shards[0], {**beside, "shard": "0"}))
        await bench.client.send(Outbound(channels.OTHER_MANIFEST, manifest, beside))
        await bench.health(problem="")
        assert await bench.named("alice", version=3) == "alice"

        await bench.send_gallery(*gallery({"carol": template("alice")}, version=4))
        assert await bench.named("alice", version=4) == "carol"
        await bench.client.send(Outbound(channels.OTHER_MANIFEST, None, beside))
        assert await bench.named("alice", version=4) == "carol"


async def test_an_aligned_face_is_turned_into_a_template_for_whoever_has_the_site_key() -> None:
    jpeg = encode_jpeg(np.full((112, 112, 3), 90, np.uint8))
    async with recognizing() as bench:
        for sealed, told in ((jpeg, "embed_face.unsealed"), (Seal(KEY).seal(jpeg, "face"), None)):
            response = (channels.EMBED_REPLY, {"token": "me"})
            ids = {"embedder": id_of_model(MODEL)}
            await bench.client.send(Outbound(channels.EMBED_FACE, sealed, ids, response=response))
            if told is not None:
                await bench.health(told)
        async with asyncio.timeout(10):
            answer: Embedded = (await bench.client.expect(channels.EMBED_REPLY)).message
    (face,) = answer.faces
    assert (answer.model, answer.error) == (MODEL, None)
    assert len(from_reply(face.template, Seal(KEY))) == len(template("alice"))


async def test_a_gallery_sealed_for_another_site_recognises_nobody_and_health_says_so() -> None:
    async with recognizing() as bench:
        await bench.send_gallery(*gallery({"alice": template("alice")}, key=bytes(32)))
        health = await bench.health(problem="SITE_KEY_FILE")
        assert health.refused == {"gallery_shard.unsealed": 1}
        await bench.show(picture("alice"))
        assert (await bench.recognition()).faces[0].verdict is Verdict.UNKNOWN


async def test_one_changed_shard_and_its_manifest_are_enough_for_a_new_gallery() -> None:
    everybody = {"alice": template("alice")} | {f"p{number}": template(f"p{number}") for number in range(3)}
    crowd = {f"extra{number}": template("extra") for number in range(800)}
    before = gallery(crowd | everybody, version=1)
    (entry,) = (GalleryEntry(person="bob", templates=(_text(template("bob")),)),)
    after = repack(before, {"bob": entry, "alice": None}, 2, MODEL, Seal(KEY))
    changed = [index for index, shard in enumerate(after.shards) if shard != before.shards[index]]
    assert len(changed) < len(after.shards)
    async with recognizing() as bench:
        await bench.send_gallery(*before)
        assert await bench.named("alice", version=1) == "alice"
        for index in changed:
            await bench.client.send(Outbound(channels.GALLERY_SHARD, after.shards[index], {"shard": str(index)}))
        await bench.client.send(Outbound(channels.GALLERY_MANIFEST, after.manifest))
        assert [await bench.named(name, version=2) for name in ("bob", "alice", "p1")] == ["bob", None, "p1"]


async def test_a_new_gallery_takes_effect_with_the_next_frame() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({}, model=None))
        await bench.show(picture("alice"), frame_id="before")
        assert (await bench.recognition()).faces[0].person is None
        await bench.use_gallery(*gallery({"alice": template("alice")}, version=2))
        await bench.show(picture("alice"), frame_id="after")
        assert (await bench.recognition()).faces[0].person == "alice"


@pytest.mark.parametrize("beside", [False, True])
async def test_of_galleries_that_come_at_once_the_newest_is_gone_by(tmp_path: Path, *, beside: bool) -> None:
    """While one lane writes down the version that came first, the other takes the one that came next."""
    manifest_in, shard_in, ids = channels.GALLERY_MANIFEST, channels.GALLERY_SHARD, dict[str, str]()
    if beside:
        manifest_in, shard_in, ids = channels.OTHER_MANIFEST, channels.OTHER_SHARD, {"embedder": id_of_model(MODEL)}
    former, _ = gallery({"alice": template("alice")}, version=1)
    newest, (shard,) = gallery({"carol": template("alice")}, version=2)
    async with recognizing(floor=Floor(tmp_path, "gallery", "test", FakeClock())) as bench:
        await bench.client.send(Outbound(shard_in, shard, {**ids, "shard": "0"}))
        for manifest in (former, newest):
            await bench.client.send(Outbound(manifest_in, manifest, ids))
        assert await bench.named("alice", version=2) == "carol"
        await bench.health("gallery_manifest.outdated" if not beside else "other_manifest.outdated")


async def test_an_embed_request_is_answered_with_sealed_templates() -> None:
    async with recognizing() as bench:
        request = Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=picture("alice")),
            correlation=b"42",
            response=(channels.EMBED_REPLY, {"token": "me"}),
        )
        await bench.client.send(request)
        async with asyncio.timeout(10):
            event = await bench.client.expect(channels.EMBED_REPLY, token="me")
    embedded: Embedded = event.message
    assert event.packet.correlation == b"42"
    assert (embedded.model, embedded.error, embedded.same_person_similarity) == (MODEL, None, 0.5)
    (face,) = embedded.faces
    opened = Seal(KEY).unseal(base64.b64decode(face.template), "embedding")
    assert np.allclose(np.frombuffer(opened, "<f4"), template("alice"), atol=1e-6)


async def test_whoever_asks_about_a_picture_hears_who_is_on_it_and_no_door_does() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        answers = [await bench.asked(jpeg) for jpeg in (picture("alice"), picture("alice")[:200])]
        await bench.show(picture("alice"), frame_id="after")
        recognition = await bench.recognition()

    assert [face.person for face in answers[0].faces] == ["alice"]
    assert (answers[0].model, answers[0].error, answers[0].gallery_version) == (MODEL, None, 1)
    assert (answers[1].faces, answers[1].error) == ((), ErrorCode.NOT_A_PICTURE)
    assert recognition.frame_id == "after"


async def test_a_frame_that_would_take_long_to_decode_is_counted_and_the_next_one_recognised() -> None:
    async with recognizing() as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(refining(7000, 7000, 30), frame_id="slow")
        health = await bench.health("frame.too_much_work")
        await bench.show(picture("alice"), frame_id="next")
        assert (await bench.recognition()).frame_id == "next"
    assert health.refused == {"frame.too_much_work": 1}


async def test_an_embed_request_with_a_picture_that_would_take_long_is_answered_as_too_large() -> None:
    async with recognizing() as bench:
        request = Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=refining(7000, 7000, 30)),
            response=(channels.EMBED_REPLY, {"token": "me"}),
        )
        await bench.client.send(request)
        async with asyncio.timeout(10):
            embedded: Embedded = (await bench.client.expect(channels.EMBED_REPLY)).message
    assert (embedded.error, embedded.faces) == (ErrorCode.TOO_LARGE, ())


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("cut", [20, 2000])
async def test_an_embed_request_with_a_broken_picture_is_answered_with_an_error(cut: int, end: bytes) -> None:
    async with recognizing() as bench:
        request = Outbound(
            channels.EMBED_REQUEST,
            EmbedRequest(jpeg=picture("alice")[:cut] + end),
            response=(channels.EMBED_REPLY, {"token": "me"}),
        )
        await bench.client.send(request)
        async with asyncio.timeout(10):
            embedded: Embedded = (await bench.client.expect(channels.EMBED_REPLY)).message
    assert (embedded.error, embedded.faces) == (ErrorCode.NOT_A_PICTURE, ())


async def test_an_embed_request_that_cannot_be_answered_is_counted() -> None:
    async with recognizing() as bench:
        await bench.client.send(Outbound(channels.EMBED_REQUEST, EmbedRequest(jpeg=picture("alice"))))
        health = await bench.health("embed_request.no_reply_topic")
    assert health.refused == {"embed_request.no_reply_topic": 1}


async def test_health_says_what_runs_the_models_and_what_that_could_not_have() -> None:
    async with recognizing(runtime=FakeRuntime(problem="no GPU here; the CPU takes its place")) as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        health = await bench.health(problem="no GPU here")
        await bench.show(picture("alice"))
        assert (await bench.recognition()).faces[0].person == "alice"
    assert health.figures["runtime_fake"] == 1


async def test_health_says_how_busy_a_replica_is() -> None:
    async with recognizing(seconds=1.0) as bench:
        idle = await bench.health()
        await bench.show(picture("alice"))
        await bench.recognition()
        await bench.client.send(Outbound(channels.EMBED_REQUEST, EmbedRequest(jpeg=picture("alice"))))
        health = await bench.health("embed_request.no_reply_topic")
    assert (idle.figures["busy"], health.figures["busy"]) == (0.0, 0.5)  # one of two lanes, all the time


async def test_a_picture_on_which_a_model_hangs_keeps_no_other_camera_waiting_and_health_tells_of_it() -> None:
    detector = HangingDetector()
    async with recognizing(detector=detector) as bench:
        await bench.use_gallery(*gallery({"alice": template("alice")}))
        await bench.show(picture(), frame_id="hangs", camera="yard")
        for number in range(3):
            await bench.show(picture("alice"), frame_id=f"f{number}")
            assert (await bench.recognition()).frame_id == f"f{number}"
        bench.clock.advance(8)
        health = await bench.health(problem="looking at one picture for 8 s")
        detector.released.set()
        await bench.health(problem="")
    assert health.figures["busy"] > 0.4


async def test_a_recognizer_stops_while_a_model_hangs() -> None:
    detector = HangingDetector()
    async with recognizing(detector=detector) as bench:
        await bench.show(picture())
        async with asyncio.timeout(10):
            while not detector.seen:  # noqa: ASYNC110  # what is watched has no event
                await asyncio.sleep(0.01)
    healths = [one for one in bench.bus.log if one.topic == "doorbus/v1/health/recognizer/r1"]
    assert any(b'"offline"' in one.payload for one in healths)
    detector.released.set()
