"""Who is let in."""

import pytest

from doorbus.local.stack import Broker
from doorbus.runtime.client import connect
from doorbus.runtime.mqtt import MqttTransport
from doorbus.wire.channels import Role
from doorbus.wire.packet import ConnectionLost


async def _refusal(broker: Broker, username: str | None, password: str | None) -> str:
    transport = MqttTransport(broker.host, broker.port, username=username, password=password)
    with pytest.raises(ConnectionLost) as lost:
        async with connect(transport):
            pass
    return str(lost.value)


@pytest.mark.parametrize("role", Role)
async def test_every_role_is_let_in_with_its_password(broker: Broker, role: Role) -> None:
    async with connect(broker.transport(role)) as client:
        assert client.topics.root


async def test_nobody_is_let_in_without_a_name(broker: Broker) -> None:
    assert "uthori" in await _refusal(broker, None, None)


@pytest.mark.parametrize("password", ["wrong", "", None])
async def test_nobody_is_let_in_with_a_wrong_password_and_the_message_names_the_user(
    broker: Broker, password: str | None
) -> None:
    message = await _refusal(broker, "operator", password)

    assert f"broker {broker.host}:{broker.port} as operator: " in message


async def test_nobody_is_let_in_with_the_password_of_another(broker: Broker) -> None:
    message = await _refusal(broker, "enroller", broker.password(Role.OPERATOR))

    assert broker.password(Role.OPERATOR) not in message


@pytest.mark.parametrize("name", ["root", "admin", "guest", "Operator", "operator "])
async def test_nobody_is_let_in_under_a_name_that_is_no_role(broker: Broker, name: str) -> None:
    assert name in await _refusal(broker, name, broker.password(Role.OPERATOR))


def test_every_role_has_a_password_of_its_own_that_only_its_owner_can_read(broker: Broker) -> None:
    passwords = [broker.password(role) for role in Role]
    modes = {(broker.var / "credentials" / role).stat().st_mode & 0o777 for role in Role}

    assert len(set(passwords)) == len(Role)
    assert min(map(len, passwords)) >= 24
    assert modes == {0o600}
