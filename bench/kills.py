"""Kills the enroller at random moments amid enrolments, changes, removals, restorations and rotations of the site key.

Exits with status 1 where one of these does not hold after a kill and a new start: each request took place as a whole or
not at all; none that was answered is undone; nobody else has changed; the database is sound; and roster and gallery on
the broker say what it says. After a rotation that was let end the former key opens nothing.
"""

import argparse
import asyncio
import base64
import random
import signal
import sqlite3
import struct
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import track

from common import VAR, console, keep, run, sample
from doorbus.cli.asking import Asker, asking
from doorbus.cli.backup import sealed, unsealed
from doorbus.cli.people import read_roster
from doorbus.local.prepare import SITE_KEY
from doorbus.local.stack import Stack, stack
from doorbus.runtime.client import connect
from doorbus.runtime.keyholders import Holdings
from doorbus.site.site_key import begin, finish
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.codec import Refused
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.messages import (
    Enrol,
    ExportPeople,
    GalleryEntry,
    KeptPeople,
    KeptPerson,
    Message,
    Remove,
    RemoveSample,
    RestorePeople,
    Result,
    Rights,
    Update,
)
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are

PICTURES = {"obama": ("obama.jpg", "obama2.jpg", "obama3.jpg"), "biden": ("biden.jpg",)}
LONGEST = {"enrol": 0.25, "restore": 0.06}
"""Seconds after which at the latest the enroller is killed, by request; others are quicker."""
SHORT = 0.03
AMID = 0.4
"""The same for a rotation, after it has begun to seal anew."""
REQUESTS = ("enrol", "enrol", "update", "remove", "remove_sample", "restore", "rotate")
Person = tuple[str | None, frozenset[str]]
"""Name, and the SHA-256 of each picture."""
State = dict[str, Person]


class WrongError(Exception):
    """Something does not hold."""


@dataclass
class Site:
    """A running site, who asks it, and what came of it."""

    stack: Stack
    results: Asker[Result]
    kept: Asker[KeptPeople]
    saved: tuple[KeptPerson, ...] = ()
    """Whom a restoration puts back, their samples open."""
    saved_state: State = field(default_factory=dict)
    amid: int = 0
    """How many kills left some samples sealed with the one key and some or all with the other."""
    counts: Counter[str] = field(default_factory=Counter)
    requests: tuple[str, ...] = REQUESTS

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
            rows = db.execute("SELECT person, picture, template, jpeg FROM samples LEFT JOIN faces ON sample = id")
            for who, picture, template, face in rows:
                pictures[who].add(picture)
                opened(seal, template, of_sample(who))
                if face is not None:
                    opened(seal, face, of_face(who))
        finally:
            db.close()
        return {who: (name, frozenset(pictures[who])) for who, name in people.items()}

    def sealed_formerly(self, seal: Seal) -> int:
        """How many samples and faces are sealed with another key than the newest one."""
        db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        try:
            rows = db.execute("SELECT person, template, jpeg FROM samples LEFT JOIN faces ON sample = id").fetchall()
        finally:
            db.close()
        sealed = [(template, of_sample(who)) for who, template, _ in rows]
        sealed += [(face, of_face(who)) for who, _, face in rows if face is not None]
        return sum(opened(seal, data, purpose) != seal.key_ids[0] for data, purpose in sealed)

    def turns(self) -> int:
        """How often an enroller has begun to seal with a newer key."""
        return self.stack.process("enroller").log().count("event=site_key_turned")

    async def rotated(self) -> None:
        """Wait until everything is sealed with the newest key."""
        newest = self.seal.key_ids[0]
        holdings = Holdings()
        async with connect(self.stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer, asyncio.timeout(30):
            while holdings.waiting_for(newest):
                holdings = holdings.hear((await viewer.expect(channels.HEALTH)).message)

    async def published(self) -> dict[str, tuple[str | None, int]]:
        """Name and number of templates of everybody on the retained roster and gallery."""
        async with connect(self.stack.broker.transport(Role.VIEWER)) as viewer:
            roster = await read_roster(viewer, 20)
        if roster is None:
            raise WrongError("no whole roster is retained")
        reader = SnapshotReader(GalleryEntry, as_they_are, self.seal)
        gallery = None
        async with connect(self.stack.broker.transport(Role.RECOGNIZER)) as recognizer, asyncio.timeout(20):
            await recognizer.listen(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD)
            while gallery is None:
                event = await recognizer.expect(channels.GALLERY_MANIFEST, channels.GALLERY_SHARD)
                if event.channel is channels.GALLERY_MANIFEST:
                    gallery = reader.manifest(event.message)
                else:
                    gallery = reader.shard(int(event.ids["shard"]), event.message)
        templates = {one.person: len(one.templates) for part in gallery.parts() for one in part}
        names = {one.person: one.name for part in roster.parts() for one in part}
        return {who: (name, templates.pop(who, 0)) for who, name in names.items()} | {
            who: (None, count) for who, count in templates.items()
        }


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
    channel: Channel[Any] | None
    """None for what is asked by a file."""
    message: Message
    ids: dict[str, str]


def choose(site: Site, state: State, chance: random.Random) -> Request:
    """A request that can be met."""
    person = chance.choice(list(PICTURES))
    name = chance.choice(site.requests)
    if name == "restore":
        return Request(name, channels.RESTORE, RestorePeople(people=site.sealed(site.saved)), {})
    if name == "rotate":
        return Request(name, None, Message(), {})
    ids = {"person": person}
    if person not in state or name == "enrol":
        jpeg = sample(chance.choice(PICTURES[person]))
        return Request("enrol", channels.ENROL, Enrol(jpeg=jpeg + bytes(chance.randrange(1, 9))), ids)
    if name == "update":
        return Request(name, channels.UPDATE, Update(name=f"{person} {chance.randrange(10**6)}"), ids)
    if name == "remove":
        return Request(name, channels.REMOVE, Remove(), ids)
    return Request(name, channels.REMOVE_SAMPLE, RemoveSample(), {**ids, "sample": str(number_of(site.path, person))})


def somebody(number: int, like: KeptPerson) -> KeptPerson:
    """A person of the crowd, who is like nobody else."""
    model, length = like.samples[0].model, len(base64.b64decode(like.samples[0].template)) // 4
    chance = random.Random(number)  # noqa: S311  # the same each time
    template = struct.pack(f"<{length}f", *(chance.gauss(0, 1) for _ in range(length)))
    sample = like.samples[0].model_copy(
        update={"template": base64.b64encode(template).decode(), "picture": f"{number:064x}", "model": model}
    )
    return KeptPerson(person=f"crowd-{number}", rights=Rights(), samples=(sample,))


def number_of(path: Path, person: str) -> int:
    """The number of a sample of a person."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    row = db.execute("SELECT id FROM samples WHERE person = ?", (person,)).fetchone()
    db.close()
    return int(row[0]) if row else 0


def fits(request: Request, before: State, after: State, site: Site, answer: Result | KeptPeople | None) -> bool:
    """Whether a request, with its answer if there was one, may have led from one state to the other."""
    if after == before:  # it was refused, has not happened, or adds nothing
        nothing_new = request.name == "restore" and {**before, **site.saved_state} == before
        added_none = isinstance(answer, Result) and answer.added == 0
        return answer is None or answer.error is not None or added_none or nothing_new
    if answer is not None and answer.error is not None:
        return False
    if request.name == "restore":
        return after == {**before, **site.saved_state}
    person = request.ids["person"]
    nobody_else = {**before, person: None} == {**after, person: None}
    return nobody_else and became(request, before.get(person), after.get(person))


def became(request: Request, was: Person | None, now: Person | None) -> bool:
    """Whether the request makes such a person of such a one."""
    if request.name == "remove" or now is None:
        return request.name == "remove" and now is None
    name, pictures = was or (None, frozenset[str]())
    if isinstance(request.message, Update):
        return now == (request.message.name, pictures)
    return now[0] == name and len(now[1]) - len(pictures) == (1 if request.name == "enrol" else -1)


async def killed(site: Site, request: Request, chance: random.Random) -> Result | KeptPeople | None:
    """Send a request, kill the enroller, start it again; the answer, if there was one."""
    if request.channel is None:
        await killed_amid_rotation(site, chance)
        return None
    asker: Asker[Any] = site.kept if request.name == "restore" else site.results
    asking_it = asyncio.create_task(asker.ask(request.channel, request.message, request.ids, 60))
    await asyncio.sleep(chance.uniform(0, LONGEST.get(request.name, SHORT)))
    await site.stack.stop_service("enroller", signal.SIGKILL)
    await asyncio.sleep(0.05)  # what it has sent has come
    answer: Result | KeptPeople | None = asking_it.result() if asking_it.done() else None
    asking_it.cancel()
    await asyncio.gather(asking_it, return_exceptions=True)
    await site.stack.start(Role.ENROLLER)
    return answer


async def killed_amid_rotation(site: Site, chance: random.Random) -> None:
    """Let the last rotation end, begin another one, and kill the enroller while it seals everything anew."""
    if len(keys := read_keys(site.key)) > 1:
        await site.rotated()
        left = site.sealed_formerly(Seal(*keys))
        if left:
            raise WrongError(f"the rotation has ended, and {left} things are sealed with the former key")
        finish(site.key)
    begin(site.key)
    async with asyncio.timeout(30):
        turned = site.turns()
        while site.turns() == turned:  # noqa: ASYNC110  # a log sends no events
            await asyncio.sleep(0.002)
    await asyncio.sleep(chance.uniform(0, AMID))
    await site.stack.stop_service("enroller", signal.SIGKILL)
    left = site.sealed_formerly(site.seal)
    site.amid += bool(left)
    await site.stack.start(Role.ENROLLER)


async def one_round(site: Site, before: State, chance: random.Random) -> State:
    """One request and one kill; raises `WrongError`."""
    request = choose(site, before, chance)
    answer = await killed(site, request, chance)
    after = site.state()
    told = "no answer" if answer is None else answer.error.code if answer.error else "ok"
    site.counts[f"{request.name}: {told}, {'as before' if after == before else 'done'}"] += 1
    if not fits(request, before, after, site, answer):
        changed = {who: (before.get(who), after.get(who)) for who in before.keys() | after.keys()}
        changed = {who: (was, now) for who, (was, now) in changed.items() if was != now}
        raise WrongError(f"{request.name} {request.ids}, {told}: changed are {changed}")
    expected = {who: (name, len(pictures)) for who, (name, pictures) in after.items()}
    if (published := await site.published()) != expected:
        different = {who for who in published.keys() | expected.keys() if published.get(who) != expected.get(who)}
        raise WrongError(f"{request.name}: published is not what is kept of {sorted(different)}")
    return after


async def measure(given: argparse.Namespace, var: Path) -> None:
    """Prepare, and go through the rounds."""
    chance = random.Random(given.seed)  # noqa: S311  # the same story each time
    async with stack(var, VAR) as one, AsyncExitStack() as clients:
        await one.broker.start()
        telling = {"DOORBUS_HEALTH_SECONDS": "0.3"}
        rules = {"DOORBUS_ENROLLER__MAX_SAMPLES": "6", "DOORBUS_ENROLLER__NEAR_DUPLICATE": "1"}
        await one.start(Role.ENROLLER, {**telling, **rules})
        await one.start(Role.RECOGNIZER, telling)
        operator = await clients.enter_async_context(connect(one.broker.transport(Role.OPERATOR)))
        admin = await clients.enter_async_context(connect(one.broker.transport(Role.ADMIN)))
        results = await clients.enter_async_context(asking(operator, channels.RESULT_REPLY))
        kept = await clients.enter_async_context(asking(admin, channels.PEOPLE_REPLY))
        site = Site(one, results, kept, requests=tuple(given.only or REQUESTS))
        for person, pictures in PICTURES.items():
            await results.ask(channels.ENROL, Enrol(jpeg=sample(pictures[0])), {"person": person}, 30)
        found = await kept.ask(channels.EXPORT, ExportPeople(), {}, 30) or KeptPeople()
        site.saved, site.saved_state = tuple(unsealed(each, site.seal) for each in found.people), site.state()
        if len(site.saved) != len(PICTURES):
            raise SystemExit("nobody could be enrolled")
        crowd = site.sealed(tuple(somebody(number, site.saved[0]) for number in range(given.people)))
        await kept.ask(channels.RESTORE, RestorePeople(people=crowd), {}, 60)
        state = site.state()
        if len(state) != len(PICTURES) + given.people:
            raise SystemExit("the crowd could not be put there")
        wrong = None
        try:
            for _ in track(range(given.rounds), "kills", console=console, disable=not console.is_terminal):
                state = await one_round(site, state, chance)
        except WrongError as error:
            wrong = str(error)
    for what, count in sorted(site.counts.items()):
        console.print(f"{count:5} {what}")
    console.print(f"{site.counts.total()} kills" + (f"; WRONG: {wrong}" if wrong else "; all held"))
    console.print(f"{site.amid} amid a rotation, before all samples were sealed anew")
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


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000, help="kills; default 1000")
    parser.add_argument("--people", type=int, default=300, help="people besides those that change; default 300")
    parser.add_argument("--only", nargs="+", choices=sorted({*REQUESTS}), help="only these requests")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments; default 1")
    run(parser, measure)


if __name__ == "__main__":
    main()
