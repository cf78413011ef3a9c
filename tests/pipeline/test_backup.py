"""Everybody exported from one site, and restored at another whose site key is another."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doorbus.cli.asking import Unanswered, asking
from doorbus.cli.backup import export_people, hand_over, read_backup, restore_people
from doorbus.runtime.client import Client, connect
from doorbus.runtime.service import Service
from doorbus.site.vault import VaultError
from doorbus.testing import FakeClock, MemoryBus, running
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import (
    Embedded,
    EmbeddedFace,
    ErrorCode,
    GalleryEntry,
    Manifest,
    Remove,
    RestorePeople,
    Rights,
    RosterEntry,
    Update,
)
from doorbus.wire.packet import Packet
from doorbus.wire.purposes import OF_A_FACE, of_face
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import SnapshotReader, as_they_are
from doorbus.wire.templates import Template, from_gallery, to_gallery, to_reply, to_store, unit
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_enroller.service import EnrollerService
from doorbus_enroller.settings import Enroller, EnrollerSettings
from doorbus_enroller.sqlite_store import SqliteStore
from doorbus_enroller.store import Sample, Store
from support.signing import ENROLLERS, RECOGNIZERS

HERE, THERE = Seal(bytes(range(32))), Seal(bytes(range(1, 33)))
PASSPHRASE = "correct horse battery"
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
RIGHTS = Rights(name="Zoë", doors=("front",), hours="Mo-Fr 07:00-19:00", valid_until=AT + timedelta(days=9))


def _sample(person: str, number: int, seal: Seal, model: str = "M") -> Sample:
    values = np.random.default_rng([number, *person.encode()]).standard_normal(8)
    return Sample(to_store(unit(values), person, seal), model, 0.75, f"{number:064x}", AT)


def _populated(path: Path, seal: Seal, people: int, model: str = "M") -> SqliteStore:
    store = SqliteStore(path)
    store.begin(AT)
    for number in range(people):
        person = f"person-{number:03}"
        rights = RIGHTS if number == 0 else Rights()
        store.add(person, [_sample(person, one, seal, model) for one in range(number % 3)], rights, AT)
    return store


class Site:
    """A bus with an enroller, and an admin on it."""

    def __init__(self, bus: MemoryBus, admin: Client) -> None:
        self.bus = bus
        self.admin = admin

    def roster(self) -> dict[str, RosterEntry]:
        """What a reader who comes now makes of the retained roster."""
        reader = SnapshotReader(RosterEntry, as_they_are)
        whole = reader.manifest(self._manifest(channels.ROSTER_MANIFEST))
        for topic, packet in self.bus.retained.items():
            if (found := TOPICS.resolve(topic)) and found.channel is channels.ROSTER_SHARD:
                whole = reader.shard(int(found.ids["shard"]), packet.payload) or whole
        assert whole is not None
        return {one.person: one for part in whole.parts() for one in part}

    def gallery(self, seal: Seal) -> dict[str, list[list[float]]]:
        """The same of the gallery: the templates of each person."""
        reader = SnapshotReader(GalleryEntry, as_they_are, seal)
        whole = reader.manifest(self._manifest(channels.GALLERY_MANIFEST))
        for topic, packet in self.bus.retained.items():
            if (found := TOPICS.resolve(topic)) and found.channel is channels.GALLERY_SHARD:
                whole = reader.shard(int(found.ids["shard"]), packet.payload) or whole
        assert whole is not None
        return {
            one.person: [from_gallery(template).tolist() for template in one.templates]
            for part in whole.parts()
            for one in part
        }

    def versions(self) -> tuple[int, int]:
        """Those of the retained maps."""
        maps = (channels.ROSTER_MANIFEST, channels.GALLERY_MANIFEST)
        roster, gallery = (self._manifest(channel).version for channel in maps)
        return roster, gallery

    def _manifest(self, channel: channels.Channel[Manifest]) -> Manifest:
        return Manifest.model_validate_json(self.bus.retained[TOPICS.topic(channel)].payload)


@asynccontextmanager
async def _site(
    store: Store, seal: Seal, var: Path, bus: MemoryBus | None = None, **enroller: object
) -> AsyncIterator[Site]:
    bus, clock = bus or MemoryBus(), FakeClock()
    clock.advance(60.0 * len(bus.retained))  # who comes second comes later
    own = Enroller.model_validate({"probe_seconds": 0, **enroller})
    settings = EnrollerSettings(_env_file=None, instance="one", var=var, health_seconds=1e9, enroller=own)
    service = EnrollerService(settings, store, seal, ENROLLERS, clock)
    async with asyncio.timeout(50), running(service, bus, clock, settings), connect(bus) as admin:
        yield Site(bus, admin)


async def test_everybody_is_at_another_site_what_they_were_at_the_first(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with _site(_populated(tmp_path / "here.db", HERE, 120), HERE, tmp_path) as here:
        assert await export_people(here.admin, file, PASSPHRASE, HERE, 10) == 0
        roster, gallery = here.roster(), here.gallery(HERE)
    there = SqliteStore(tmp_path / "there.db")
    there.begin(AT)
    async with _site(there, THERE, tmp_path) as site:
        await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 120, 10)
        first = dict(site.bus.retained)
        assert (site.roster(), site.gallery(THERE)) == (roster, gallery)
        await restore_people(
            site.admin, read_backup(file, PASSPHRASE, THERE), 120, 10
        )  # again, as after an interruption
        assert (site.roster(), site.gallery(THERE)) == (roster, gallery)
        assert first.keys() == site.bus.retained.keys()
    assert len(roster) == 120
    assert roster["person-000"] == RosterEntry(person="person-000", **RIGHTS.model_dump())
    assert there.find("person-002", AT) is not None
    file_of_there = tmp_path / "again"
    async with _site(there, THERE, tmp_path) as site:  # as the database has it, too
        await export_people(site.admin, file_of_there, PASSPHRASE, THERE, 10)
    kept = [
        [person.model_copy(update={"samples": ()}) for person in read_backup(one, PASSPHRASE, HERE)]
        for one in (file, file_of_there)
    ]
    assert kept[0] == kept[1]


async def test_who_is_not_in_the_file_stays_and_who_is_becomes_as_it_says(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with _site(_populated(tmp_path / "here.db", HERE, 3), HERE, tmp_path) as here:
        await export_people(here.admin, file, PASSPHRASE, HERE, 10)
    store = _populated(tmp_path / "there.db", THERE, 2)
    store.add("zoe", [_sample("zoe", 7, THERE)], Rights(), AT)
    store.add("person-001", [_sample("person-001", 9, THERE)], Rights(), AT)
    async with _site(store, THERE, tmp_path) as site:
        await site.admin.send(Outbound(channels.UPDATE, Update(enabled=False), {"person": "person-001"}))
        await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 3, 10)

        assert {one.person: one.enabled for one in site.roster().values()} == dict.fromkeys(
            ("person-000", "person-001", "person-002", "zoe"), True
        )
        assert {person: len(one) for person, one in site.gallery(THERE).items()} == {
            "person-001": 1,
            "person-002": 2,
            "zoe": 1,
        }


async def test_a_site_whose_key_was_lost_is_whole_again_once_everybody_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with _site(_populated(tmp_path / "here.db", HERE, 4), HERE, tmp_path) as here:
        await export_people(here.admin, file, PASSPHRASE, HERE, 10)
        gallery = here.gallery(HERE)
    async with _site(SqliteStore(tmp_path / "here.db"), THERE, tmp_path) as site:  # with a key that opens none of it
        await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 4, 10)
        assert site.gallery(THERE) == gallery


def _lose(path: Path, loss: str) -> None:
    for one in path.parent.glob("here.db*"):
        one.unlink()
    if loss != "missing":
        path.write_bytes(b"" if loss == "empty" else b"no database" * 1000)


def _set_aside(path: Path) -> int:
    return len(list(path.parent.glob("here.db.damaged-*")))


@pytest.mark.parametrize("loss", ["missing", "empty", "damaged"])
async def test_a_lost_or_damaged_database_is_mended_by_restoring(tmp_path: Path, loss: str) -> None:
    file, path = tmp_path / "backup", tmp_path / "here.db"
    bus = MemoryBus()
    async with _site(_populated(path, HERE, 4), HERE, tmp_path, bus) as here:
        await export_people(here.admin, file, PASSPHRASE, HERE, 10)
        roster, gallery = here.roster(), here.gallery(HERE)
        versions = here.versions()
    _lose(path, loss)
    async with _site(SqliteStore(path), HERE, tmp_path, bus) as site:
        await restore_people(site.admin, read_backup(file, PASSPHRASE, HERE), 4, 10)
        assert (site.roster(), site.gallery(HERE)) == (roster, gallery)
        assert all(now > before for now, before in zip(site.versions(), versions, strict=True))
    assert _set_aside(path) == (loss == "damaged")


async def test_a_person_gets_all_that_is_kept_of_them_as_a_file_that_anybody_can_read(tmp_path: Path) -> None:
    file = tmp_path / "person-002.json"
    async with _site(_populated(tmp_path / "here.db", HERE, 3), HERE, tmp_path) as here:
        assert await hand_over(here.admin, "person-002", file, HERE, 10) == 0
        with pytest.raises(Unanswered, match="nobody is enrolled as zoe"):
            await hand_over(here.admin, "zoe", tmp_path / "zoe.json", HERE, 10)
        gallery = here.gallery(HERE)
    told = json.loads(file.read_text())
    templates = [np.frombuffer(base64.b64decode(one["template"]), "<f4").tolist() for one in told["samples"]]
    assert (told["person"], templates) == ("person-002", gallery["person-002"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "zoe.json").exists()


async def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "backup"
    store = _populated(tmp_path / "here.db", HERE, 3)
    store.add("zoe", [_sample("zoe", 1, THERE), _sample("zoe", 2, HERE)], Rights(), AT)
    async with _site(store, HERE, tmp_path) as here:
        assert await export_people(here.admin, file, PASSPHRASE, HERE, 10) == 0

    assert "1 samples or rights cannot be read, and are not in it" in capsys.readouterr().err
    assert {one.person: len(one.samples) for one in read_backup(file, PASSPHRASE, HERE)}["zoe"] == 1


async def test_with_another_site_key_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with _site(_populated(tmp_path / "here.db", HERE, 3), HERE, tmp_path) as here:
        with pytest.raises(Unanswered, match="is DOORBUS_SITE_KEY_FILE here the enroller's"):
            await export_people(here.admin, file, PASSPHRASE, THERE, 10)
    assert not file.exists()


class Faces(Service):
    """A recognizer that makes templates of aligned faces, but for some."""

    role = Role.RECOGNIZER
    keys = RECOGNIZERS

    def __init__(self, model: str, faceless: bytes = b"nothing") -> None:
        self._model = model
        self._faceless = faceless
        self.asked = 0

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        return (Subscription(channels.EMBED_FACE, self._embed, {"embedder": id_of_model(self._model)}, share="all"),)

    def place(self) -> Mapping[str, str]:
        return {"model": self._model}

    async def _embed(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        self.asked += 1
        jpeg = THERE.unseal(inbound.message, OF_A_FACE)
        if jpeg == self._faceless:
            answer = Embedded(model=self._model, same_person_similarity=0.5, error=ErrorCode.NO_FACE)
            return inbound.reply(answer)
        template = to_reply(_of_a_face(jpeg), THERE)
        face = EmbeddedFace(box=(0, 0, 112, 112), size=0, sharpness=0, quality=0, template=template)
        return inbound.reply(Embedded(model=self._model, faces=(face,), same_person_similarity=0.5))


def _of_a_face(jpeg: bytes) -> Template:
    return unit(np.random.default_rng(list(jpeg)).standard_normal(6))


def _with_faces(path: Path, seal: Seal, model: str) -> SqliteStore:
    store = SqliteStore(path)
    store.begin(AT)
    for person, kept in (("alice", True), ("bob", True), ("carol", False)):
        for number in range(2):
            face = seal.seal(f"{person} {number}".encode(), of_face(person)) if kept else None
            store.add(person, [replace(_sample(person, number, seal, model), face=face)], RIGHTS, AT)
    return store


async def _exported(store: Store, file: Path, var: Path) -> Path:
    async with _site(store, HERE, var) as here:
        assert await export_people(here.admin, file, PASSPHRASE, HERE, 10) == 0
    return file


async def test_at_a_site_with_another_model_recognizers_make_new_templates_of_the_faces_that_were_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = await _exported(_with_faces(tmp_path / "here.db", HERE, "M"), tmp_path / "backup", tmp_path)
    store = _populated(tmp_path / "there.db", THERE, 0)
    store.add("zoe", [_sample("zoe", 1, THERE, "another")], Rights(), AT)
    own = _sample("carol", 9, THERE, "another")
    store.add("carol", [own], Rights(enabled=False), AT)
    async with _site(store, THERE, tmp_path) as site, running(Faces("another", b"bob 1"), site.bus, FakeClock()):
        assert await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 3, 10) == 1
        gallery, roster = site.gallery(THERE), site.roster()
        told = capsys.readouterr()
        assert await export_people(site.admin, tmp_path / "again", PASSPHRASE, THERE, 10) == 0

    made = {
        person: [to_gallery(_of_a_face(f"{person} {number}".encode())) for number in range(2)]
        for person in ("alice", "bob")
    }
    assert {person: [to_gallery(unit(np.array(each))) for each in one] for person, one in gallery.items()} == {
        "alice": made["alice"],
        "bob": made["bob"][:1],
        "carol": [to_gallery(unit(np.random.default_rng([9, *b"carol"]).standard_normal(8)))],
        "zoe": [to_gallery(unit(np.random.default_rng([1, *b"zoe"]).standard_normal(8)))],
    }
    assert roster["carol"].enabled, "rights come back all the same"
    assert "3 people are back; 4 are here" in told.out
    assert "enrol again, as no face of a sample is kept, or none is found on it: bob, carol" in told.err
    again = {one.person: one for one in read_backup(tmp_path / "again", PASSPHRASE, THERE)}
    assert {one.model for each in again.values() for one in each.samples} == {"another"}
    assert all(one.face for one in again["alice"].samples)


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_site_that_keeps_no_faces_gets_none_by_restoring(tmp_path: Path, *, keeps: bool) -> None:
    file = await _exported(_with_faces(tmp_path / "here.db", HERE, "M"), tmp_path / "backup", tmp_path)
    store = _populated(tmp_path / "there.db", THERE, 0)
    async with _site(store, THERE, tmp_path, keep_faces=keeps) as site:
        assert await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 3, 10) == 0
    kept = [store.find(person, AT, faces=True) for person in ("alice", "bob")]

    assert [one.face is not None for each in kept if each for one in each.samples] == [keeps] * 4


async def test_where_nobody_runs_the_model_of_the_site_nothing_is_put_back(tmp_path: Path) -> None:
    file = await _exported(_with_faces(tmp_path / "here.db", HERE, "M"), tmp_path / "backup", tmp_path)
    store = _populated(tmp_path / "there.db", THERE, 0)
    store.add("zoe", [_sample("zoe", 1, THERE, "another")], Rights(), AT)
    async with _site(store, THERE, tmp_path) as site:
        before = (site.roster(), site.versions())
        with pytest.raises(Unanswered, match=r"no_recognizer: the gallery was made with another, .*; start a recogn"):
            await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 3, 10)
        assert (site.roster(), site.versions()) == before


async def test_who_is_removed_while_faces_are_looked_at_does_not_come_back(tmp_path: Path) -> None:
    file = await _exported(_with_faces(tmp_path / "here.db", HERE, "M"), tmp_path / "backup", tmp_path)
    store = _populated(tmp_path / "there.db", THERE, 0)
    store.add("zoe", [_sample("zoe", 1, THERE, "another")], Rights(), AT)
    store.add("alice", [_sample("alice", 5, THERE, "another")], Rights(), AT)
    faces = Hesitant("another")
    async with _site(store, THERE, tmp_path) as site, running(faces, site.bus, FakeClock()):
        people = RestorePeople(people=tuple(read_backup(file, PASSPHRASE, THERE)))
        async with asking(site.admin, channels.PEOPLE_REPLY) as asker:
            restoring = asyncio.create_task(asker.ask(channels.RESTORE, people, {}, 20))
            await faces.came.wait()
            late = await asker.ask(channels.RESTORE, people, {}, 20)
            async with connect(site.bus) as operator, asking(operator, channels.RESULT_REPLY) as results:
                removed = await results.ask(channels.REMOVE, Remove(), {"person": "alice"}, 20)
            faces.may.set()
            done = await restoring
        assert late is not None
        assert late.error is not None
        assert late.error.code is ErrorCode.BUSY
        assert removed is not None
        assert removed.error is None
        assert done is not None
        assert done.error is None
        assert set(site.roster()) == {"bob", "carol", "zoe"}
        assert set(site.gallery(THERE)) == {"bob", "zoe"}


class Hesitant(Faces):
    """One that waits before it answers."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.came, self.may = asyncio.Event(), asyncio.Event()

    async def _embed(self, inbound: Inbound[bytes]) -> Iterable[Outbound]:
        self.came.set()
        await self.may.wait()
        return await super()._embed(inbound)


async def test_samples_of_several_models_come_back_as_those_of_the_one_that_runs(tmp_path: Path) -> None:
    store = _with_faces(tmp_path / "here.db", HERE, "M")
    store.add("dora", [_sample("dora", 3, HERE, "another")], Rights(), AT)
    file = await _exported(store, tmp_path / "backup", tmp_path)
    empty = _populated(tmp_path / "there.db", THERE, 0)
    async with _site(empty, THERE, tmp_path) as site, running(Faces("another"), site.bus, FakeClock()):
        assert await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 4, 10) == 1
        assert {person: len(one) for person, one in site.gallery(THERE).items()} == {"alice": 2, "bob": 2, "dora": 1}


async def test_at_an_empty_site_it_is_told_whom_its_recognizers_cannot_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = await _exported(_with_faces(tmp_path / "here.db", HERE, "M"), tmp_path / "backup", tmp_path)
    for model, status in (("M", 0), ("another", 1)):
        empty = _populated(tmp_path / f"{model}.db", THERE, 0)
        async with _site(empty, THERE, tmp_path) as site, running(Faces(model), site.bus, FakeClock()):
            assert await restore_people(site.admin, read_backup(file, PASSPHRASE, THERE), 3, 10) == status
        told = capsys.readouterr()
        assert "3 people are back; 3 are here" in told.out
        assert ("none is found on it: carol" in told.err) is bool(status)


async def test_templates_of_another_key_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with _site(_populated(tmp_path / "here.db", HERE, 3), HERE, tmp_path) as here:
        await export_people(here.admin, file, PASSPHRASE, HERE, 10)
    store = _populated(tmp_path / "elsewhere.db", THERE, 2)
    async with _site(store, THERE, tmp_path) as site:
        before = (site.roster(), site.versions())
        with pytest.raises(Unanswered, match="bad_request: 1 samples of person-001 cannot be read with this site key"):
            await restore_people(site.admin, read_backup(file, PASSPHRASE, HERE), 3, 10)
        assert (site.roster(), site.versions()) == before


async def test_where_nobody_answers_it_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    async with connect(MemoryBus()) as client:
        with pytest.raises(Unanswered, match="no answer within"):
            await export_people(client, file, PASSPHRASE, HERE, 0.05)
    assert not file.exists()
    file.write_bytes(b"hello")
    with pytest.raises(VaultError):
        list(read_backup(file, PASSPHRASE, HERE))


async def test_a_request_that_cannot_be_read_is_answered(tmp_path: Path) -> None:
    async with _site(_populated(tmp_path / "here.db", HERE, 1), HERE, tmp_path) as here:
        reply = TOPICS.topic(channels.PEOPLE_REPLY, token="me")
        await here.admin.listen(channels.PEOPLE_REPLY)
        for topic in (channels.EXPORT, channels.RESTORE):
            await here.admin.send_packet(Packet(TOPICS.topic(topic), b'{"no": 1}', qos=1, response_topic=reply))
            error = (await here.admin.expect(channels.PEOPLE_REPLY)).message.error
            assert error.code is ErrorCode.BAD_REQUEST
