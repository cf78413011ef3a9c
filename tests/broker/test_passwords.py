"""Where a service's password comes from."""

import asyncio
from pathlib import Path

import pytest

from doorbus.local.stack import Broker, free_port
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.wire.channels import Role
from doorbus.wire.packet import ConnectionLost


async def test_a_service_that_started_before_its_password_was_made_gets_in_with_the_next_try(
    tmp_path: Path, repository: Path
) -> None:
    port = free_port()
    file = tmp_path / "credentials" / Role.ACTUATOR
    early = MqttTransport(
        "127.0.0.1",
        port,
        username=Role.ACTUATOR,
        password=lambda: file.read_text().strip() if file.exists() else None,
    )
    with pytest.raises(ConnectionLost):
        async with connect(early):
            pass
    one = Broker(tmp_path, port, repository / "mosquitto")
    await one.start()
    try:
        async with asyncio.timeout(5), connect(early) as client:
            assert client.topics.root == "doorbus/v1"
    finally:
        await one.stop()
