"""A Zigbee contact and button in zigbee2mqtt's words, on a real broker with the access rules of a site."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from doorbus.local.stack import Stack
from doorbus.runtime.client import Client, connect
from doorbus.site.secrets import Site
from doorbus.site.users import named
from doorbus.wire import channels
from doorbus.wire.channels import Channel, Role
from doorbus.wire.messages import AlarmKind, ContactState

CONTACT, BUTTON = "zigbee2mqtt/front_contact", "zigbee2mqtt/way_out"
INPUTS = {
    "DOORBUS_ACTUATOR__INPUTS__CONTACT__TOPIC": CONTACT,
    "DOORBUS_ACTUATOR__INPUTS__CONTACT__FIELD": "contact",
    "DOORBUS_ACTUATOR__INPUTS__TAMPER__TOPIC": CONTACT,
    "DOORBUS_ACTUATOR__INPUTS__TAMPER__FIELD": "tamper",
    "DOORBUS_ACTUATOR__INPUTS__EXIT__TOPIC": BUTTON,
    "DOORBUS_ACTUATOR__INPUTS__EXIT__FIELD": "action",
}


def says(**fields: Any) -> str:
    """What zigbee2mqtt publishes of a sensor, all of it each time."""
    told = {"battery": 100, "battery_low": False, "contact": True, "linkquality": 120, "tamper": False, "voltage": 3000}
    return json.dumps({**told, **fields})


@asynccontextmanager
async def at_home(stack: Stack) -> AsyncIterator[tuple[aiomqtt.Client, Client]]:
    """A site whose actuator may read the two topics; zigbee2mqtt, and somebody who reads."""
    site = Site(stack.var / "secrets")
    site.make()
    site.add(named("zigbee2mqtt", None, {}, ["zigbee2mqtt/#"]))
    site.add(named("actuator-front", Role.ACTUATOR, {"door": "front"}, [CONTACT, BUTTON]))
    credentials = stack.var / "credentials"
    credentials.mkdir()
    for role in Role:
        (credentials / role).write_text((site.directory / "users" / role).read_text())
    broker = stack.broker
    await broker.start()
    zigbee = aiomqtt.Client(
        broker.host,
        broker.port,
        username="zigbee2mqtt",
        password=(site.directory / "users/zigbee2mqtt").read_text().strip(),
        protocol=aiomqtt.ProtocolVersion.V311,
    )
    own = {
        "DOORBUS_BROKER__USERNAME": "actuator-front",
        "DOORBUS_BROKER__PASSWORD_FILE": str(site.directory / "users/actuator-front"),
    }
    async with zigbee:
        await zigbee.publish(CONTACT, says(), qos=0, retain=True)
        await zigbee.publish(BUTTON, json.dumps({"action": "single"}), qos=0, retain=True)
        await stack.start(Role.ACTUATOR, {**INPUTS, **own}, instance="actuator-front")
        heard: list[Channel[Any]] = [channels.CONTACT_STATE, channels.ALARM, channels.EXIT]
        async with connect(broker.transport(Role.VIEWER), heard) as viewer:
            yield zigbee, viewer


async def test_a_zigbee_contact_and_button_guard_a_door(fresh_stack: Stack) -> None:
    async with at_home(fresh_stack) as (zigbee, viewer), asyncio.timeout(60):
        assert (await viewer.expect(channels.CONTACT_STATE)).message is ContactState.CLOSED
        await zigbee.publish(CONTACT, says(contact=False), qos=0)
        assert (await viewer.expect(channels.CONTACT_STATE)).message is ContactState.OPEN
        assert (await viewer.expect(channels.ALARM)).message.kind is AlarmKind.FORCED
        await zigbee.publish(CONTACT, says(contact=True), qos=0)
        assert (await viewer.expect(channels.CONTACT_STATE)).message is ContactState.CLOSED
        await zigbee.publish(BUTTON, json.dumps({"action": "single", "battery": 90}), qos=0)
        assert (await viewer.expect(channels.EXIT)).message.unlocked
        await zigbee.publish(CONTACT, says(contact=True, tamper=True), qos=0)
        assert (await viewer.expect(channels.ALARM)).message.kind is AlarmKind.TAMPER
