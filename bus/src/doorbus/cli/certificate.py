"""The broker's certificate, seen from here. It sends nothing but a TLS handshake."""

import asyncio
import ssl
from datetime import UTC, datetime

from doorbus.runtime.settings import BrokerSettings

PATIENCE_SECONDS = 5


async def ends(broker: BrokerSettings) -> datetime | None:
    """When the broker's certificate ends; None without TLS. Raises `OSError` when there is no handshake."""
    context = broker.tls_context()
    if context is None:
        return None
    async with asyncio.timeout(PATIENCE_SECONDS):  # TimeoutError is an OSError
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    shown: dict[str, object] = writer.get_extra_info("peercert")
    writer.transport.abort()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
