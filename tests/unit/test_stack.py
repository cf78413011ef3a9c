import asyncio

from doorbus.local.stack import free_port


async def test_a_free_port_is_given_once_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(300)]
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", ports[0])
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        said = await reader.read()
        writer.close()

    assert len(set(ports)) == len(ports)
    assert said == b""
