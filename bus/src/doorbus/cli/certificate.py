"""The broker's certificate, seen from here. It sends nothing but a TLS handshake."""

import asyncio
import ssl
from datetime import UTC, datetime

from doorbus.runtime.settings import Broker

PATIENCE_SECONDS = 5


async def ends(broker: Broker) -> datetime | None:
    """When the broker's certificate ends; None without TLS. Raises `OSError` when there is no handshake."""
    context = broker.tls_context()
    if context is None:
        return None
    shown = await _handshake(broker, context)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


async def trouble(broker: Broker) -> str | None:
    """Why TLS, or its absence, keeps us from the broker, and the way out; None when it does not."""
    address = f"broker {broker.host}:{broker.port}"
    if not broker.tls:
        return f"{address}: it speaks TLS; set DOORBUS_BROKER__TLS=true" if await _speaks_tls(broker) else None
    try:
        await ends(broker)
    except ssl.SSLCertVerificationError as error:
        return (
            f"{address}: its certificate is refused: {error.verify_message.rstrip('.')}; DOORBUS_BROKER__TLS_CA must "
            "be the site's ca.crt, DOORBUS_BROKER__HOST a name in the certificate (doorbus secrets --name adds one), "
            "and the clock right"
        )
    except OSError as error:
        return f"{address}: no TLS there: {error}; is DOORBUS_BROKER__PORT that of the TLS listener?"
    return None


async def _speaks_tls(broker: Broker) -> bool:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname = False
    anything.verify_mode = ssl.CERT_NONE  # nothing is sent; it is only asked whether it speaks TLS at all
    try:
        await _handshake(broker, anything)
    except OSError:
        return False
    return True


async def _handshake(broker: Broker, context: ssl.SSLContext) -> dict[str, object]:
    async with asyncio.timeout(PATIENCE_SECONDS):  # TimeoutError is an OSError
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    shown: dict[str, object] = writer.get_extra_info("peercert")
    writer.transport.abort()
    return shown
