"""Another site key, `doorbus key rotate`: nobody enrols again, and nobody waits outside meanwhile."""

import asyncio
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from doorbus.local.stack import Stack
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refused
from doorbus.wire.keyfiles import read_keys
from doorbus.wire.messages import Health, Manifest
from doorbus.wire.purposes import of_face, of_sample
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import key_of
from support.door import QUICK_ACTUATOR, Door, at_the_door
from support.programs import doorbus

pytestmark = pytest.mark.timeout(300)  # several starts of processes each


def site_key(site: Stack) -> Path:
    return site.var / "credentials" / "site.key"


def opened(site: Stack, key: bytes) -> int:
    """How many templates and faces in the database a key opens."""
    seal, count = Seal(key), 0
    database = sqlite3.connect(f"file:{site.var / 'enroller.db'}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT person, template, jpeg FROM samples JOIN faces ON sample = id").fetchall()
    finally:
        database.close()
    for person, template, face in rows:
        for data, purpose in ((template, of_sample(person)), (face, of_face(person))):
            try:
                seal.unseal(data, purpose)
                count += 1
            except Refused:
                pass
    return count


async def manifest(site: Stack) -> Manifest:
    async with (
        connect(site.broker.transport(Role.ENROLLER), [channels.GALLERY_MANIFEST]) as client,
        asyncio.timeout(10),
    ):
        found: Manifest = (await client.expect(channels.GALLERY_MANIFEST)).message
        return found


async def test_the_door_opens_during_the_whole_rotation_and_after_it_the_former_key_opens_nothing(
    own_door: Door, fresh_stack: Stack, jpeg: dict[str, bytes]
) -> None:
    (former,) = read_keys(site_key(fresh_stack))
    before = [await own_door.health(role) for role in (Role.ENROLLER, Role.RECOGNIZER)]
    assert opened(fresh_stack, former) == 2

    rotating = asyncio.create_task(doorbus(fresh_stack, "key", "rotate"))
    while not rotating.done():
        await own_door.opens_for(jpeg["obama2"])
    status, told = await rotating

    assert status == 0, told
    (key,) = read_keys(site_key(fresh_stack))
    assert key != former
    assert (opened(fresh_stack, former), opened(fresh_stack, key)) == (0, 2)
    retained = await manifest(fresh_stack)
    assert key_of(retained, Seal(key)) == Seal(key).key_id
    assert former.hex() not in told
    assert key.hex() not in told
    after = [await own_door.health(role) for role in (Role.ENROLLER, Role.RECOGNIZER)]
    assert [one.site_key for one in after] == [Seal(key).key_id] * 2
    assert [one.started_at for one in after] == [one.started_at for one in before]
    await own_door.opens_for(jpeg["obama3"])

    status, told = await doorbus(fresh_stack, "key", "rotate", "--as", "operator")
    assert status == 0, told
    assert read_keys(site_key(fresh_stack)) != (key,)
    await own_door.opens_for(jpeg["obama2"])


async def test_nothing_is_sealed_with_a_key_that_a_recognizer_elsewhere_has_not_got(
    fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.key"
    await fresh_stack.broker.start()
    await fresh_stack.start(Role.ENROLLER, {})
    shutil.copy(site_key(fresh_stack), elsewhere)
    await fresh_stack.start(Role.RECOGNIZER, {"DOORBUS_SITE_KEY_FILE": str(elsewhere)})
    await fresh_stack.start(Role.ACTUATOR, QUICK_ACTUATOR)
    former = read_keys(elsewhere)[0]
    async with at_the_door(fresh_stack) as door:
        assert (await door.enrol("obama", jpeg["obama"])).error is None
        version = (await manifest(fresh_stack)).version

        status, told = await doorbus(fresh_stack, "key", "rotate", "--timeout", "8")
        assert status == 1
        assert "recognizer/recognizer has not got the new key" in told
        assert (await manifest(fresh_stack)).version == version
        assert opened(fresh_stack, former) == 2
        await door.opens_for(jpeg["obama2"])

        shutil.copy(site_key(fresh_stack), elsewhere)
        status, told = await doorbus(fresh_stack, "key", "rotate")
        assert status == 0, told
        assert "recognizer/recognizer still takes the former key" in told
        assert (await manifest(fresh_stack)).version > version
        await door.opens_for(jpeg["obama3"])
        shutil.copy(site_key(fresh_stack), elsewhere)
        assert (await _holding(fresh_stack, 1)).site_key == Seal(read_keys(elsewhere)[0]).key_id
        await door.opens_for(jpeg["obama2"])


async def _holding(site: Stack, keys: int) -> Health:
    async with connect(site.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer, asyncio.timeout(20):
        while True:
            health: Health = (await viewer.expect(channels.HEALTH, service="recognizer")).message
            if len(health.site_keys) == keys:
                return health


async def test_a_rotation_that_was_killed_goes_on_at_the_next_start(
    own_door: Door, fresh_stack: Stack, jpeg: dict[str, bytes]
) -> None:
    rotating = asyncio.create_task(doorbus(fresh_stack, "key", "rotate"))
    async with connect(fresh_stack.broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer, asyncio.timeout(20):
        while len((await viewer.expect(channels.HEALTH, service="enroller")).message.site_keys) < 2:
            pass
    await fresh_stack.stop_service("enroller", signal.SIGKILL)
    await own_door.opens_for(jpeg["obama2"])
    await fresh_stack.start(Role.ENROLLER)
    status, told = await rotating

    assert status == 0, told
    assert len(read_keys(site_key(fresh_stack))) == 1
    await own_door.opens_for(jpeg["obama3"])


async def test_a_rotation_leaves_what_the_recorder_keeps_as_it_is_also_where_services_are_killed_meanwhile(
    fresh_stack: Stack, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    await fresh_stack.start_all(
        {
            Role.ACTUATOR: QUICK_ACTUATOR,
            Role.CAPTURE: {"DOORBUS_CAPTURE__SOURCE": "none"},
            Role.RECOGNIZER: {"DOORBUS_RECOGNIZER__REVIEW": "true"},
        }
    )
    await fresh_stack.start(Role.RECORDER, {"DOORBUS_RECORDER__REVIEW": "unknown"})
    async with (
        connect(fresh_stack.broker.transport(Role.ADMIN), [channels.RECORDED, channels.HEALTH]) as admin,
        at_the_door(fresh_stack) as door,
        asyncio.timeout(200),
    ):
        assert (await door.enrol("obama", jpeg["obama"])).error is None
        await door.opens_for(jpeg["obama2"])
        kept = (await admin.expect(channels.RECORDED)).message.recording
        async with door.showing(jpeg["biden"]):
            while not (await admin.expect(channels.HEALTH, service="recorder")).message.figures["review_entries"]:
                pass
        before = await _shown(fresh_stack, kept, tmp_path / "before")

        rotating = asyncio.create_task(doorbus(fresh_stack, "key", "rotate", "--timeout", "60"))
        while len((await admin.expect(channels.HEALTH, service="enroller")).message.site_keys) < 2:
            pass
        for name in (Role.RECORDER, Role.ENROLLER):
            await fresh_stack.stop_service(name, signal.SIGKILL)
        for role in (Role.RECORDER, Role.ENROLLER):
            await fresh_stack.start(role)
        assert (await rotating)[0] == 0, await rotating

        assert await _shown(fresh_stack, kept, tmp_path / "after") == before
        (entry,) = before.keys() - {kept}
        accepted = await doorbus(fresh_stack, "review", "accept", entry, "biden", "--new")
        assert accepted == (0, f"{entry}: ok biden has 1 sample\n")
        await door.opens_for(jpeg["biden"])


async def _shown(site: Stack, recording: str, into: Path) -> dict[str, bytes]:
    """The pictures that the recorder keeps, by id: of a decision, and of the one face that waits."""
    assert (await doorbus(site, "review", "--into", into))[0] == 0
    assert (await doorbus(site, "recordings", "show", recording, into / f"{recording}.jpg"))[0] == 0
    return _pictures(into)


def _pictures(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob("*.jpg")}


async def test_a_key_that_is_not_the_sites_is_not_rotated(fresh_stack: Stack) -> None:
    await fresh_stack.broker.start()
    status, told = await doorbus(fresh_stack, "key", "rotate", "--timeout", "3")
    assert (status, told.partition(": ")[2]) == (
        1,
        "no enroller is online, so nobody would seal anything anew; start it first\n",
    )
    await fresh_stack.start(Role.ENROLLER, {"DOORBUS_SITE_KEY_FILE": str(another(fresh_stack))})
    status, told = await doorbus(fresh_stack, "key", "rotate", "--timeout", "3")

    assert status == 1
    assert "which is not in this file; is it the file of this site?" in told
    assert len(read_keys(site_key(fresh_stack))) == 1


def another(site: Stack) -> Path:
    path = site.var / "another.key"
    path.write_text("ab" * 32)
    return path
