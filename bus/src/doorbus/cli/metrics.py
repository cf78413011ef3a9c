"""`doorbus metrics` turns health into a page for Prometheus."""

import re
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from doorbus.cli.access import Access
from doorbus.cli.common import As, ExitStatus, err, out
from doorbus.cli.exposition import serving
from doorbus.cli.following import until_told
from doorbus.cli.instances import Instances
from doorbus.cli.lines import line
from doorbus.runtime.client import Client
from doorbus.wire import channels


def address(value: str) -> str:
    """Check HOST:PORT on the command line."""
    port = value.rpartition(":")[2]
    if not re.fullmatch(r".*:[0-9]{1,5}", value) or int(port) > 65535:  # noqa: PLR2004  # the last port there is
        raise typer.BadParameter(f"{value!r}: HOST:PORT, or :PORT for every address of this machine")
    return value


def metrics(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to answer; :9090 is every address.", callback=address)
    ] = "127.0.0.1:9090",
    role: As = None,
) -> None:
    """Serve the health of all services as a page for Prometheus, until Ctrl-C."""
    host, _, port = listen.rpartition(":")
    exporter = Exporter()
    try:
        with serving(host.strip("[]"), int(port), exporter.look) as bound:
            out.print(line(f"metrics on http://{host or '*'}:{bound}/metrics"), markup=False)
            status = until_told(Access.of(role), "doorbus-metrics", exporter.follow, exporter.lost)
    except OSError as error:
        err.print(line((f"--listen {listen}: {error.strerror}; choose another address", "red")))
        status = ExitStatus.NO_ANSWER
    raise typer.Exit(status)


class Exporter:
    """Keeps what health says, while there is a broker to say it."""

    def __init__(self) -> None:
        self._instances: Instances | None = None

    def look(self) -> Instances | None:
        """What is known now; None while the broker is away."""
        return self._instances

    async def follow(self, client: Client) -> None:
        """Listen until the connection is lost, which ends it by `ConnectionLost`."""
        instances = Instances()
        await client.listen(channels.HEALTH)
        try:
            self._instances = instances
            async for event in client.events():
                instances = instances.hear(event.message, datetime.now(UTC), time.monotonic())
                self._instances = instances
        finally:
            self._instances = None

    def lost(self, why: str) -> None:
        """The broker is away."""
        err.print(line((why, "red")))
