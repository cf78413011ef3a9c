"""Cameras that are not ours: the very messages that they send, on a real broker with access rules of a site and TLS."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

import aiomqtt
import pytest

from doorbus.local.stack import Stack, free_port
from doorbus.runtime.client import Client, connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.site.secrets import Site
from doorbus.site.users import named
from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.messages import Frame
from doorbus.wire.packet import NotAuthorized, Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_capture.imaging import decode

SNAPSHOT = "frigate/porch/person/snapshot"
MOTIONEYE = "motioneye/yard"
EVENT = {
    "type": "update",
    "before": {"id": "1607123955.475377-mxklsc", "camera": "porch", "frame_time": 1607123961.837752, "label": "person"},
    "after": {
        "id": "1607123955.475377-mxklsc",
        "camera": "porch",
        "frame_time": 1607123962.082975,
        "label": "person",
        "top_score": 0.958984375,
        "false_positive": False,
        "start_time": 1607123955.475377,
        "end_time": None,
        "box": [432, 496, 544, 854],
        "current_zones": ["yard", "driveway"],
        "has_snapshot": True,
        "has_clip": False,
    },
}


@dataclass
class Yard:
    """A broker with the users of a site; `port` speaks TLS."""

    stack: Stack
    site: Site
    port: int

    def password(self, user: str) -> str:
        return (self.site.directory / "users" / user).read_text().strip()

    def client(self, user: str) -> aiomqtt.Client:
        """A connection in MQTT 3.1.1, as cameras and Frigate make it."""
        broker = self.stack.broker
        return aiomqtt.Client(
            broker.host,
            broker.port,
            username=user,
            password=self.password(user),
            protocol=aiomqtt.ProtocolVersion.V311,
        )

    async def bridge(self, user: str, camera: str, topic: str) -> None:
        """Start a capture service that forwards `topic`, over TLS."""
        settings = {
            "DOORBUS_CAPTURE__SOURCE": f"mqtt:{topic}",
            "DOORBUS_CAPTURE__CAMERA": camera,
            "DOORBUS_BROKER__HOST": "localhost",
            "DOORBUS_BROKER__PORT": str(self.port),
            "DOORBUS_BROKER__TLS": "true",
            "DOORBUS_BROKER__TLS_CA": str(self.site.directory / "ca.crt"),
            "DOORBUS_BROKER__USERNAME": user,
            "DOORBUS_BROKER__PASSWORD_FILE": str(self.site.directory / "users" / user),
        }
        await self.stack.start(Role.CAPTURE, settings, instance=user)


@pytest.fixture
async def yard(fresh_stack: Stack) -> Yard:
    site = Site(fresh_stack.var / "secrets")
    site.make()
    for user in (
        named("frigate", None, {}, ["frigate/#"]),
        named("motioneye", None, {}, [MOTIONEYE]),
        named("capture-porch", Role.CAPTURE, {"camera": "porch"}, [SNAPSHOT]),
        named("capture-yard", Role.CAPTURE, {"camera": "yard"}, [MOTIONEYE]),
        named("esp-gate", Role.CAPTURE, {"door": "front", "camera": "gate"}),
    ):
        site.add(user)
    credentials = fresh_stack.var / "credentials"
    credentials.mkdir()
    for role in Role:
        (credentials / role).write_text((site.directory / "users" / role).read_text())
    home = fresh_stack.var / "broker" / "mosquitto"
    (home / "listeners").mkdir(parents=True)
    port = free_port()
    files = {"cafile": "ca.crt", "certfile": "broker.crt", "keyfile": "broker.key"}
    lines = [f"listener {port}", *(f"{key} {site.directory}/broker/{file}" for key, file in files.items())]
    (home / "listeners" / "tls.conf").write_text("\n".join(lines) + "\n")
    await fresh_stack.broker.start()
    return Yard(fresh_stack, site, port)


async def _frame(viewer: Client, camera: str) -> Frame:
    async with asyncio.timeout(15):
        frame: Frame = (await viewer.expect(channels.FRAME, camera=camera)).message
    return frame


async def _counted(viewer: Client, instance: str, name: str) -> float:
    """The next word on a figure in the health of a capture service."""
    async with asyncio.timeout(15):
        event = await viewer.expect(channels.HEALTH, service="capture", instance=instance)
    return float(event.message.figures[name])


async def test_frigates_snapshots_become_frames_when_they_are_sent_and_not_when_they_are_kept(
    yard: Yard, samples: Path
) -> None:
    old, new = (samples / "biden.jpg").read_bytes(), (samples / "obama2.jpg").read_bytes()
    viewer_of = yard.stack.broker.transport(Role.VIEWER)
    async with yard.client("frigate") as frigate, connect(viewer_of, [channels.FRAME, channels.HEALTH]) as viewer:
        await frigate.publish("frigate/available", "online", retain=True)
        await frigate.publish(SNAPSHOT, old, qos=0, retain=True)  # before anybody listens: the broker keeps it
        await yard.bridge("capture-porch", "porch", SNAPSHOT)
        assert await _counted(viewer, "capture-porch", "frames_sent") == 0
        await frigate.publish("frigate/events", json.dumps(EVENT), qos=0)
        await frigate.publish("frigate/porch/person", "1")
        await frigate.publish(SNAPSHOT, new, qos=0, retain=True)
        frame = await _frame(viewer, "porch")
        assert frame.seq == 0
        shown, sent = decode(frame.jpeg), decode(new)
        assert shown.shape[1] / shown.shape[0] == pytest.approx(sent.shape[1] / sent.shape[0], abs=0.01)

        await yard.stack.stop_service("capture-porch")
        await yard.bridge("capture-porch", "porch", SNAPSHOT)  # comes back, and the kept one does not
        await frigate.publish(SNAPSHOT, old, qos=0, retain=True)
        assert (await _frame(viewer, "porch")).seq == 0
        while await _counted(viewer, "capture-porch", "frames_sent") != 1:
            pass
        health = await viewer.expect(channels.HEALTH, service="capture", instance="capture-porch")
        assert (health.message.refused, health.message.problem) == ({}, None)


async def test_motioneyes_command_for_each_picture_is_forwarded(yard: Yard, samples: Path) -> None:
    broker = yard.stack.broker
    await yard.bridge("capture-yard", "yard", MOTIONEYE)
    async with connect(broker.transport(Role.VIEWER), [channels.FRAME]) as viewer:
        command = ["mosquitto_pub", "-h", broker.host, "-p", str(broker.port), "-u", "motioneye"]
        command += ["-P", yard.password("motioneye"), "-t", MOTIONEYE, "-f", str(samples / "obama.jpg")]
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0
        assert (await _frame(viewer, "yard")).seq == 0


async def test_an_esp32_cam_sends_plain_frames_of_its_own_camera_only(yard: Yard, samples: Path) -> None:
    jpeg = (samples / "obama2.jpg").read_bytes()
    own = TOPICS.topic(channels.FRAME, door="front", camera="gate")
    other = TOPICS.topic(channels.FRAME, door="front", camera="porch")
    async with (
        yard.client("esp-gate") as esp,
        connect(yard.stack.broker.transport(Role.VIEWER), [channels.FRAME]) as viewer,
    ):
        await esp.publish(other, jpeg, qos=0)
        await esp.publish(own, jpeg, qos=0)
        async with asyncio.timeout(15):
            event = await viewer.expect(channels.FRAME)
    assert (event.ids["camera"], event.message.jpeg) == ("gate", jpeg)
    assert (event.packet.qos, event.packet.retain, event.packet.user) == (0, False, ())


async def test_another_program_can_neither_open_the_door_nor_look_through_its_cameras(yard: Yard) -> None:
    transport = yard.stack.broker.transport(Role.OPERATOR)
    command = TOPICS.topic(channels.LOCK_COMMAND, door="front")
    frame = TOPICS.topic(channels.FRAME, door="front", camera="porch")
    async with yard.client("frigate") as frigate, connect(transport, [channels.LOCK_COMMAND]) as operator:
        await frigate.subscribe("#")
        await frigate.publish(command, "UNLOCK", qos=1)
        await operator.send_packet(Packet(frame, b"\xff\xd8\xff"))
        await operator.send_packet(Packet(command, b"LOCK", qos=1))
        async with asyncio.timeout(10):
            assert (await operator.expect(channels.LOCK_COMMAND)).message.action == "LOCK"
            await frigate.publish("frigate/available", "online", qos=1)
            heard = await anext(aiter(frigate.messages))
    assert heard.topic.value == "frigate/available"


async def test_users_that_a_site_names_get_in_at_a_local_run_and_are_gone_when_they_are_revoked(
    fresh_stack: Stack,
) -> None:
    broker, site = fresh_stack.broker, Site(fresh_stack.var / "secrets")
    site.make()
    site.add(named("esp-porch", Role.CAPTURE, {"door": "front", "camera": "porch"}))
    password = (site.directory / "users" / "esp-porch").read_text().strip()
    esp = MqttTransport(broker.host, broker.port, username="esp-porch", password=password)
    frame = Packet("doorbus/v1/door/{}/frame/porch", b"\xff\xd8\xff")

    await broker.start()
    async with asyncio.timeout(20), connect(broker.transport(Role.VIEWER)) as viewer, connect(esp) as camera:
        await viewer.listen(channels.FRAME)
        for door in ("back", "front"):
            await camera.send_packet(replace(frame, topic=frame.topic.format(door)))
        assert (await viewer.expect(channels.FRAME)).ids["door"] == "front"
    site.revoke("esp-porch")
    await broker.restart()

    with pytest.raises(NotAuthorized):
        async with connect(esp):
            pass
