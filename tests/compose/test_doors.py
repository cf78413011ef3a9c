"""Doors, cameras and their settings at a site in containers, by `make up`, scripts/door and scripts/camera."""

import asyncio
import json
import re
import socket

import pytest

from support.clone import Clone
from support.compose import docker

pytestmark = pytest.mark.timeout(900)


async def test_a_setting_that_is_wrong_leaves_the_door_as_it_was(office: Clone) -> None:
    before = await office.running()
    for setting, value in (("DOORBUS_ACTUATOR__THRESHOLD", "7"), ("DOORBUS_LISTENERS", "tsl")):
        office.set(**{setting: value})

        said = await office.refused("scripts/up")

        assert f"{setting}={value}" in said.splitlines()[-2]
        assert "What runs was left as it is." in said
        assert await office.running() == before
        office.set(**{setting: None})
    await office.well("scripts/up")
    assert await office.running() == before


async def test_a_value_that_cannot_be_is_named_before_anything_is_touched(office: Clone) -> None:
    before = await office.running()
    for setting, value in {
        "DOORBUS_RECOGNIZERS": "many",
        "DOORBUS_RECOGNIZER_MEMORY": "lots",
        "COMPOSE_PROFILES": "dmeo",
        "DOORBUS_CAPTURE__FSP": "7",
        "DOORBUS_BROKER__PASSWORD": "wrong",
    }.items():
        kept = office.settings.get(setting)
        office.set(**{setting: value})
        said = await office.refused("scripts/up")
        office.set(**{setting: kept})
        assert setting in said.splitlines()[-1]
    assert await office.running() == before


async def test_a_port_that_is_taken_is_told_with_its_setting(office: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        office.set(COMPOSE_PROFILES="demo,metrics", DOORBUS_METRICS_PORT=str(port))
        said = await office.refused("scripts/up")
    office.set(COMPOSE_PROFILES="demo", DOORBUS_METRICS_PORT=None)
    await office.well("scripts/up")

    assert f"DOORBUS_METRICS_PORT={port}: the port is in use" in said.splitlines()[-1]


async def test_a_name_that_nothing_reads_is_told_wherever_it_is_given(office: Clone) -> None:
    office.set(DOORBUS_RECOGNISERS="3", DOORBUS_OF_MINE="x")
    override = office.folder / "compose.override.yaml"
    override.write_text("services: {capture: {labels: {mine: '${DOORBUS_OF_MINE}'}}}\n")
    said = await office.well("scripts/up")
    kept = await office.refused("scripts/secrets", "set", "capture", "DOORBUS_CAPTURE__PASWORD")
    override.unlink()
    office.set(DOORBUS_RECOGNISERS=None, DOORBUS_OF_MINE=None)
    await office.well("scripts/up")

    assert "DOORBUS_RECOGNISERS in .env: nothing reads it" in said
    assert "DOORBUS_OF_MINE" not in said
    assert "DOORBUS_CAPTURE__PASWORD: there is no such setting" in kept
    assert not list((office.secrets / "settings/capture").iterdir())


async def test_what_is_no_longer_wanted_is_stopped_and_a_scale_is_kept(office: Clone) -> None:
    override = office.folder / "compose.override.yaml"
    override.write_text(
        "services:\n  capture-lane:\n    extends: {file: compose.yaml, service: capture}\n"
        "    environment: {DOORBUS_INSTANCE: lane, DOORBUS_CAPTURE__CAMERA: lane}\n"
    )
    await office.well("docker", "compose", "up", "--detach", "--scale", "recognizer=2")
    before = await office.running()
    assert {"capture-lane-1", "recognizer-2"} < set(before)
    override.unlink()
    office.set(COMPOSE_PROFILES="")
    said = await office.well("scripts/up")

    assert "no longer wanted, and stopped: actuator capture capture-lane guardian" in said
    assert set(await office.running()) == {"broker-1", "enroller-1", "recognizer-1", "recognizer-2"}
    office.set(COMPOSE_PROFILES="demo")
    await office.well("scripts/up", "--scale", "recognizer=1")
    assert {"actuator-1", "guardian-1", "capture-1", "recognizer-1"} < set(await office.running())


async def test_lack_of_memory_is_told_with_the_setting_that_gives_more(office: Clone) -> None:
    before = await office.running()
    office.set(DOORBUS_RECOGNIZER_MEMORY="48m")
    said = await office.refused("scripts/up")
    office.set(DOORBUS_RECOGNIZER_MEMORY=None)

    assert "killed for lack of memory; raise DOORBUS_RECOGNIZER_MEMORY=48m" in said
    assert await office.running() == before


async def test_a_door_and_a_camera_are_one_command_each_here_or_on_another_machine(office: Clone) -> None:
    first = {"DOORBUS_CAPTURE__CROP": "0,0,0.5,1", "DOORBUS_ACTUATOR__INPUTS__TAMPER__TOPIC": "hall/box"}
    office.set(**first)
    await office.well("scripts/door", "add", "back")
    await office.well("scripts/camera", "add", "yard", "--door", "back", "--source", "none")
    office.set(**dict.fromkeys(first))
    added = await docker("inspect", f"{office.name}-actuator-back-1", f"{office.name}-capture-yard-1")
    twice = await office.refused("scripts/camera", "add", "yard", "--source", "none")
    source = "rtsp://admin:p%40ss@127.0.0.1:9/x"
    options = ("--door", "back", "--source", source, "--elsewhere", "--broker", "broker")
    script = await office.well("bash", "-c", f"scripts/camera add shed {' '.join(options)} 2>err || (cat err; exit 1)")
    # The other machine: a project of its own, which reaches the broker over the network of this one.
    shed = office.folder / "elsewhere" / "doorbus-capture-shed"
    shed.mkdir(parents=True)
    (shed / "compose.override.yaml").write_text(
        "services: {capture-shed: {environment: {DOORBUS_BROKER__PORT: '8883'}}}\n"
        f"networks: {{default: {{name: {office.name}_default, external: true}}}}\n"
    )
    await office.well("sh", "-c", f"cd {shed.parent} && exec sh", stdin=script.encode())
    said = await office.run("docker", "compose", "run", "--rm", "doorbus", "doctor")
    records = {
        door: await docker("exec", f"{office.name}-{name}-1", "cat", "relay.jsonl")
        for door, name in (("front", "actuator"), ("back", "actuator-back"))
    }
    told = await docker("inspect", "doorbus-capture-shed-capture-shed-1")
    await office.well("sh", "-c", f"cd {shed} && docker compose down --volumes")
    await office.well("scripts/secrets", "revoke", "capture-shed")
    await office.well("scripts/camera", "remove", "yard")
    await office.well("scripts/door", "remove", "back")
    left = await office.well("docker", "compose", "run", "--rm", "doorbus", "doctor")

    assert "back" not in left
    assert "yard" not in left
    assert "0,0,0.5,1" not in added, "which is how the first camera hangs"
    assert "hall/box" not in added, "which is at the first door"
    assert not (office.folder / "compose.override.yaml").exists()
    assert "capture-yard: there is such a service" in twice
    assert all(f"ok   {one}: online" in said.text for one in ("actuator/actuator-back", "capture/capture-yard"))
    assert "fail capture/capture-shed: DOORBUS_CAPTURE__SOURCE=rtsp://127.0.0.1:9/x: cannot be opened" in said.text
    assert "ok   door back: LOCKED" in said.text
    for door, record in records.items():
        assert {json.loads(line)["door"] for line in record.splitlines()} == {door}
    assert "p@ss" not in told
    assert "p%40ss" not in told


async def test_a_lock_over_mqtt_is_moved_by_the_actuator_itself(office: Clone) -> None:
    office.set(
        COMPOSE_PROFILES="lock",
        DOORBUS_ACTUATOR__RELAY="mqtt",
        DOORBUS_ACTUATOR__LOCK_TOPIC="strike/front/set",
        DOORBUS_ACTUATOR__LOCK_UNLOCK="open",
        DOORBUS_ACTUATOR__LOCK_LOCK="shut",
        DOORBUS_ACTUATOR__LOCK_USERNAME="strike",
    )
    await office.well("scripts/secrets", "add", "strike", "--topic", "strike/#")
    password = (office.secrets / "users/strike").read_bytes()
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__LOCK_SECRET", stdin=password)

    said = await office.well("scripts/up")
    own = ("--set", "LOCK_TOPIC=strike/back/set", "--set", "UNLOCK_SECONDS=0.1")
    nowhere = await office.refused("scripts/door", "add", "back")
    await office.well("scripts/door", "add", "back", *own, "--set", "LOCK_SECRET=-", stdin=password)
    run = ("docker", "compose", "run", "--rm", "-T", "doorbus")
    async with (
        office.hearing("strike", "strike/front/set") as front,
        office.hearing("strike", "strike/back/set") as back,
    ):
        await office.well(*run, "unlock", "front")
        heard = [await front(), await front(), await front()]
        await office.well(*run, "unlock", "back")
        heard_back = [await back(), await back()]
    there = set(await office.running())
    await office.well("scripts/door", "remove", "back")
    office.set(COMPOSE_PROFILES="demo")
    forgotten = await office.refused("scripts/up")
    changed = [
        name for name in office.settings if name.startswith(("DOORBUS_ACTUATOR__LOCK_", "DOORBUS_ACTUATOR__RELAY"))
    ]
    office.set(**dict.fromkeys(changed))
    await office.well("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__LOCK_SECRET", stdin=b"\n")
    await office.well("scripts/secrets", "revoke", "strike")
    await office.well("scripts/up")

    assert "no longer wanted, and stopped: actuator guardian" in said
    assert {"actuator-lock-1", "actuator-back-1"} < there
    assert not [name for name in there if name.startswith("guardian")]
    assert heard == ["shut", "open", "shut"], "the broker was started anew for the new door"
    assert heard_back == ["open", "shut"]
    assert "RELAY=mqtt: which lock is at this door?" in nowhere
    assert "DOORBUS_ACTUATOR__RELAY=mqtt: the profile demo has another relay" in forgotten


LOCK = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Lock(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(self.path, body, self.headers["Authorization"], sep="|", flush=True)
        self.send_response(204)
        self.end_headers()
HTTPServer(("", 8000), Lock).serve_forever()
"""
"""A program that prints what it is asked: path, body and token."""


async def test_a_lock_over_http_is_moved_by_the_actuator_itself_and_one_that_is_away_is_told(office: Clone) -> None:
    lock, image = f"{office.name}-strike", f"doorbus:{office.name}"
    network = ("--network", f"{office.name}_default", "--network-alias", "strike")
    await docker("run", "--detach", "--init", "--name", lock, *network, "--entrypoint", "python", image, "-c", LOCK)
    office.set(
        COMPOSE_PROFILES="lock",
        DOORBUS_ACTUATOR__RELAY="http",
        DOORBUS_ACTUATOR__LOCK_URL="http://strike:8000/front?open",
        DOORBUS_ACTUATOR__LOCK_UNLOCK="now",
        DOORBUS_ACTUATOR__LOCK_LOCK_URL="http://strike:8000/front?shut",
    )
    token = ("scripts/secrets", "set", "actuator", "DOORBUS_ACTUATOR__LOCK_SECRET")
    await office.well(*token, stdin=b"t0ken\n")
    run = ("docker", "compose", "run", "--rm", "-T", "doorbus")

    said = await office.well("scripts/up")
    own = ("--set", "LOCK_URL=http://strike:8000/back", "--set", "UNLOCK_SECONDS=0.1", "--set", "LOCK_SECRET=-")
    await office.well("scripts/door", "add", "back", *own, stdin=b"other\n")
    await office.well(*run, "unlock", "front")
    await office.well(*run, "unlock", "back")
    asked = await _asked(lock, 4)
    seen = await docker("inspect", f"{office.name}-actuator-lock-1", f"{office.name}-actuator-back-1")
    await office.well("scripts/door", "remove", "back")
    await docker("rm", "--force", lock)
    away = await office.refused(*run, "unlock", "front")
    told = await office.refused(*run, "doctor")
    office.set(COMPOSE_PROFILES="demo")
    office.set(**{name: None for name in office.settings if name.startswith("DOORBUS_ACTUATOR__LOCK_")})
    office.set(DOORBUS_ACTUATOR__RELAY=None)
    await office.well(*token, stdin=b"\n")
    await office.well("scripts/up")

    assert "no longer wanted, and stopped: actuator guardian" in said
    assert [one for one in asked if "/front" in one] == [
        "/front?shut||Bearer t0ken",
        "/front?open|now|Bearer t0ken",
        "/front?shut||Bearer t0ken",
    ]
    assert [one for one in asked if one.startswith("/back")] == ["/back|now|Bearer other"]
    assert "t0ken" not in seen
    assert "other" not in seen
    assert "relay" in away
    assert "fail actuator/actuator" in told


async def _asked(lock: str, times: int) -> list[str]:
    """What the lock was asked, when it was so many times."""
    async with asyncio.timeout(30):
        while len(asked := (await docker("logs", lock)).splitlines()) < times:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.5)
    return asked


async def test_a_second_door_by_hand_on_the_first_ones_volumes_opens_nothing_and_is_told_why(office: Clone) -> None:
    override = office.folder / "compose.override.yaml"
    door = "{extends: {file: compose.yaml, service: %s}, environment: {DOORBUS_ACTUATOR__DOOR: back%s}}"
    instance = ", DOORBUS_INSTANCE: back"
    override.write_text(
        f"services: {{guardian-back: {door % ('guardian', '')}, actuator-back: {door % ('actuator', instance)}}}\n"
    )
    before = await office.running()
    both = await office.refused("scripts/up")
    after = await office.running()
    override.write_text(f"services: {{actuator-back: {door % ('actuator', instance)}}}\n")
    office.environment["DOCTOR_SECONDS"] = "5"
    alone = await office.refused("scripts/up")
    override.unlink()
    missed = await office.refused("scripts/up")
    del office.environment["DOCTOR_SECONDS"]
    for what in ("actuator/back", "door/back"):
        await office.well("scripts/forget", what)
    await office.well("scripts/up")

    assert (
        "guardian-back: DOORBUS_ACTUATOR__GUARDIAN=/run/guardian/socket: the guardian of door front listens there"
        in both
    )
    assert {name: after[name] for name in before} == before
    assert "fail actuator/back: relay: " in alone
    assert "/run/guardian/socket is of door front; back needs its own" in alone
    assert "scripts/forget door/back" in missed


async def test_what_containers_say_by_plain_docker_compose_fits_where_one_stands(office: Clone) -> None:
    run = ("docker", "compose", "run", "--rm", "-T")
    nobody = await office.refused(*run, "-e", "DOORBUS_BROKER__USERNAME=nobody", "doorbus", "doctor")
    wrong = await office.refused(*run, "--no-deps", "-v", "/etc/hostname:/run/secrets/signers:ro", "actuator")
    password = await office.refused(
        *run, "--no-deps", "-v", "/etc/hostname:/run/secrets/doorbus_broker__password:ro", "capture"
    )
    away = await office.refused(*run, "doorbus", "unlock", "nowhere", "--timeout", "1")
    await office.well("docker", "compose", "stop", "actuator", "enroller")
    left = await office.refused(*run, "doorbus", "doctor", "--seconds", "2")
    await office.well("scripts/up")

    for said in (nobody, wrong, password, away, left):
        assert not re.search(
            r"/run/secrets|/var/lib/doorbus/credentials|VAR/|make run|(?<!--rm )doorbus (doctor|enrol|forget)", said
        )
    assert "var/secrets/users/nobody does not exist" in nobody
    assert "DOORBUS_SIGNERS_FILE=var/secrets/signers" in wrong
    assert "var/secrets/users/capture" in password


async def test_a_container_ends_when_told_to_also_while_it_starts_and_a_recognizer_leaves_no_ghost(
    office: Clone,
) -> None:
    for service in ("capture", "recognizer"):
        await office.well("docker", "compose", "restart", service)
        await office.well("docker", "compose", "stop", service)
        told = await docker("inspect", "--format", "{{.State.ExitCode}}", f"{office.name}-{service}-1")
        assert told != "137", "killed, because it had not heard SIGTERM"
    await office.well("docker", "compose", "up", "--detach", "--force-recreate", "--no-deps", "--wait", "recognizer")
    said = await office.well("scripts/up")

    assert said.count(" recognizer/") == 1
