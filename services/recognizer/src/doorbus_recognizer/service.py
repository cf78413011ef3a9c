"""Frames in, recognitions out. Recognises each frame for itself, so that any frame may go to any replica."""

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar

from doorbus.runtime.clock import Clock
from doorbus.runtime.floor import Floor
from doorbus.runtime.punctuality import Punctuality
from doorbus.runtime.service import Service
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Inbound, Outbound, Subscription, later
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import (
    Ask,
    Challenge,
    Embedded,
    EmbeddedFace,
    EmbedRequest,
    ErrorCode,
    Face,
    FaceForReview,
    FacesForReview,
    Frame,
    GalleryEntry,
    Manifest,
    Portrait,
    Recognised,
    RecogniseRequest,
    Recognition,
    Verdict,
)
from doorbus.wire.purposes import OF_A_FACE
from doorbus.wire.seal import Seal
from doorbus.wire.signatures import Keyring
from doorbus.wire.snapshot import Snapshot, SnapshotReader, key_of, refuse_older, shard_number
from doorbus.wire.templates import Template, to_reply, to_review
from doorbus_recognizer.busy import Busy
from doorbus_recognizer.calibration import Scale
from doorbus_recognizer.decode import Decoded, Limits, decode
from doorbus_recognizer.faces import Image, SeenFace
from doorbus_recognizer.galleries import Galleries
from doorbus_recognizer.matching import MATCH_CONFIDENCE, Block, Gallery, Match, Settled
from doorbus_recognizer.models import imaging
from doorbus_recognizer.models.choice import Mirrored
from doorbus_recognizer.models.geometry import ARCFACE_SIZE
from doorbus_recognizer.portraits import Crop, Pace, around
from doorbus_recognizer.settings import Recognizer

HANGS_SECONDS = 5.0
"""Longer than a picture with eight faces takes on a small machine."""
_LARGE = frozenset({Refusal.TOO_LARGE, Refusal.TOO_MUCH_WORK})
_DIGEST_LENGTH = 32
_TURNS = frozenset({Ask.TURN_LEFT, Ask.TURN_RIGHT})
T = TypeVar("T")


class Eyes(Protocol):
    """What `doorbus_recognizer.vision.Vision` offers."""

    scale: Scale

    @property
    def model_id(self) -> str:
        """Names model, weights and alignment."""
        ...

    @property
    def runtime(self) -> str | None:
        """What runs the models, as health calls it."""
        ...

    @property
    def problem(self) -> str | None:
        """What it could not have as it was asked for."""
        ...

    def see(
        self, image: Image, settled: Settled | None = None, *, lids: bool = False, parts: bool = False
    ) -> tuple[tuple[SeenFace, ...], dict[str, float]]:
        """The faces on a picture and the milliseconds of each stage.

        `settled` says which template is good enough, `lids` whether to look at how far the eyes are open, `parts`
        whether to look at what pose parts of the face tell.
        """
        ...

    def template_of(self, aligned: Image) -> Template:
        """The template of an aligned face; raises `Refused` where there is none."""
        ...

    def close(self) -> None:
        """Let go of all threads, also of those that are still at work."""
        ...


class RecognizerService(Service):
    """One replica.

    `floor` says which gallery came last of all that ever came; with `portraits` it also sends pictures of those whom it
    recognises; with `review`, the recorder's seal, templates of those whom it sees.
    """

    role = Role.RECOGNIZER
    interchangeable = True

    def __init__(
        self,
        eyes: Eyes,
        seal: Seal,
        keys: Keyring,
        settings: Recognizer,
        floor: Floor,
        *,
        instance: str,
        clock: Clock,
        portraits: bool = False,
        review: Seal | None = None,
    ) -> None:
        self.keys = keys
        self._review = review
        self._reviews = Pace()
        self._portraits = Pace() if portraits else None
        self._eyes = eyes
        self._seal = seal
        self.site_keys = seal
        self.lanes = settings.lanes
        self._settings = settings
        self._instance = instance
        self._clock = clock
        self._limits = Limits(settings.max_picture_bytes, settings.max_picture_pixels)
        self._reader = SnapshotReader(GalleryEntry, Block.read, seal)
        self._floor = floor
        self._galleries: Galleries[Snapshot[Block]] = Galleries(eyes.model_id)
        self._own = {"embedder": id_of_model(eyes.model_id)}
        self._beside = SnapshotReader(GalleryEntry, Block.read, seal)
        self._beside_floor = floor.part(self._own["embedder"])
        self._newest: Snapshot[Block] | None = None
        self._gallery: Gallery | None = None
        self._gallery_problem: str | None = "no gallery received yet; is the enroller running?"
        self._punctuality = Punctuality(
            "frames", max_age=settings.max_age_seconds, tolerance=settings.future_tolerance_seconds
        )
        self._challenges: dict[str, Challenge] = {}
        self._counts: Counter[str] = Counter()
        self._milliseconds = 0.0
        self._busy = Busy(settings.lanes, clock.monotonic())
        # Not the event loop's own threads: there may be more of those than lanes, and each keeps memory of its own.
        self._lanes = ThreadPoolExecutor(settings.lanes, thread_name_prefix="lane")

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """Frames and embed requests are shared among the replicas, gallery and challenges go to each.

        The name of their group is a secret: whoever joins it takes frames away, and may read none of them for that.
        """
        group = partial(self._seal.secret_name, "the group of recognizers")
        return (
            Subscription(channels.FRAME, self._on_frame, share=group, newest_only=True, on_demand=self._looking),
            Subscription(
                channels.EMBED_REQUEST, self._on_embed_request, share=group, rank=later, on_demand=self._leading
            ),
            Subscription(channels.EMBED_FACE, self._on_embed_face, self._own, share=group, rank=later),
            Subscription(
                channels.RECOGNISE_REQUEST, self._on_recognise_request, share=group, rank=later, on_demand=self._looking
            ),
            Subscription(channels.CHALLENGE, self._on_challenge),
            Subscription(channels.GALLERY_MANIFEST, self._on_manifest),
            Subscription(
                channels.GALLERY_SHARD,
                self._on_shard,
                newest_only=True,
                on_demand=self._missing,
                asked=self._asked,
            ),
            Subscription(channels.OTHER_MANIFEST, self._on_other_manifest, self._own),
            Subscription(
                channels.OTHER_SHARD,
                self._on_other_shard,
                self._own,
                newest_only=True,
                on_demand=self._beside_missing,
                asked=self._beside.asked,
            ),
        )

    def _looking(self) -> list[dict[str, str]]:
        """Frames are looked at unless the people are known to recognizers of another model alone."""
        return [] if self._galleries.foreign else [{}]

    def _leading(self) -> list[dict[str, str]]:
        """Pictures are enrolled by the recognizers of the model that leads."""
        return [{}] if self._galleries.leads else []

    def _missing(self) -> list[dict[str, str]]:
        return self._reader.wanted()

    def _asked(self) -> int:
        return self._reader.asked()

    def _beside_missing(self) -> list[dict[str, str]]:
        return [{**ids, **self._own} for ids in self._beside.wanted()]

    def place(self) -> Mapping[str, str]:
        """The model that it runs."""
        return {"model": self._eyes.model_id}

    def problem(self) -> str | None:
        """Why it cannot recognise anybody, if so."""
        now = self._clock.monotonic()
        looking = self._busy.longest(now)
        if looking > HANGS_SECONDS:
            return f"has been looking at one picture for {looking:.0f} s; if this does not end, restart it"
        gallery = self._gallery_problem or self._floor.problem
        if self._gallery is None:
            gallery = self._floor.problem or self._gallery_problem
        return gallery or self._punctuality.problem(now) or self._eyes.problem

    def figures(self) -> Mapping[str, float]:
        """Frames, faces and verdicts so far, the mean time of a frame, how busy it is, and the gallery in use."""
        gallery = (
            {} if self._gallery is None else {"people": len(self._gallery), "gallery_version": self._gallery.version}
        )
        busy = round(self._busy.fraction(self._clock.monotonic()), 3)
        runtime = {} if self._eyes.runtime is None else {f"runtime_{self._eyes.runtime}": 1}
        return {
            **self._counts,
            **gallery,
            **self._floor.figures("gallery"),
            **runtime,
            "milliseconds_per_frame": round(self._milliseconds, 2),
            "busy": busy,
            "review": int(self._review is not None),
        }

    def hold(self, keys: Sequence[bytes]) -> bool:
        """Go on with these keys, unless the gallery waits for one of them: a process that begins anew reads it."""
        readable = self._gallery is not None or self._galleries.foreign
        return readable and super().hold(keys)

    async def stop(self) -> Iterable[Outbound]:
        """Let go of the lanes, also of those that are still at work."""
        self._lanes.shutdown(wait=False, cancel_futures=True)
        self._eyes.close()
        return ()

    async def _on_frame(self, inbound: Inbound[Frame]) -> Iterable[Outbound]:
        frame, places = inbound.message, self._settings.places
        if places and "{door}/{camera}".format_map(inbound.ids) not in places:
            raise Refused(Refusal.WRONG_TOPIC, "this camera is not one of DOORBUS_RECOGNIZER__CAMERAS")
        age = (self._clock.now() - frame.captured_at).total_seconds()
        self._punctuality.note(age, self._clock.monotonic())
        if age > self._settings.max_age_seconds:
            raise Refused(Refusal.STALE, f"captured {age:.1f} s ago")
        if age < -self._settings.future_tolerance_seconds:
            raise Refused(Refusal.FROM_THE_FUTURE, f"captured in {-age:.1f} s; does the camera's clock agree?")
        seen = await self._at_work(partial(self._recognise, frame.jpeg, self._asked_before(inbound.ids)))
        faces = seen.faces
        self._counts["frames"] += 1
        total = sum(seen.timings_ms.values())
        self._milliseconds += (total - self._milliseconds) / min(self._counts["frames"], 100)
        if not faces:
            return ()
        self._counts["faces"] += len(faces)
        self._counts.update(face.verdict.value for face in faces)
        recognition = Recognition(
            frame_id=frame.frame_id,
            captured_at=frame.captured_at,
            recognized_at=self._clock.now(),
            recognizer=self._instance,
            model=self._eyes.model_id,
            gallery_version=seen.gallery_version,
            timings_ms={stage: round(ms, 3) for stage, ms in seen.timings_ms.items()},
            digest=seen.digest,
            width=seen.decoded.image.shape[1] * seen.decoded.reduction,
            height=seen.decoded.image.shape[0] * seen.decoded.reduction,
            faces=faces,
            door=inbound.ids["door"],
            camera=inbound.ids["camera"],
        )
        return (
            Outbound(channels.RECOGNITION, recognition, inbound.ids),
            *await self._portrait(inbound, faces, seen.decoded),
            *self._for_review(inbound, seen),
        )

    def _for_review(self, inbound: Inbound[Frame], seen: "_Seen") -> tuple[Outbound, ...]:
        """The faces with their templates for the recorder, where it asks for them and got none just now."""
        camera = (inbound.ids["door"], inbound.ids["camera"])
        if self._review is None or not self._reviews.due(camera, self._clock.monotonic()):
            return ()
        faces = tuple(
            FaceForReview(
                box=face.box,
                verdict=face.verdict,
                person=face.person,
                confidence=face.confidence,
                quality=face.quality,
                live=face.live,
                template=to_review(template, self._review),
            )
            for face, template in zip(seen.faces, seen.templates, strict=True)
        )
        message = FacesForReview(
            frame_id=inbound.message.frame_id,
            model=self._eyes.model_id,
            same_person_similarity=self._eyes.scale.similarity(MATCH_CONFIDENCE),
            faces=faces,
        )
        return (Outbound(channels.FACES, message, inbound.ids),)

    async def _portrait(
        self, inbound: Inbound[Frame], faces: tuple[Face, ...], decoded: Decoded
    ) -> tuple[Outbound, ...]:
        """The face that was recognised best, as a picture, where one is wished for and none was sent just now."""
        best = max((each for each in faces if each.verdict is Verdict.MATCH), key=_confidence, default=None)
        if self._portraits is None or best is None or best.person is None:
            return ()
        height, width = decoded.image.shape[:2]
        left, upper, wide, high = (value / decoded.reduction for value in best.box)
        crop = around((left, upper, wide, high), width, height)
        camera = (inbound.ids["door"], inbound.ids["camera"])
        if crop is None or not self._portraits.due(camera, self._clock.monotonic()):
            return ()
        portrait = Portrait(
            jpeg=await self._at_work(partial(_cut_out, decoded.image, crop)),
            frame_id=inbound.message.frame_id,
            captured_at=inbound.message.captured_at,
            person=best.person,
        )
        return (Outbound(channels.PORTRAIT, portrait, inbound.ids),)

    async def _at_work(self, work: Callable[[], T]) -> T:
        ticket = self._busy.begin(self._clock.monotonic())
        try:
            return await asyncio.get_running_loop().run_in_executor(self._lanes, work)
        finally:
            self._busy.end(ticket, self._clock.monotonic())

    def _recognise(self, jpeg: bytes, asked: Ask = Ask.NONE) -> "_Seen":
        began = self._clock.monotonic()
        decoded = decode(jpeg, self._limits)
        decoding = (self._clock.monotonic() - began) * 1000
        search = _Search(self._gallery, self._eyes.scale, self._settings.margin)
        settled = None if self._settings.mirrored is Mirrored.ALWAYS else search.settled
        seen, timings = self._eyes.see(decoded.image, settled, lids=asked is Ask.BLINK, parts=asked in _TURNS)
        began = self._clock.monotonic()
        newest = self._gallery  # one for all faces, although a newer one may come meanwhile
        if newest is not search.gallery:
            search = _Search(newest, self._eyes.scale, self._settings.margin)
        faces = tuple(_face(face.enlarged(decoded.reduction), search.match(face.template)) for face in seen)
        matching = (self._clock.monotonic() - began) * 1000
        digest = hashlib.sha256(jpeg).hexdigest()[:_DIGEST_LENGTH]
        stages = {"decode": decoding, **timings, "match": matching}
        version = None if newest is None else newest.version
        return _Seen(faces, tuple(face.template for face in seen), stages, decoded, digest, version)

    async def _on_challenge(self, inbound: Inbound[Challenge]) -> Iterable[Outbound]:
        now = self._clock.now()
        self._challenges = {
            door: one for door, one in self._challenges.items() if one.expires_at and one.expires_at > now
        }
        self._challenges.pop(inbound.ids["door"], None)
        if inbound.message.ask is Ask.BLINK or inbound.message.ask in _TURNS:
            self._challenges[inbound.ids["door"]] = inbound.message
        return ()

    def _asked_before(self, ids: Mapping[str, str]) -> Ask:
        """What a door asks for before this camera."""
        asked = self._challenges.get(ids["door"])
        if asked is None or asked.expires_at is None:
            return Ask.NONE
        theirs = asked.camera in (None, ids["camera"]) and self._clock.now() < asked.expires_at
        return asked.ask if theirs else Ask.NONE

    async def _on_embed_request(self, inbound: Inbound[EmbedRequest]) -> Iterable[Outbound]:
        if inbound.reply_ids is None:
            raise Refused(Refusal.NO_REPLY_TOPIC, "an embed request names the topic for its reply")
        try:
            faces = await self._at_work(partial(self._embed, inbound.message.jpeg))
        except Refused as refused:
            error = ErrorCode.TOO_LARGE if refused.reason in _LARGE else ErrorCode.NOT_A_PICTURE
            return inbound.reply(self._embedded((), error))
        self._counts["embedded"] += 1
        return inbound.reply(self._embedded(faces, None))

    async def _on_embed_face(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        """Make a template of a face that the enroller has kept, which was enrolled with another model."""
        if inbound.reply_ids is None:
            raise Refused(Refusal.NO_REPLY_TOPIC, "an embed request names the topic for its reply")
        jpeg = self._seal.unseal(inbound.message, OF_A_FACE)
        try:
            face = await self._at_work(partial(self._embed_face, jpeg))
        except Refused:
            return inbound.reply(self._embedded((), ErrorCode.NO_FACE))
        self._counts["embedded"] += 1
        return inbound.reply(self._embedded((face,), None))

    def _embed_face(self, jpeg: bytes) -> EmbeddedFace:
        aligned = decode(jpeg, self._limits).image
        if aligned.shape[:2] != (ARCFACE_SIZE, ARCFACE_SIZE):
            raise Refused(Refusal.WRONG_SHAPE, f"an aligned face has {ARCFACE_SIZE} by {ARCFACE_SIZE} pixels")
        template = to_reply(self._eyes.template_of(aligned), self._seal)
        side = float(ARCFACE_SIZE)
        return EmbeddedFace(box=(0.0, 0.0, side, side), size=0.0, sharpness=0.0, quality=0.0, template=template)

    async def _on_recognise_request(self, inbound: Inbound[RecogniseRequest]) -> Iterable[Outbound]:
        """Say who is on a picture to who asks, and to nobody else: no door may act on it."""
        if inbound.reply_ids is None:
            raise Refused(Refusal.NO_REPLY_TOPIC, "a request names the topic for its reply")
        try:
            seen = await self._at_work(partial(self._recognise, inbound.message.jpeg))
        except Refused as refused:
            error = ErrorCode.TOO_LARGE if refused.reason in _LARGE else ErrorCode.NOT_A_PICTURE
            return inbound.reply(Recognised(model=self._eyes.model_id, error=error))
        self._counts["asked"] += 1
        return inbound.reply(
            Recognised(
                model=self._eyes.model_id,
                faces=seen.faces,
                gallery_version=seen.gallery_version,
                timings_ms={stage: round(ms, 3) for stage, ms in seen.timings_ms.items()},
            )
        )

    def _embed(self, jpeg: bytes) -> tuple[EmbeddedFace, ...]:
        decoded = decode(jpeg, self._limits)
        return tuple(self._sealed(face.enlarged(decoded.reduction)) for face in self._eyes.see(decoded.image)[0])

    def _sealed(self, face: SeenFace) -> EmbeddedFace:
        jpeg = self._seal.seal(imaging.encode_jpeg(face.aligned), OF_A_FACE)
        return EmbeddedFace(
            box=face.box,
            size=face.size,
            sharpness=face.sharpness,
            quality=face.quality,
            live=face.live,
            brightness=imaging.brightness(face.aligned),
            template=to_reply(face.template, self._seal),
            face=base64.b64encode(jpeg).decode(),
        )

    def _embedded(self, faces: tuple[EmbeddedFace, ...], error: ErrorCode | None) -> Embedded:
        return Embedded(
            model=self._eyes.model_id,
            faces=faces,
            same_person_similarity=self._eyes.scale.similarity(MATCH_CONFIDENCE),
            error=error,
        )

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        await _lift(self._floor, inbound.message)
        self._galleries = self._galleries.led_by(inbound.message.model)
        if not self._galleries.leads:  # its shards are of no use here
            self._reader = SnapshotReader(GalleryEntry, Block.read, self._seal)
            return await self._swap(inbound.message)
        return await self._lead(self._reader.manifest(inbound.message))

    async def _on_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        return await self._lead(self._reader.shard(shard_number(inbound.ids), inbound.message))

    async def _lead(self, snapshot: Snapshot[Block] | None) -> Iterable[Outbound]:
        if snapshot is None:
            return ()
        self._galleries = replace(self._galleries, there=(snapshot.manifest.version, snapshot))
        return await self._swap(snapshot.manifest)

    async def _on_other_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        if inbound.message.model != self._eyes.model_id:
            raise Refused(Refusal.UNEXPECTED, f"the gallery of {inbound.message.model} under the id of another model")
        await _lift(self._beside_floor, inbound.message)
        return await self._stand_beside(self._beside.manifest(inbound.message))

    async def _on_other_shard(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        return await self._stand_beside(self._beside.shard(shard_number(inbound.ids), inbound.message))

    async def _stand_beside(self, snapshot: Snapshot[Block] | None) -> Iterable[Outbound]:
        if snapshot is None:
            return ()
        self._galleries = replace(self._galleries, beside=(snapshot.manifest.version, snapshot))
        return await self._swap(snapshot.manifest)

    async def _swap(self, came: Manifest) -> Iterable[Outbound]:
        """Take a whole new gallery into use; one that cannot be used leaves nobody recognised rather than the wrong."""
        with suppress(Refused):  # told below; what the enroller seals with, it unseals, too
            self._seal.use(key_of(came, self._seal) or self._seal.key_id)
        snapshot = self._galleries.newest
        if snapshot is None:
            self._newest = self._gallery = None
            self._gallery_problem = (
                f"the gallery was made with {came.model}, this recognizer runs {self._eyes.model_id}, and leaves the "
                "frames to others until the enroller has made a gallery for it; how far that is: doorbus models"
            )
            return ()
        if snapshot is self._newest:
            return ()
        self._newest = snapshot
        gallery: Gallery | None = None
        wrong: Refused | None = None
        try:
            gallery = await asyncio.to_thread(_gallery, snapshot)
        except Refused as error:
            wrong = error
        if self._newest is snapshot:  # a newer one may have come while this one was built in another lane
            self._gallery = gallery
            way_out = "is DOORBUS_SITE_KEY_FILE here the enroller's?"
            self._gallery_problem = None if wrong is None else f"the gallery cannot be read ({wrong}); {way_out}"
        if wrong is not None:
            raise wrong
        return ()


@dataclass(frozen=True)
class _Seen:
    """What came of one frame."""

    faces: tuple[Face, ...]
    templates: tuple[Template, ...]
    """Of the same faces."""
    timings_ms: Mapping[str, float]
    decoded: Decoded
    digest: str
    gallery_version: int | None


class _Search:
    """What one picture asks of one gallery: a template that settles a face is not searched for again to name it."""

    def __init__(self, gallery: Gallery | None, scale: Scale, margin: float | None) -> None:
        self.gallery = gallery
        self._people = gallery or Gallery.empty()
        self._scale = scale
        self._margin = margin
        self._found: list[tuple[Template, Match]] = []

    def match(self, template: Template) -> Match:
        known = next((match for asked, match in self._found if asked is template), None)
        if known is None:
            known = self._people.match(template, self._scale, self._margin)
            self._found.append((template, known))
        return known

    def settled(self, alone: Template) -> bool:
        return self._people.settled(self.match(alone), self._scale, self._margin)


def _face(seen: SeenFace, match: Match) -> Face:
    return Face(
        box=seen.box,
        verdict=match.verdict,
        person=match.person,
        confidence=match.confidence,
        similarity=match.similarity,
        runner_up=match.runner_up,
        live=seen.live,
        size=round(seen.size, 1),
        sharpness=round(seen.sharpness, 1),
        quality=seen.quality,
        yaw=round(seen.pose.yaw, 1),
        pitch=round(seen.pose.pitch, 1),
        roll=round(seen.pose.roll, 1),
        eyes_open=seen.eyes_open,
        lids=None if seen.lids is None else round(seen.lids, 3),
        lids_apart=None if seen.lids_apart is None else round(seen.lids_apart, 3),
        sides_apart=None if seen.sides_apart is None else round(seen.sides_apart, 1),
        ends_apart=None if seen.ends_apart is None else round(seen.ends_apart, 1),
        aspect=round(seen.aspect, 3),
    )


async def _lift(floor: Floor, manifest: Manifest) -> None:
    """Raise `Refused` for a manifest older than the newest, also when that came in another lane meanwhile."""
    refuse_older(manifest, floor.version)
    await floor.lift(manifest.version)
    refuse_older(manifest, floor.version)


def _gallery(snapshot: Snapshot[Block]) -> Gallery:
    return Gallery.of(snapshot.parts(), snapshot.manifest.model, snapshot.manifest.version)


def _confidence(face: Face) -> float:
    return face.confidence


def _cut_out(image: Image, crop: Crop) -> bytes:
    part = imaging.crop(image, crop.left, crop.upper, crop.right, crop.lower)
    return imaging.encode_jpeg(imaging.resize(part, crop.size))
