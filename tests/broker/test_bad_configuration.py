"""Whoever sets something up wrongly is told in one sentence, and the process ends: no traceback, no silent retrying."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from doorbus.local.stack import Broker, Process, free_port
from doorbus.runtime.client import connect
from doorbus.wire import channels
from doorbus.wire.channels import SERVICES, Role
from doorbus.wire.messages import Presence


class Start(Protocol):
    """Starts a service as a process of the name `instance`, with `arguments` on its command line."""

    async def __call__(
        self, service: Role, environment: Mapping[str, str], instance: str, *arguments: str
    ) -> Process: ...


@pytest.fixture
async def start(broker: Broker, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a service as a process; none outlives the test."""
    processes: list[Process] = []

    async def one(service: Role, environment: Mapping[str, str], instance: str, *arguments: str) -> Process:
        variables = {
            **os.environ,
            "DOORBUS_VAR": str(broker.var),
            "DOORBUS_BROKER__PORT": str(broker.port),
            "DOORBUS_BROKER__PATIENCE_SECONDS": "1",
            "DOORBUS_CAPTURE__SOURCE": "none",
            "DOORBUS_INSTANCE": instance,
            **environment,
        }
        folder = tmp_path / str(len(processes))
        folder.mkdir()
        command = [sys.executable, "-m", f"doorbus_{service}", *arguments]
        processes.append(await Process.start(instance, command, folder / "logs", variables, folder))
        return processes[-1]

    yield one
    for process in processes:
        await process.stop()


async def _last_words(process: Process) -> str:
    """What a process that ends by itself, as one that was set up wrongly, says at its end."""
    async with asyncio.timeout(30):
        status = await process.ended()
    log = process.log()
    assert status == 2, log
    assert "Traceback" not in log
    return log.splitlines()[-1]


@pytest.mark.parametrize(
    ("service", "environment", "sentence"),
    [
        (
            Role.ACTUATOR,
            {"DOORBUS_BROKER__PORT": "9"},
            "DOORBUS_BROKER__HOST=127.0.0.1, DOORBUS_BROKER__PORT=9: no connection within 1 s (broker 127.0.0.1:9",
        ),
        (
            Role.ENROLLER,
            {"DOORBUS_BROKER__HOST": "no-such-host.invalid"},
            "DOORBUS_BROKER__HOST=no-such-host.invalid, DOORBUS_BROKER__PORT=",
        ),
        (
            Role.CAPTURE,
            {"DOORBUS_BROKER__PASSWORD": "wrong"},
            "broker 127.0.0.1:",
        ),
        (Role.CAPTURE, {"DOORBUS_BROKER__PASSWORD_FILE": "/"}, "DOORBUS_BROKER__PASSWORD_FILE=/: Is a directory"),
        (
            Role.CAPTURE,
            {"DOORBUS_BROKER__TLS": "true", "DOORBUS_BROKER__TLS_CA": "/missing.crt"},
            "DOORBUS_BROKER__TLS_CA=/missing.crt: No such file or directory; it must hold PEM certificates",
        ),
        (
            Role.CAPTURE,
            {"DOORBUS_CAPTURE__SOURCE": "webhook:8090"},
            "DOORBUS_CAPTURE__WEBHOOK_TOKEN: a webhook asks for a secret; make one with: openssl rand",
        ),
        (Role.ENROLLER, {"DOORBUS_SITE_KEY_FILE": "/"}, "DOORBUS_SITE_KEY_FILE=/: Is a directory"),
        (Role.RECOGNIZER, {"DOORBUS_RECOGNIZER__WEIGHTS": "/nothing"}, "/nothing/fr_liveness.onnx: missing; fetch it"),
        (Role.ACTUATOR, {"DOORBUS_ACTUATOR__THRESHOLD": "7"}, "DOORBUS_ACTUATOR__THRESHOLD=7: "),
        (Role.ACTUATOR, {"DOORBUS_ACTUATOR__RELAY": "rpi"}, "DOORBUS_ACTUATOR__RELAY=rpi: "),
    ],
)
async def test_one_sentence_names_the_setting_and_the_process_ends(
    start: Start, service: Role, environment: Mapping[str, str], sentence: str
) -> None:
    process = await start(service, environment, "wrong")

    assert (await _last_words(process)).startswith(sentence)


async def test_a_wrong_password_is_told_from_a_broker_that_is_not_there(start: Start) -> None:
    process = await start(Role.CAPTURE, {"DOORBUS_BROKER__PASSWORD": "wrong"}, "stranger")

    words = await _last_words(process)

    assert "Not authorized; it does not take DOORBUS_BROKER__PASSWORD as the password of capture" in words
    assert "HOST" not in words


@pytest.mark.parametrize("service", SERVICES)
async def test_a_check_says_that_a_service_could_start_and_starts_nothing(
    broker: Broker, start: Start, service: Role, repository: Path
) -> None:
    var = {"DOORBUS_RECOGNIZER__WEIGHTS": str(repository / "var/weights")}
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        process = await start(service, var, "checked", "--check")
        async with asyncio.timeout(30):
            assert await process.ended() == 0, process.log()
        first = await start(service, var, "started-after")
        async with asyncio.timeout(30):
            while (
                heard := (await viewer.expect(channels.HEALTH, service=service)).message
            ).instance != "started-after":
                assert heard.instance != "checked"

    assert process.log() == ""
    first.check_alive()


@pytest.mark.parametrize(
    ("service", "environment", "sentence"),
    [
        (Role.ACTUATOR, {"DOORBUS_ACTUATOR__THRESHOLD": "7"}, "DOORBUS_ACTUATOR__THRESHOLD=7: "),
        (Role.CAPTURE, {"DOORBUS_BROKER__PASSWORD": "wrong"}, "broker 127.0.0.1:"),
        (Role.ENROLLER, {"DOORBUS_BROKER__PORT": "9"}, "broker 127.0.0.1:9: Connection refused; is it running?"),
    ],
)
async def test_a_check_says_in_the_same_words_why_a_service_could_not_start(
    start: Start, service: Role, environment: Mapping[str, str], sentence: str
) -> None:
    process = await start(service, environment, "wrong", "--check")

    assert (await _last_words(process)).startswith(sentence)


async def test_a_duplicate_instance_ends_and_the_one_at_work_does_not_notice(broker: Broker, start: Start) -> None:
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        first = await start(Role.CAPTURE, {}, "twin")
        async with asyncio.timeout(20):
            while (await viewer.expect(channels.HEALTH, instance="twin")).message.state is not Presence.ONLINE:
                pass
        second = await start(Role.CAPTURE, {}, "twin")

        assert (await _last_words(second)).startswith(
            "DOORBUS_INSTANCE=twin: another capture of this name is at work since "
        )
        first.check_alive()
        assert first.log().count("broker_connected") == 1
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as late:
        assert (await late.expect(channels.HEALTH, instance="twin")).message.state is Presence.ONLINE
    assert await first.stop() == 0


async def test_a_port_of_the_webhook_that_is_taken_is_named_and_no_health_says_online(
    broker: Broker, start: Start
) -> None:
    port = free_port()
    webhook = {
        "DOORBUS_CAPTURE__SOURCE": f"webhook:{port}",
        "DOORBUS_CAPTURE__WEBHOOK_TOKEN": "5f1c-a_secret.for~tests",
    }
    async with connect(broker.transport(Role.VIEWER), [channels.HEALTH]) as viewer:
        first = await start(Role.CAPTURE, webhook, "hook-1")
        async with asyncio.timeout(20):
            while (await viewer.expect(channels.HEALTH, instance="hook-1")).message.state is not Presence.ONLINE:
                pass
        second = await start(Role.CAPTURE, webhook, "hook-2")

        words = await _last_words(second)

    assert words.startswith(f"DOORBUS_CAPTURE__SOURCE=webhook:{port}: Address already in use; give an address of this")
    assert "broker_connected" not in second.log()
    first.check_alive()


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    port = free_port()
    async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port):
        command = [sys.executable, "-m", "doorbus.local", "broker"]
        variables = {**os.environ, "DOORBUS_VAR": str(tmp_path), "DOORBUS_BROKER__PORT": str(port)}
        process = await Process.start("broker", command, tmp_path / "logs", variables)

        words = await _last_words(process)

    assert words.startswith(f"DOORBUS_BROKER__PORT={port}: Address already in use; another broker runs")
