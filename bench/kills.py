"""Kills enroller and recorder at random moments amid all that changes what they keep.

That is: enrolments, changes, removals, restorations, faces that are accepted from the inbox, pictures that are kept and
erased, rotations of the site key, and changes of the model (where dlib and its weights are there).

Exits with status 1 where one of these does not hold after a kill and a new start: each request took place as a whole or
not at all; none that was answered is undone; nobody else has changed; the database is sound; roster and galleries on
the broker say what it says; no face leaves the inbox but for a person; pictures that were told of are there byte for
byte, those that were erased are not, nor those of who was removed. After a rotation that was let end the former key
opens nothing. What the site was like then is kept in VAR/bench/kills.
"""

import argparse
import asyncio
import base64
import importlib.util
import random
import shutil
import signal
import sqlite3
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import track

from common import VAR, console, keep, run, sample
from doorbus.cli.asking import Asker, asking
from doorbus.cli.backup import sealed, unsealed
from doorbus.cli.people import read_roster
from doorbus.local.prepare import SITE_KEY
from doorbus.local.stack import Stack, stack
from doorbus.runtime.client import Client, connect
from doorbus.runtime.keyholders import Holdings
from doorbus.site.site_key import begin, finish
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refused
from doorbus.wire.drawing import as_jpeg
from doorbus.wire.ids import id_of_model
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.messages import (
    AcceptReview,
    Box,
    Enrol,
    ExportPeople,
    GalleryEntry,
    KeptPeople,
    KeptPerson,
    Message,
    Models,
    ModelState,
    RecogniseRequest,
    Remove,
    RemoveSample,
    RestorePeople,
    Result,
    Reviews,
    Rights,
    Update,
)
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are
from recording import KEEPS_ALL, Records, WrongError, records

T = TypeVar("T")

PICTURES = {"obama": ("obama.jpg", "obama2.jpg", "obama3.jpg"), "biden": ("biden.jpg",)}
LONGEST = {"enrol": 0.25, "accept": 0.35, "restore": 0.06}
"""Seconds after which at the latest the service is killed, by request; others are quicker."""
SHORT = 0.03
AMID = 0.1
"""The same for a rotation, after it has begun to seal anew."""
TAKING = 3.0
"""The same for a change of the model, after the other one has come."""
LEADING = 0.05
"""The same after it has been said that the other model leads."""
WORKING = 0.5
"""The same while pictures are kept and erased."""
CHANGE = "change"
"""What is asked by starting and stopping recognizers."""
REQUESTS = ("enrol", "enrol", "update", "remove", "remove_sample", "restore", "rotate", "accept", "accept", "keep")
VICTIMS = {"accept": (Role.ENROLLER, Role.RECORDER), "remove": (Role.ENROLLER, Role.RECORDER)}
"""Who is killed amid a request, in turns, where that is not the enroller alone."""
MODELS = {"first": "MobileFaceNet", "second": "Dlib"}
"""What recognizers run, by instance."""
DLIB = "weights/.deepface/weights/dlib_face_recognition_resnet_model_v1.dat"
PATIENCE = 60.0
"""Seconds for what comes by itself."""
Person = tuple[str | None, frozenset[str]]
"""Name, and the SHA-256 of each picture."""
State = dict[str, Person]
Told = Result | KeptPeople | Reviews


@dataclass
class Site:
    """A running site, who asks it, and what came of it."""

    stack: Stack
    results: Asker[Result]
    kept: Asker[KeptPeople]
    records: Records
    boxes: dict[str, Box] = field(default_factory=dict)
    """Where the face is on each picture."""
    leading: str = "first"
    """The recognizer whose model leads, or is about to."""
    beside: bool = False
    """Whether the other one runs, too."""
    like: tuple[KeptPerson, ...] = ()
    """Whose face the crowd has."""
    saved: tuple[KeptPerson, ...] = ()
    """Whom a restoration puts back, their samples open."""
    saved_state: State = field(default_factory=dict)
    amid: int = 0
    """How many kills left some samples sealed with the one key and some or all with the other."""
    counts: Counter[str] = field(default_factory=Counter)
    requests: tuple[str, ...] = REQUESTS
    left: list[str] = field(default_factory=list)
    """Those of which each takes its turn before any comes again."""
    turns: Counter[str] = field(default_factory=Counter)

    @property
    def path(self) -> Path:
        """The database."""
        return self.stack.var / "enroller.db"

    @property
    def key(self) -> Path:
        """The file of the site key."""
        return self.stack.var / "credentials" / SITE_KEY

    def sealed(self, people: tuple[KeptPerson, ...]) -> tuple[KeptPerson, ...]:
        """People as a message has them."""
        return tuple(sealed(each, self.seal) for each in people)

    @property
    def seal(self) -> Seal:
        """What opens whatever is sealed."""
        return Seal(*read_keys(self.key))

    def state(self) -> State:
        """Everybody in the database, which must be sound."""
        db, seal = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True), self.seal
        try:
            (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok" or db.execute("PRAGMA foreign_key_check").fetchall():
                raise WrongError(f"the database is not sound: {verdict}")
            people = {
                who: Rights.model_validate_json(text).name
                for who, text in db.execute("SELECT person, rights FROM people")
            }
            pictures: dict[str, set[str]] = {who: set() for who in people}
            for who, picture in db.execute("SELECT person, picture FROM samples"):
                pictures[who].add(picture)
            for data, purpose in sealed_in(db):
                opened(seal, data, purpose)
        finally:
            db.close()
        return {who: (name, frozenset(pictures[who])) for who, name in people.items()}

    def sealed_formerly(self, seal: Seal) -> int:
        """How many templates and faces are sealed with another key than the newest one."""
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            return sum(opened(seal, data, purpose) != seal.key_ids[0] for data, purpose in sealed_in(db))
        finally:
            db.close()

    async def logs(self, event: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work`, and wait until the enroller has logged an event since."""
        path = self.stack.var / "logs" / "enroller.log"
        begin = path.stat().st_size
        await work()
        async with asyncio.timeout(PATIENCE):
            while f"event={event}".encode() not in _from(path, begin):  # noqa: ASYNC110  # a log sends no events
                await asyncio.sleep(0.002)

    async def rotated(self) -> None:
        """Wait until everything is sealed with the newest key."""
        newest = self.seal.key_ids[0]
        holdings = Holdings()
        async with (
            connect(self.stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer,
            asyncio.timeout(PATIENCE),
        ):
            while holdings.waiting_for(newest):
                holdings = holdings.hear((await viewer.expect(channels.HEALTH)).message)

    async def models(self, holds: Callable[[dict[str, ModelState]], bool]) -> dict[str, ModelState]:
        """What the enroller tells of models, by name, as soon as that holds; it may take long if it goes on."""
        async with connect(self.stack.broker.transport(Role.VIEWER), [channels.MODELS]) as viewer:
            async with asyncio.timeout(PATIENCE) as patience:
                while True:
                    told: Models = (await viewer.expect(channels.MODELS)).message
                    patience.reschedule(asyncio.get_running_loop().time() + PATIENCE)
                    found = {one.model.partition("@")[0]: one for one in told.models}
                    if holds(found):
                        return found

    async def export(self) -> tuple[KeptPerson, ...]:
        """Everybody, their samples open."""
        found = await self.kept.ask(channels.EXPORT, ExportPeople(), {}, PATIENCE) or KeptPeople()
        return tuple(unsealed(each, self.seal) for each in found.people)

    async def settled(self) -> None:
        """Wait until the enroller has done what was asked so far."""
        async with connect(self.stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
            async with asyncio.timeout(PATIENCE):
                await viewer.expect(channels.HEALTH, service=Role.ENROLLER.value)  # that may be an old one
                while (await viewer.expect(channels.HEALTH, service=Role.ENROLLER.value)).message.figures["pending"]:
                    pass
        await self.kept.ask(channels.EXPORT, ExportPeople(limit=1), {}, PATIENCE)

    async def says(self, state: State) -> None:
        """Wait until roster and gallery on the broker say who is there, and the gallery beside it if there is one."""
        expected = {who: (name, len(pictures)) for who, (name, pictures) in state.items()}
        await self._converges(self.published, expected)

    async def says_beside(self, model: str, state: State) -> None:
        """The same for a gallery of another model."""
        ids = {"embedder": id_of_model(model)}
        expected = {who: len(pictures) for who, (_, pictures) in state.items() if pictures}
        await self._converges(lambda: self._gallery(channels.OTHER_MANIFEST, channels.OTHER_SHARD, ids), expected)

    async def _converges(self, read: Callable[[], Awaitable[dict[str, T]]], expected: dict[str, T]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while (found := await read()) != expected:
            if asyncio.get_running_loop().time() > deadline:
                everybody = sorted(found.keys() | expected.keys())
                different = [who for who in everybody if found.get(who) != expected.get(who)]
                some = {who: (found.get(who), expected.get(who)) for who in different[:5]}
                raise WrongError(f"published is not what is kept of {len(different)} people: {some}")

    async def published(self) -> dict[str, tuple[str | None, int]]:
        """Name and number of templates of everybody on the retained roster and gallery."""
        async with connect(self.stack.broker.transport(Role.VIEWER)) as viewer:
            roster = await read_roster(viewer, 20)
        if roster is None:
            raise WrongError("no whole roster is retained")
        templates = await self._gallery(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD, {})
        names = {one.person: one.name for part in roster.parts() for one in part}
        return {who: (name, templates.pop(who, 0)) for who, name in names.items()} | {
            who: (None, count) for who, count in templates.items()
        }

    async def _gallery(self, manifest: Channel[Any], shard: Channel[Any], ids: dict[str, str]) -> dict[str, int]:
        """How many templates of each person are on a gallery."""
        reader, gallery = SnapshotReader(GalleryEntry, as_they_are, self.seal), None
        async with connect(self.stack.broker.transport(Role.RECOGNIZER)) as recognizer, asyncio.timeout(PATIENCE):
            await recognizer.listen(manifest, shard, **ids)
            while gallery is None:
                event = await recognizer.expect(manifest, shard)
                if event.channel is manifest:
                    gallery = reader.manifest(event.message)
                else:
                    gallery = reader.shard(int(event.ids["shard"]), event.message)
        return {one.person: len(one.templates) for part in gallery.parts() for one in part}


def sealed_in(db: sqlite3.Connection) -> Iterator[tuple[bytes, str]]:
    """All that is sealed in the database, and for what."""
    for query, purpose in _SEALED.items():
        for who, data in db.execute(query):
            yield data, purpose(who)


_SEALED: dict[str, Callable[[str], str]] = {
    "SELECT person, template FROM samples": of_sample,
    "SELECT person, templates.template FROM templates JOIN samples ON sample = id": of_sample,
    "SELECT person, jpeg FROM faces JOIN samples ON sample = id": of_face,
}


def _from(path: Path, begin: int) -> bytes:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read()


def opened(seal: Seal, data: bytes, purpose: str) -> str:
    """The id of the key that opens something; raises `WrongError` when none does."""
    try:
        return seal.sealed_with(data, purpose)
    except Refused:
        raise WrongError(f"sealed with no key that is in the file, for {purpose!r}") from None


@dataclass(frozen=True)
class Request:
    """A request, and whom it may change."""

    name: str
    channel: Channel[Any] | None = None
    """None for what is asked otherwise than by a message."""
    message: Message = field(default_factory=Message)
    ids: dict[str, str] = field(default_factory=dict)
    person: str = ""
    picture: str = ""
    """The SHA-256 of the face that is accepted."""


async def choose(site: Site, state: State, chance: random.Random) -> Request:
    """A request that can be met."""
    person = chance.choice(list(PICTURES))
    site.left = site.left or chance.sample(site.requests, len(site.requests))
    name = site.left.pop()
    if name in WORK:
        return Request(name)
    if name == "restore":
        return Request(name, channels.RESTORE, RestorePeople(people=site.sealed(site.saved)))
    if name == "accept":
        return await accepting(site, person, state, chance)
    if person not in state:
        name = "enrol"
    if name == "remove":
        await site.records.keeps(person, sample(PICTURES[person][0]))
    return of_a_person(name, person, site, chance)


def of_a_person(name: str, person: str, site: Site, chance: random.Random) -> Request:
    """A request about one person."""
    ids = {"person": person}
    if name == "enrol":
        jpeg = sample(chance.choice(PICTURES[person])) + bytes(chance.randrange(1, 9))
        return Request(name, channels.ENROL, Enrol(jpeg=jpeg), ids, person)
    if name == "update":
        return Request(name, channels.UPDATE, Update(name=f"{person} {chance.randrange(10**6)}"), ids, person)
    if name == "remove":
        return Request(name, channels.REMOVE, Remove(), ids, person)
    ids["sample"] = str(number_of(site.path, person))
    return Request(name, channels.REMOVE_SAMPLE, RemoveSample(), ids, person)


async def accepting(site: Site, person: str, state: State, chance: random.Random) -> Request:
    """Let a face of a person come into the inbox, to be accepted."""
    name = chance.choice(PICTURES[person])
    left, top, width, height = site.boxes[name]
    box = (left + chance.randrange(9), top + chance.randrange(9), width, height)
    entry = await site.records.waiting(sample(name), box, chance)
    said = AcceptReview(person=person, new=person not in state)
    digest = await site.records.digest(entry)
    return Request("accept", channels.REVIEW_ACCEPT, said, {"entry": entry}, person, digest)


def somebody(number: int, like: KeptPerson) -> KeptPerson:
    """A person of the crowd: with a template like nobody else's, and that face."""
    model, length = like.samples[0].model, len(base64.b64decode(like.samples[0].template)) // 4
    chance = random.Random(number)  # noqa: S311  # the same each time
    template = struct.pack(f"<{length}f", *(chance.gauss(0, 1) for _ in range(length)))
    sample = like.samples[0].model_copy(
        update={
            "template": base64.b64encode(template).decode(),
            "picture": f"{number:064x}",
            "model": model,
        }
    )
    return KeptPerson(person=f"crowd-{number}", rights=Rights(), samples=(sample,))


def number_of(path: Path, person: str) -> int:
    """The number of a sample of a person."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    row = db.execute("SELECT id FROM samples WHERE person = ?", (person,)).fetchone()
    db.close()
    return int(row[0]) if row else 0


def fits(request: Request, before: State, after: State, site: Site, answer: Told | None) -> bool:
    """Whether a request, with its answer if there was one, may have led from one state to the other."""
    if after == before:  # it was refused, has not happened, or adds nothing
        return answer is None or answer.error is not None or adds_nothing(request, before, site, answer)
    if answer is not None and answer.error is not None:
        return False
    if request.name == "restore":
        return after == {**before, **site.saved_state}
    nobody_else = {**before, request.person: None} == {**after, request.person: None}
    return nobody_else and became(request, before.get(request.person), after.get(request.person))


def adds_nothing(request: Request, before: State, site: Site, answer: Told) -> bool:
    """Whether a request that was met changes nothing."""
    if request.name == "restore":
        return {**before, **site.saved_state} == before
    if request.name == "accept":
        return request.picture in before.get(request.person, (None, frozenset[str]()))[1]
    return isinstance(answer, Result) and answer.added == 0


def became(request: Request, was: Person | None, now: Person | None) -> bool:
    """Whether the request makes such a person of such a one."""
    if request.name == "remove" or now is None:
        return request.name == "remove" and now is None
    name, pictures = was or (None, frozenset[str]())
    if isinstance(request.message, Update):
        return now == (request.message.name, pictures)
    if request.name == "accept":
        return now == (name, pictures | {request.picture})
    return now[0] == name and len(now[1]) - len(pictures) == (1 if request.name == "enrol" else -1)


async def killed(site: Site, request: Request, chance: random.Random) -> tuple[Role, Told | None]:
    """Send a request, kill a service, start it again; who was killed, and the answer, if there was one."""
    if request.channel is None:
        return await WORK[request.name](site, chance), None
    askers: dict[str, Asker[Any]] = {"restore": site.kept, "accept": site.records.reviews}
    asker, victims = askers.get(request.name, site.results), VICTIMS.get(request.name, (Role.ENROLLER,))
    site.turns[request.name] += 1
    victim = victims[site.turns[request.name] % len(victims)]
    asking_it = asyncio.create_task(asker.ask(request.channel, request.message, request.ids, PATIENCE))
    await asyncio.sleep(chance.uniform(0, LONGEST.get(request.name, SHORT)))
    await site.stack.stop_service(victim, signal.SIGKILL)
    await asyncio.sleep(0.05)  # what it has sent has come
    answer: Told | None = asking_it.result() if asking_it.done() else None
    asking_it.cancel()
    await asyncio.gather(asking_it, return_exceptions=True)
    await site.stack.start(victim)
    if victim is Role.RECORDER:
        await site.settled()
    return victim, answer


async def killed_amid_rotation(site: Site, chance: random.Random) -> Role:
    """Let the last rotation end, begin another one, and kill the enroller while it seals everything anew."""
    if len(keys := read_keys(site.key)) > 1:
        await site.rotated()
        left = site.sealed_formerly(Seal(*keys))
        if left:
            raise WrongError(f"the rotation has ended, and {left} things are sealed with the former key")
        finish(site.key)

    async def begins() -> None:
        begin(site.key)

    await site.logs("site_key_turned", begins)
    await asyncio.sleep(chance.uniform(0, AMID))
    await site.stack.stop_service(Role.ENROLLER, signal.SIGKILL)
    site.amid += bool(site.sealed_formerly(site.seal))
    await site.stack.start(Role.ENROLLER)
    return Role.ENROLLER


async def killed_amid_a_change(site: Site, chance: random.Random) -> Role:
    """Start a recognizer of the other model, or leave it alone, and kill the enroller while it goes along."""
    other = next(name for name in MODELS if name != site.leading)
    model = MODELS[other]
    if not site.beside:
        await site.stack.start(Role.RECOGNIZER, recognizer(other), instance=other)
        site.beside = True
        await site.models(lambda told: model in told)
        await asyncio.sleep(chance.uniform(0, TAKING))
    else:
        made = await site.models(lambda told: model in told and told[model].published and not told[model].left)
        await site.says_beside(made[model].model, site.state())
        former, site.leading, site.beside = site.leading, other, False
        await site.logs("model_leads", lambda: site.stack.stop_service(former))
        await asyncio.sleep(chance.uniform(0, LEADING))
    await site.stack.stop_service(Role.ENROLLER, signal.SIGKILL)
    await site.stack.start(Role.ENROLLER)
    if not site.beside:
        await site.models(lambda told: model in told and told[model].leading)
    return Role.ENROLLER


async def killed_amid_pictures(site: Site, chance: random.Random) -> Role:
    """Kill the recorder while pictures are kept and erased, and faces come into the inbox and are discarded."""
    async with site.records.working(chance):
        await asyncio.sleep(chance.uniform(0, WORKING))
        await site.stack.stop_service(Role.RECORDER, signal.SIGKILL)
        await site.stack.start(Role.RECORDER)
    return Role.RECORDER


WORK: dict[str, Callable[[Site, random.Random], Awaitable[Role]]] = {
    "rotate": killed_amid_rotation,
    CHANGE: killed_amid_a_change,
    "keep": killed_amid_pictures,
}
"""What is asked otherwise than by one message."""


async def one_round(site: Site, before: State, chance: random.Random) -> State:
    """One request and one kill; raises `WrongError`."""
    request = await choose(site, before, chance)
    victim, answer = await killed(site, request, chance)
    after = site.state()
    told = "no answer" if answer is None else answer.error.code if answer.error else "ok"
    site.counts[f"{victim} amid {request.name}: {told}, {'as before' if after == before else 'done'}"] += 1
    if not fits(request, before, after, site, answer):
        changed = {who: (before.get(who), after.get(who)) for who in before.keys() | after.keys()}
        changed = {who: (was, now) for who, (was, now) in changed.items() if was != now}
        raise WrongError(f"{request.name} {request.ids}, {told}: changed are {changed}")
    try:
        await site.says(after)
        await recorder_holds(site, request, after, answer)
    except WrongError as wrong:
        raise WrongError(f"{victim} amid {request.name} {request.ids}, {told}: {wrong}") from wrong
    return after


async def recorder_holds(site: Site, request: Request, after: State, answer: Told | None) -> None:
    """The recorder has what it told, and nobody who was removed; a face is gone only where somebody has it."""
    if request.name == "remove" and request.person not in after:
        await site.records.forgets(request.person)
    if request.name == "accept":
        waits = request.ids["entry"] in await site.records.entries()
        has = request.picture in after.get(request.person, (None, frozenset[str]()))[1]
        if answer is not None and (answer.error is None) is waits:
            raise WrongError("the face waits, and was accepted" if waits else "the face is gone, and was refused")
        if not waits and not has:
            raise WrongError("the face is gone, and nobody has it")
    if request.name in {"accept", "keep", "remove"}:
        await site.records.holds()


def recognizer(name: str) -> dict[str, str]:
    """The settings of a recognizer."""
    return {**TELLING, "DOORBUS_RECOGNIZER__MODEL": MODELS[name]}


TELLING = {"DOORBUS_HEALTH_SECONDS": "0.15"}
RULES = {
    "DOORBUS_ENROLLER__MAX_SAMPLES": "6",
    "DOORBUS_ENROLLER__NEAR_DUPLICATE": "1",
    "DOORBUS_ENROLLER__RETIRE_SECONDS": "1",
}


async def began(one: Stack, clients: AsyncExitStack, requests: tuple[str, ...]) -> Site:
    """A site at which everybody who changes is enrolled."""
    await one.broker.start()
    await one.start(Role.ENROLLER, {**TELLING, **RULES})
    await one.start(Role.RECORDER, {**TELLING, **KEEPS_ALL})
    await one.start(Role.RECOGNIZER, recognizer("first"), instance="first")

    async def client(role: Role) -> Client:
        return await clients.enter_async_context(connect(one.broker.transport(role)))

    looked = await clients.enter_async_context(asking(await client(Role.OPERATOR), channels.RECOGNISE_REPLY))
    site = Site(
        one,
        await clients.enter_async_context(asking(await client(Role.OPERATOR), channels.RESULT_REPLY)),
        await clients.enter_async_context(asking(await client(Role.ADMIN), channels.PEOPLE_REPLY)),
        await clients.enter_async_context(records(one)),
        requests=requests,
    )
    crowd = {"person": "crowd"}
    await site.results.ask(channels.ENROL, Enrol(jpeg=as_jpeg(sample("astronaut.png"))), crowd, PATIENCE)
    site.like = await site.export()
    await site.results.ask(channels.REMOVE, Remove(), crowd, PATIENCE)
    for person, pictures in PICTURES.items():
        await site.results.ask(channels.ENROL, Enrol(jpeg=sample(pictures[0])), {"person": person}, PATIENCE)
        for name in pictures:
            seen = await looked.ask(channels.RECOGNISE_REQUEST, RecogniseRequest(jpeg=sample(name)), {}, PATIENCE)
            site.boxes[name] = seen.faces[0].box if seen and seen.faces else (0.0, 0.0, 100.0, 100.0)
    site.saved, site.saved_state = await site.export(), site.state()
    if len(site.like) != 1 or len(site.saved) != len(PICTURES):
        raise SystemExit("nobody could be enrolled")
    return site


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Prepare, and go through the rounds."""
    chance = random.Random(given.seed)  # noqa: S311  # the same story each time
    ends_at = time.monotonic() + given.minutes * 60
    async with stack(var, VAR) as one, AsyncExitStack() as clients:
        site = await began(one, clients, tuple(given.only or every_request()))
        crowd = site.sealed(tuple(somebody(number, site.like[0]) for number in range(given.people)))
        await site.kept.ask(channels.RESTORE, RestorePeople(people=crowd), {}, PATIENCE)
        state = site.state()
        if len(state) != len(PICTURES) + given.people:
            raise SystemExit("the crowd could not be put there")
        wrong = None
        try:
            for _ in track(range(given.kills), "kills", console=console, disable=not console.is_terminal):
                if time.monotonic() > ends_at:
                    break
                state = await one_round(site, state, chance)
        except (WrongError, TimeoutError) as error:
            wrong = str(error) or traceback.format_exc()
            shutil.copytree(one.var, VAR / "bench" / "kills", symlinks=True, dirs_exist_ok=True)
    for what, count in sorted(site.counts.items()):
        console.print(f"{count:5} {what}")
    console.print(f"{site.counts.total()} kills" + (f"; WRONG: {wrong}" if wrong else "; all held"))
    console.print(f"{site.amid} amid a rotation, before all was sealed anew")
    keep(
        "kills",
        {
            "kills": site.counts.total(),
            "amid_a_rotation": site.amid,
            "seed": given.seed,
            "counts": dict(site.counts),
            "wrong": wrong,
        },
    )
    if wrong:
        sys.exit(1)


def every_request() -> tuple[str, ...]:
    """All of them, changes of the model where another one can be run."""
    if importlib.util.find_spec("dlib") and (VAR / DLIB).exists():
        return (*REQUESTS, *REQUESTS, CHANGE)
    console.print("dlib or its weights are not there (make setup): no change of the model")
    return REQUESTS


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000, help="default 1000")
    parser.add_argument("--minutes", type=float, default=600.0, help="end earlier, after so many; default 600")
    parser.add_argument("--people", type=int, default=300, help="people besides those that change; default 300")
    parser.add_argument("--only", nargs="+", choices=sorted({*REQUESTS, CHANGE}), help="only these requests")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments; default 1")
    run(parser, measure)


if __name__ == "__main__":
    main()
