"""What a stolen password had the broker keep for good is found and taken away, as mosquitto/README.md says."""

import asyncio
import re
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from doorbus.local.stack import Broker
from doorbus.wire.channels import DEFAULT_ROOT as ROOT
from doorbus.wire.channels import Role
from doorbus.wire.packet import Filter, Packet


def documented(readme: str, words: str, broker: Broker) -> str:
    """The command about `words`, its passwords and port filled in."""
    (command,) = (
        line.strip() for line in readme.splitlines() if line.startswith("    mosquitto_sub ") and words in line
    )

    def access(found: re.Match[str]) -> str:
        return f"{found[1]} -p {broker.port} -u {found[2]} -P {broker.password(found[2])}"

    return re.sub(r"\b(mosquitto_\w+) -u (\w+)", access, command)


async def said(command: str) -> list[str]:
    process = await asyncio.create_subprocess_exec("bash", "-c", command, stdout=PIPE)
    out, _ = await process.communicate()
    return out.decode().split()


async def retained(broker: Broker, role: Role, topic: str) -> list[str]:
    """The topics that the broker keeps, as `role` may read them."""
    heard: list[Packet] = []
    transport = broker.transport(role)
    async with transport.connect(client_id=f"looks-{role}", will=None, deliver=heard.append) as connection:
        await connection.subscribe([Filter(topic, 1, replay=True)])
        await connection.publish(Packet(f"{ROOT}/nobody/reads/this", qos=1))
    return sorted(packet.topic for packet in heard)


@pytest.mark.parametrize(
    ("thief", "reader", "kind"), [(Role.CAPTURE, Role.OPERATOR, "frame"), (Role.KEYPAD, Role.ACTUATOR, "credential")]
)
async def test_what_was_kept_on_made_up_topics_is_taken_away(
    thief: Role, reader: Role, kind: str, fresh_broker: Broker, repository: Path
) -> None:
    topics = [f"{ROOT}/door/{door}/{kind}/zz{number}" for door in ("front", "madeup") for number in range(2)]
    async with fresh_broker.transport(thief).connect(
        client_id="thief", will=None, deliver=lambda _: None
    ) as connection:
        for topic in topics:
            await connection.publish(Packet(topic, b"x" * 100_000, qos=1, retain=True))
    assert await retained(fresh_broker, reader, f"{ROOT}/door/+/{kind}/+") == topics
    readme = (repository / "mosquitto" / "README.md").read_text()
    if thief is Role.CAPTURE:
        listed = await said(documented(readme, "%l %t", fresh_broker))
        assert set(topics) <= set(listed)
        assert listed.count("100000") == len(topics)

    await said(documented(readme, f"-u {reader}", fresh_broker))

    assert await retained(fresh_broker, reader, f"{ROOT}/door/+/{kind}/+") == []
