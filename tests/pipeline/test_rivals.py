"""Another actuator that was set to the same door is a problem while it is there, and shuts nothing."""

from doorbus.wire import channels
from doorbus.wire.channels import Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Health, Presence
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS
from support.house import House


def health(house: House, state: Presence = Presence.ONLINE, door: str | None = "front") -> Packet:
    """What an actuator called `attic` says."""
    at = house.clock.now()
    told = Health(state=state, service=Role.ACTUATOR, instance="attic", version="1", at=at, started_at=at, door=door)
    return Outbound(channels.HEALTH, told, {"service": "actuator", "instance": "attic"}).packet(DEFAULT_TOPICS)


async def says(house: House, packet: Packet) -> str:
    house.bus.publish(packet)
    return (await house.health()).problem or ""


async def test_another_actuator_is_a_problem_until_it_ends_and_the_door_opens_all_the_same() -> None:
    async with House().runs() as house:
        assert "attic drives this door, too" in await says(house, health(house))
        await house.told("UNLOCK")
        assert house.unlocked()
        assert "attic" not in await says(house, health(house, Presence.OFFLINE))


async def test_an_actuator_that_goes_to_another_door_is_no_problem_any_more() -> None:
    async with House().runs() as house:
        assert "attic" in await says(house, health(house))
        assert "attic" not in await says(house, health(house, door="back"))


async def test_one_that_does_not_say_its_door_is_no_problem() -> None:
    async with House().runs() as house:
        assert "attic" not in await says(house, health(house, door=None))


async def test_what_the_broker_has_kept_of_one_that_died_with_it_is_no_problem() -> None:
    house = House()
    house.bus.publish(health(house))
    async with house.runs():
        assert "attic" not in ((await house.health()).problem or "")


async def test_another_actuator_that_is_not_there_any_more_when_the_broker_is_again_is_no_problem() -> None:
    async with House().runs() as house:
        assert "attic" in await says(house, health(house))
        house.bus.stop()
        await house.settled()
        assert "attic" not in (house.service.problem() or "")
