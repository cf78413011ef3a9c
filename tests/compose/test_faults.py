"""What befalls containers: after each fault the right face opens within 10 s, nobody was let in meanwhile, nothing that
was sent in the meantime acts late, and health says what was wrong."""

import asyncio
import time

import pytest

from doorbus.wire.messages import Presence
from doorbus.wire.packet import Packet
from support.compose import SERVICES, Project
from support.door import CAMERA, DOOR, ROOT, doorstep
from support.watch import opens_again, opens_twice, showing, watched

pytestmark = pytest.mark.timeout(240)
PARTITION_SECONDS = 12.0
"""Longer than anything that acts is kept, and than a broker takes to miss somebody."""
PULSE_SECONDS = 25.0
"""Longer than it takes to kill something on a busy machine, and over before the next test gives up on the door."""
GRACE_SECONDS = 4.0
"""The usual pulse and a second."""


OLD = {
    "actuator": (f"{ROOT}/door/{DOOR}/lock/set", "UNLOCK"),
    "recognizer": (f"{ROOT}/door/{DOOR}/frame/{CAMERA}", "obama2"),
}
"""What a service would act on if it did not know how old it is: topic, and word or picture."""


async def _send_what_must_not_act(site: Project, jpeg: dict[str, bytes], service: str) -> None:
    """A command, or the right face, several times and with the retain flag too; nothing in it says how old it is."""
    if service in OLD:
        topic, name = OLD[service]
        async with doorstep(site) as door:
            for retain in (False, False, True):
                await door.operator.send_packet(Packet(topic, jpeg.get(name, name.encode()), qos=1, retain=retain))


async def _forget_what_is_retained(site: Project, service: str) -> None:
    if service in OLD:
        async with doorstep(site) as door:
            await door.operator.send_packet(Packet(OLD[service][0], b"", qos=1, retain=True))


@pytest.mark.parametrize("service", SERVICES)
async def test_a_killed_service_comes_back(site: Project, jpeg: dict[str, bytes], service: str) -> None:
    before = site.openings
    async with watched(site) as watchman, showing(site, jpeg["biden"]):
        await site.kill(service)
        await watchman.hears(service, Presence.OFFLINE)
        await watchman.hears(service, Presence.ONLINE)

    await opens_again(site, jpeg["obama3"], before=before)


@pytest.mark.parametrize("killed", [("actuator",), ("guardian",), ("actuator", "guardian")], ids="+".join)
async def test_what_is_killed_in_mid_pulse_does_not_leave_the_door_open(site: Project, killed: tuple[str, ...]) -> None:
    begun = await site.unlocked(seconds=PULSE_SECONDS)
    at = await site.kill(*killed)
    let_go = await site.locked()

    assert let_go - at < GRACE_SECONDS
    assert let_go - begun < PULSE_SECONDS - GRACE_SECONDS, "else the pulse may have ended by itself"
    await site.settled()


async def test_a_container_that_is_killed_for_good_in_mid_pulse_does_not_leave_the_door_open(site: Project) -> None:
    for killed in ("actuator", "guardian"):
        begun = await site.unlocked(seconds=PULSE_SECONDS)
        await site.compose("kill", "--signal", "KILL", killed)
        at = time.monotonic()
        let_go = await site.locked()
        await site.compose("start", killed)

        assert let_go - at < GRACE_SECONDS
        assert let_go - begun < PULSE_SECONDS - GRACE_SECONDS
        await site.settled()


@pytest.mark.parametrize("how", [("stop",), ("kill",)])
async def test_a_broker_that_restarts_lets_nothing_old_through(
    site: Project, jpeg: dict[str, bytes], how: tuple[str, ...]
) -> None:
    before = site.openings
    async with watched(site) as watchman, showing(site, jpeg["biden"]):
        await site.compose(*how, "broker")
        for service in SERVICES:
            await site.is_cut_off(service)
        await site.compose("start", "broker")
        for service in SERVICES:
            await watchman.hears(service, Presence.ONLINE)

    await opens_again(site, jpeg["obama3"], before=before)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_was_cut_off_acts_on_nothing_old(
    site: Project, jpeg: dict[str, bytes], service: str
) -> None:
    before = site.openings
    async with watched(site) as watchman:
        async with site.partitioned(service):
            healed = asyncio.get_running_loop().time() + PARTITION_SECONDS
            await _send_what_must_not_act(site, jpeg, service)
            await watchman.hears(service, Presence.OFFLINE)
            await site.is_cut_off(service)
            await asyncio.sleep(healed - asyncio.get_running_loop().time())  # the length of the partition is the fault
        await watchman.hears(service, Presence.ONLINE)
        await opens_again(site, jpeg["obama3"], before=before)
    await _forget_what_is_retained(site, service)


async def test_a_broker_that_was_cut_off_finds_all_services_again(site: Project, jpeg: dict[str, bytes]) -> None:
    before = site.openings
    async with site.partitioned("broker"):
        healed = asyncio.get_running_loop().time() + PARTITION_SECONDS
        for service in SERVICES:
            await site.is_cut_off(service)
        await asyncio.sleep(healed - asyncio.get_running_loop().time())  # the length of the partition is the fault

    await opens_again(site, jpeg["obama3"], before=before)


async def test_a_broker_that_lost_its_volume_gets_roster_and_gallery_back(
    site: Project, jpeg: dict[str, bytes]
) -> None:
    before = site.openings
    async with showing(site, jpeg["biden"]):
        await site.lose_the_broker()
        await site.recreate("recognizer", "actuator")  # what they know comes from the broker alone

    await opens_again(site, jpeg["obama3"], before=before)


async def test_a_reader_that_does_not_read_holds_nobody_up(site: Project, jpeg: dict[str, bytes]) -> None:
    before = site.openings
    async with site.reader_that_stops_reading(), showing(site, jpeg["biden"]):
        async with doorstep(site) as door:
            for _ in range(300):  # 16 MB: more than its socket takes
                await door.show(jpeg["biden"])

        await opens_again(site, jpeg["obama3"], before=before)


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        ("recognizer", "frames are more than 50 minutes old"),
        ("actuator", "recognitions are more than 50 minutes old"),
        ("enroller", ""),
    ],
)
async def test_a_clock_that_is_off_by_an_hour_opens_nothing_and_is_told(
    site: Project, jpeg: dict[str, bytes], service: str, problem: str
) -> None:
    before = site.openings
    async with watched(site) as watchman:
        await site.recreate(service, clock="+1h")
        async with showing(site, jpeg["obama2" if problem else "biden"]):
            if problem:
                await watchman.hears(service, Presence.ONLINE, problem)
            else:
                await watchman.hears_a_clock_off_by(service, 3600)
        assert site.openings == before
        await site.recreate(service)
        await watchman.hears(service, Presence.ONLINE)

    await opens_again(site, jpeg["obama3"], before=before)


async def test_replicas_come_and_go_under_frames(site: Project, jpeg: dict[str, bytes]) -> None:
    async with watched(site) as watchman, showing(site, jpeg["biden"]):
        before = site.openings
        await site.scale("recognizer", 3)
        await watchman.until(lambda: watchman.online("recognizer") == 3)
        await opens_twice(site, jpeg["obama3"])
        await site.scale("recognizer", 0)
        await watchman.until(lambda: watchman.online("recognizer") == 0)
        async with doorstep(site) as door:
            for _ in range(3):
                await door.show(jpeg["obama2"])
        await site.scale("recognizer", 2)
        await watchman.until(lambda: watchman.online("recognizer") == 2)
        assert site.openings == before + 2

    await opens_again(site, jpeg["obama3"], before=before + 2)
    await site.scale("recognizer", 1)


async def test_a_camera_service_that_dies_shows_the_right_face_again(site: Project, jpeg: dict[str, bytes]) -> None:
    """With a camera to which the right person comes every five seconds."""
    await site.up("capture", environment={"DOORBUS_CAPTURE__SOURCE": "sample", "DOORBUS_CAPTURE__SCENE_SECONDS": "1"})
    async with watched(site) as watchman:
        await watchman.grants(2)
        await site.kill("capture")
        await watchman.hears("capture", Presence.OFFLINE)
        watchman.decisions.clear()
        async with asyncio.timeout(20):
            await watchman.grants(2)
    await site.up("capture")
