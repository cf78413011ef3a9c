"""`doorbus doctor` listens for a while, then tells what is wrong and the way out."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from doorbus.cli import certificate
from doorbus.cli.access import Access
from doorbus.cli.common import As, ExitStatus, here, out
from doorbus.cli.lines import line
from doorbus.cli.standing import Doors, amiss
from doorbus.runtime.checks import Finding, Heard, Observed, Severity, findings
from doorbus.runtime.client import Client
from doorbus.runtime.settings import CommonSettings
from doorbus.runtime.strays import strays
from doorbus.wire.channels import HEALTH, LOCK_STATE, ROSTER_MANIFEST, ROSTER_SHARD, SERVICES, Role
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Event
from doorbus.wire.messages import LockState, Manifest, Presence, RosterEntry
from doorbus.wire.packet import ConnectionLost
from doorbus.wire.snapshot import Snapshot, SnapshotReader, as_they_are

_STYLES = {Severity.OK: "green", Severity.WARN: "yellow", Severity.FAIL: "bold red"}
_SETTLE_SECONDS = 0.7


def doctor(
    seconds: Annotated[
        float, typer.Option(min=1, max=600, help="How long to listen; longer than the services' health period.")
    ] = 12,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Listen until nothing fails, at most so many seconds: after a start.")
    ] = False,
    service: Annotated[
        list[Role] | None,
        typer.Option(help="A service that must be there; may be repeated; all four.", show_default=False),
    ] = None,
    role: As = None,
) -> None:
    """Check everything and say the way out. Exit status 0: no failure, 1: some, 2: no connection to the broker."""
    expected = frozenset(service or SERVICES)
    raise typer.Exit(asyncio.run(_doctor(Access.of(role), seconds, expected, wait=wait)))


async def _doctor(access: Access, seconds: float, expected: frozenset[Role], *, wait: bool) -> int:
    if access.role in set(Role) - HEALTH.receivers:
        state = f"user {access.role} may not read health"
        tell(Finding(Severity.FAIL, "user", state, "use --as operator or --as viewer"))
        return ExitStatus.NO_ANSWER
    for name, why in strays(CommonSettings):
        tell(Finding(Severity.WARN, "settings", name, why))
    try:
        async with access.connect("doorbus-doctor") as client:
            tell(Finding(Severity.OK, "broker", access.address))
            tell(Finding(Severity.OK, "user", access.role))
            with out.status("listening to the services"):
                seen = await observe(client, seconds, expected, wait=wait)
        seen = replace(seen, certificate_until=await certificate.ends(access.settings.broker))
    except ConnectionLost as lost:
        tell(Finding(Severity.FAIL, "connection", access.why_not(lost)))
        return ExitStatus.NO_ANSWER
    except OSError as error:
        tell(Finding(Severity.FAIL, "connection", f"DOORBUS_BROKER__TLS_*: {error}"))
        return ExitStatus.NO_ANSWER
    return report(seen)


def report(seen: Observed) -> ExitStatus:
    """Print what the checks find in what was `seen`; returns the exit status."""
    for finding in findings(seen):
        tell(finding)
    return ExitStatus.REFUSED if _fails(seen) else ExitStatus.OK


def _fails(seen: Observed) -> bool:
    return any(finding.level is Severity.FAIL for finding in findings(seen))


def tell(finding: Finding) -> None:
    """Print one finding."""
    state, way_out = here(finding.state), f"- {here(finding.way_out)}" if finding.way_out else ""
    out.print(line((f"{finding.level.value:4}", _STYLES[finding.level]), f"{finding.what}: {state}", way_out))


async def observe(
    client: Client, seconds: float, expected: frozenset[Role] = frozenset(SERVICES), *, wait: bool = False
) -> Observed:
    """Listen until every service that is `expected` has spoken, at most `seconds` seconds.

    With `wait` also until nothing fails any more, because what has just been started still comes together.
    """
    view = _View(expected)
    await client.listen(HEALTH, LOCK_STATE, ROSTER_MANIFEST)
    began = time.monotonic()
    listening = asyncio.create_task(view.take_all(client))
    try:
        while time.monotonic() - began < (
            _SETTLE_SECONDS if view.complete and not (wait and _fails(view.observed())) else seconds
        ):
            await asyncio.wait([listening], timeout=0.1)
            if listening.done():
                listening.result()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return view.observed()


class _View:
    """Collects what is seen."""

    def __init__(self, expected: frozenset[Role]) -> None:
        self._expected = expected
        self._health: dict[tuple[str, str], tuple[Event[Any], datetime]] = {}
        self._times: Counter[tuple[str, str]] = Counter()
        self._doors: dict[str, LockState] = {}
        self._standing = Doors()
        self._roster: Manifest | None = None
        self._reader = SnapshotReader(RosterEntry, as_they_are)
        self._people: Snapshot[tuple[RosterEntry, ...]] | None = None

    async def take_all(self, client: Client) -> None:
        async for event in client.events():
            self._take(event)
            if event.channel in (ROSTER_MANIFEST, ROSTER_SHARD):
                self._people = await client.collect(self._reader, event) or self._people

    def _take(self, event: Event[Any]) -> None:
        self._standing.hear(event)
        if event.channel is HEALTH:
            key = (event.ids["service"], event.ids["instance"])
            self._health[key] = (event, datetime.now(UTC))
            self._times[key] += 1
        elif event.channel is LOCK_STATE:
            self._doors[event.ids["door"]] = event.message
        elif event.channel is ROSTER_MANIFEST:
            self._roster = event.message

    @property
    def complete(self) -> bool:
        """Whether all is there that a sound system shows."""
        heard = self._heard()
        online = [one for one in heard if one.health.state is Presence.ONLINE]
        roles = {one.health.service for one in online}
        everybody = roles >= {role.value for role in self._expected} and all(one.live for one in online)
        doors = bool(self._doors) or Role.ACTUATOR not in self._expected
        return everybody and doors and self._reader.missing == 0

    def _heard(self) -> tuple[Heard, ...]:
        # The first message of an instance may be the retained one; the next is fresh for certain.
        return tuple(
            Heard(event.message, at, live=self._times[key] > 1) for key, (event, at) in sorted(self._health.items())
        )

    def observed(self) -> Observed:
        missing = self._reader.missing or 0
        return Observed(
            datetime.now(UTC),
            self._heard(),
            dict(self._doors),
            self._roster,
            missing,
            self._amiss(),
            expected=self._expected,
        )

    def _amiss(self) -> dict[str, tuple[str, ...]]:
        try:
            people = [entry for part in self._people.parts() for entry in part] if self._people else []
        except Refused:  # the actuator says so, too
            return {}
        return {entry.person: wrongs for entry in people if (wrongs := amiss(entry, self._standing))}
