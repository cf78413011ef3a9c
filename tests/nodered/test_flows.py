"""The example flows on a real Node-RED: imported, deployed, and seen to do what they say."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from doorbus.runtime.client import Client, connect
from doorbus.testing import matches
from doorbus.wire import channels
from doorbus.wire.channels import DEFAULT_ROOT, Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Decision, LockCommand, Outcome, Reason, Remove, Result, Trigger
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.door import CAMERA, DOOR, Door
from support.jpegs import picture_of
from support.nodered import EXAMPLES, Answer, NodeRed, Receiver, flow

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def test_there_are_five_flows() -> None:
    assert NAMES == ["denials-time-lapse", "enrol-by-picture", "notify-strangers", "unlock-button", "watch-door"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_flow_deploys_without_a_missing_node_or_a_complaint(nodered: NodeRed, name: str) -> None:
    deployed = await nodered.deploy(name)
    answer = await nodered.ask("nodes", accept="application/json")
    known = {kind for entry in answer.json() if entry["enabled"] for kind in entry["types"]}
    assert {node["type"] for node in deployed} <= known | {"tab"}
    assert nodered.complaints() == []
    assert "missing" not in nodered.log().lower()


async def test_all_flows_live_beside_each_other_on_one_connection(nodered: NodeRed) -> None:
    before = nodered.connections
    await nodered.deploy(*NAMES)
    for path in ("doorbus", "doorbus/unlock", "doorbus/enrol", "doorbus/denials"):
        page = await nodered.ask(path)
        assert page.status == 200
        assert page.body.startswith(b"<!doctype html>")
    assert nodered.connections == before + 1
    assert nodered.complaints() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_flow_says_nothing_that_is_not_on_the_bus_or_that_is_not_its_to_say(name: str) -> None:
    for node in flow(name):
        if node["type"] == "mqtt in":
            heard = [one for one in channels.CHANNELS if Role.NODERED in one.receivers]
            assert any(matches(node["topic"], _sample(one)) for one in heard), node["topic"]
        if node["type"] == "mqtt out":
            assert (node["topic"], node["retain"]) == ("", ""), "set where the message is made"
        for topic in re.findall(r"`doorbus/v1/([^`]+)`", node.get("func", "")):
            example = re.sub(r"[$]{\w+}", "one", topic)
            found = TOPICS.resolve(f"{DEFAULT_ROOT}/{example}")
            assert found is not None
            assert Role.NODERED in found.channel.senders
    assert "credentials" not in json.dumps(flow(name))


def _sample(channel: channels.Channel[Any]) -> str:
    ids = dict.fromkeys(channel.parameters, "one") | {"token": "nodered"}
    return TOPICS.topic(channel, **{name: ids[name] for name in channel.parameters})


async def test_the_page_shows_the_newest_frame_to_the_byte_and_the_decision_on_it(
    nodered: NodeRed, door: Door, jpeg: dict[str, bytes]
) -> None:
    await nodered.deploy("watch-door")
    await door.opens_for(jpeg["obama2"])
    last = await door.show(jpeg["biden"])
    frame = await nodered.until(f"doorbus/frame/{DOOR}/{CAMERA}", lambda answer: answer.headers["x-frame-id"] == last)
    assert frame.headers["content-type"] == "image/jpeg"
    assert frame.body == jpeg["biden"]
    (shown,) = (await nodered.until("doorbus/doors.json", _says_who_is_refused)).json()
    assert (shown["camera"], shown["state"], shown["frame_id"]) == (f"{DOOR}/{CAMERA}", "LOCKED", last)
    assert (await nodered.ask(f"doorbus/frame/{DOOR}/elsewhere")).status == 404
    assert nodered.complaints() == []


def _is_there(answer: Answer) -> bool:
    return answer.status == 200


def _says_who_is_refused(answer: Answer) -> bool:
    return bool(answer.json()[0]["decision"]["reason"] == "unknown_face")


async def _pressed(nodered: NodeRed, door: str = DOOR) -> str:
    answer = await nodered.ask(f"doorbus/unlock/{door}", {"code": "123456"})
    assert answer.status == 202
    command_id: str = answer.json()["id"]
    return command_id


async def _decision(nodered: NodeRed, command_id: str) -> Decision:
    return Decision.model_validate_json((await nodered.until(f"doorbus/unlock/decision/{command_id}", _is_there)).body)


async def _commands(listener: Client) -> list[LockCommand]:
    """All commands that came, up to a last one of our own."""
    fence = uuid4().hex
    commands: list[LockCommand] = []
    async with asyncio.timeout(10):
        await listener.send_packet(_fence(fence))
        while True:
            event = await listener.expect(channels.LOCK_COMMAND)
            if event.message.id == fence:
                return commands
            assert not event.packet.retain
            commands.append(event.message)


def _fence(fence: str) -> Packet:
    body = json.dumps({"action": "LOCK", "id": fence}).encode()
    return Packet(TOPICS.topic(channels.LOCK_COMMAND, door="nowhere"), body, qos=1)


@pytest.mark.timeout(120)
async def test_each_press_is_one_unlock_also_after_a_redeploy_and_a_restart_of_the_broker(
    nodered: NodeRed, door: Door
) -> None:
    await nodered.deploy("unlock-button")
    broker = door.stack.broker
    before = door.openings
    async with connect(broker.transport(Role.OPERATOR), [channels.LOCK_COMMAND]) as listener:
        first = await _granted(nodered)
        await nodered.deploy("unlock-button")  # the same flow anew
        heard = await _commands(listener)
    assert [(one.action, one.by, one.code) for one in heard if one.id == first.command_id] == [
        ("UNLOCK", "node-red", "123456")
    ]
    assert len(heard) == len({one.id for one in heard})

    connections = nodered.connections
    await broker.stop()
    into_the_void = await _pressed(nodered)
    await broker.start()
    async with connect(broker.transport(Role.OPERATOR)) as listener:
        await listener.listen(channels.LOCK_COMMAND)
        await nodered.connected(connections)
        second = await _granted(nodered)
        heard = await _commands(listener)
    assert first.command_id not in {one.id for one in heard}
    assert into_the_void not in {one.id for one in heard}
    assert len(heard) == len({one.id for one in heard})
    assert second.command_id in {one.id for one in heard}
    assert door.openings == before + 2
    assert nodered.complaints() == []


async def _granted(nodered: NodeRed) -> Decision:
    """Press until the door has opened, which it does not while an opening before is too near."""
    async with asyncio.timeout(30):
        while True:
            decision = await _decision(nodered, await _pressed(nodered))
            assert (decision.trigger, decision.by) == (Trigger.COMMAND, "node-red")
            if decision.outcome is Outcome.GRANTED:
                return decision
            assert decision.reason is Reason.COOLDOWN


async def test_the_button_in_the_editor_presses_too(nodered: NodeRed, door: Door) -> None:
    await nodered.deploy("unlock-button")
    (button,) = [node for node in flow("unlock-button") if node["type"] == "inject"]
    async with connect(door.stack.broker.transport(Role.OPERATOR), [channels.LOCK_COMMAND]) as listener:
        assert (await nodered.ask(f"inject/{button['id']}", {})).status == 200
        async with asyncio.timeout(10):
            event = await listener.expect(channels.LOCK_COMMAND, door=DOOR)
        assert (event.message.action, event.message.code, event.packet.qos) == ("UNLOCK", None, 0)
        assert await _commands(listener) == []


async def test_a_press_that_no_page_of_ours_would_make_is_refused(nodered: NodeRed, door: Door) -> None:
    await nodered.deploy("unlock-button")
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with connect(door.stack.broker.transport(Role.OPERATOR), [channels.LOCK_COMMAND]) as listener:
        assert (await nodered.ask(f"doorbus/unlock/{DOOR}", b"code=1", **form)).status == 400
        assert (await nodered.ask("doorbus/unlock/Front", {})).status == 400
        assert (await nodered.ask("doorbus/unlock/front%2Fx", {})).status == 400
        assert await _commands(listener) == []


async def test_a_stranger_is_told_once_with_the_very_picture(
    nodered: NodeRed, door: Door, jpeg: dict[str, bytes], receiver: Receiver
) -> None:
    await nodered.deploy("notify-strangers", NOTIFY_URL=receiver.url)
    assert await door.refuses(jpeg["biden"]) is Reason.UNKNOWN_FACE
    async with asyncio.timeout(20):
        headers, body = await receiver.received.get()
    assert picture_of(body) == jpeg["biden"]
    assert headers["content-type"] == "image/jpeg"
    assert headers["x-title"] == f"A stranger at the door {DOOR}"
    await door.opens_for(jpeg["obama2"])
    await door.refuses(jpeg["biden"])
    assert receiver.received.empty()
    assert nodered.complaints() == []


async def test_a_dropped_picture_enrols(nodered: NodeRed, door: Door, jpeg: dict[str, bytes]) -> None:
    await nodered.deploy("enrol-by-picture")
    person = "joe"
    async with connect(door.stack.broker.transport(Role.OPERATOR), [channels.ENROL]) as listener:
        picture = {"content-type": "image/jpeg"}
        sent = await nodered.ask(f"doorbus/enrol/{person}", jpeg["biden"], **picture)
        async with asyncio.timeout(10):
            event = await listener.expect(channels.ENROL, person=person)
    assert (sent.status, event.message.jpeg, event.packet.retain) == (202, jpeg["biden"], False)
    result = Result.model_validate_json(
        (await nodered.until(f"doorbus/enrol/result/{sent.json()['id']}", _is_there)).body
    )
    assert (result.person, result.error, result.samples) == (person, None, 1)

    other = await nodered.ask(f"doorbus/enrol/{person}", jpeg["obama"], **picture)
    refused = await nodered.until(f"doorbus/enrol/result/{other.json()['id']}", _is_there)
    assert refused.json()["error"]["code"] == "already_someone_else"
    assert (await nodered.ask(f"doorbus/enrol/{person}", b"GIF89a", **picture)).status == 400
    assert (await nodered.ask("doorbus/enrol/Joe", jpeg["biden"], **picture)).status == 400

    await door.operator.send_packet(_removal(person))
    async with asyncio.timeout(10):
        await door.operator.expect(channels.RESULT, person=person)
    assert nodered.complaints() == []


def _removal(person: str) -> Packet:
    return Outbound(channels.REMOVE, Remove(), {"person": person}).packet(TOPICS)


async def test_denials_are_kept_as_pictures_for_some_days_and_played(
    nodered: NodeRed, door: Door, jpeg: dict[str, bytes], tmp_path: Path
) -> None:
    for old in ("2020-01-01", "notes"):
        (tmp_path / old).mkdir()
    await nodered.deploy("denials-time-lapse", DENIALS_DIR=str(tmp_path))
    await door.refuses(jpeg["biden"])
    listed = (await nodered.until("doorbus/denials/list.json", lambda answer: bool(answer.json()))).json()
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d/[0-9-]+_{DOOR}_unknown_face\.jpg", listed[0])
    kept = (tmp_path / listed[0]).read_bytes()
    assert picture_of(kept) == jpeg["biden"]
    shown = await nodered.ask(f"doorbus/denials/{listed[0]}")
    assert (shown.headers["content-type"], shown.body) == ("image/jpeg", kept)
    assert (await nodered.ask("doorbus/denials/2026-01-01/..%2f..%2fsettings.js")).status == 404
    assert _names(tmp_path) == {"notes", listed[0].partition("/")[0]}
    assert nodered.complaints() == []


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
