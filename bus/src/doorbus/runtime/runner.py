"""Runs a service: one message in, messages out. All I/O and the one broad `except` of the loop are here."""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from doorbus import __version__
from doorbus.homeassistant import Origin
from doorbus.runtime.advice import way_out
from doorbus.runtime.announcer import Announcer
from doorbus.runtime.arrivals import Arrivals, Delivery
from doorbus.runtime.clock import Clock
from doorbus.runtime.echo import Echo
from doorbus.runtime.errors import SetupError
from doorbus.runtime.heartbeat import BEAT_SECONDS, Beat, Heartbeat
from doorbus.runtime.inbox import Inbox
from doorbus.runtime.presence import Answer, on_health
from doorbus.runtime.refusals import Refusals
from doorbus.runtime.service import Producer, Service
from doorbus.runtime.session import NeverConnected, Session
from doorbus.runtime.settings import ServiceSettings
from doorbus.runtime.words import here
from doorbus.wire import channels
from doorbus.wire.channels import Retain
from doorbus.wire.codec import Arrival, Refusal, Refused
from doorbus.wire.exchange import Arrived, Intake, Outbound
from doorbus.wire.messages import Health, Presence
from doorbus.wire.packet import Filter, NotAuthorized, Packet, Transport

_log = structlog.get_logger("doorbus.runtime.runner")

_MOST_TICKS = 16
"""After so many in a row what has arrived gets a turn, also of a service for which something is always due."""
_PARTING_SECONDS = 3.0
"""So long a service that is to leave nothing behind looks for a broker that is away; its supervisor waits ten."""
REMEMBERED_SECONDS = 7 * 24 * 3600
"""How long the broker keeps the last health of an instance that is gone, so that replicas that come and go leave
nothing behind for ever."""

_MAY_NOT_SPEAK = (
    "nobody sees this service in health: may its user speak for this DOORBUS_INSTANCE (doorbus secrets add --instance)?"
)


class Runner:
    """Runs one service on one transport until `stop` is set."""

    def __init__(
        self,
        service: Service,
        transport: Transport,
        settings: ServiceSettings,
        clock: Clock,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._service = service
        self._heartbeat = heartbeat
        self._settings = settings
        self._clock = clock
        self._topics = settings.topics
        told = settings.homeassistant
        site = Origin(settings.topics, service.role, settings.instance, told.portraits, told.area, told.console)
        device = service.device(site)
        self._announcer = None if device is None else Announcer(told, device)
        heard = () if self._announcer is None else self._announcer.subscriptions()
        self._subscriptions = (*service.subscriptions(), *heard)
        self._on_demand = tuple((s.on_demand, s.asked) for s in self._subscriptions if s.on_demand is not None)
        self._demanded: tuple[tuple[tuple[Mapping[str, str], ...], int], ...] = ()
        # As little as `health_seconds` passes between two echoes, so that much doubt is let pass.
        self._arrivals = Arrivals(self._topics, self._subscriptions, doubt=settings.health_seconds)
        self._inbox: Inbox[Delivery] = Inbox(clock)
        self._refusals = Refusals(clock)
        self._errors = 0
        self._started_at = clock.now()
        self._own_health = {"service": service.role.value, "instance": settings.instance}
        self._health_topic = self._topics.topic(channels.HEALTH, **self._own_health)
        self._speak = False
        self._echo = Echo()
        self._has_yielded = False
        self._namesake: datetime | None = None
        """When somebody started who was heard under our own name on this connection."""
        self._yielded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = Session(
            transport,
            # Whoever connects under a client's id throws it off the broker; nobody can guess this one.
            client_id=f"{service.role}-{settings.instance}-{secrets.token_hex(16)}",
            filters=self._filters(),
            will=lambda: self._health(Presence.OFFLINE),
            connected=self._connected,
            disconnected=service.disconnected,
            deliver=self._deliver,
            acknowledged=service.acknowledged,
            clock=clock,
            patience=settings.broker.patience_seconds,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; whatever happens, the service's own `stop` is called."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._service.start()
            loops = [self._session.run(), self._report(), *(self._handle_all() for _ in range(self._service.lanes))]
            loops += [self._produce(producer) for producer in self._service.producers()]
            intake = Intake(self._take, self._refuse_at_inlet)
            loops += [inlet(intake) for inlet in self._service.inlets()]
            tasks = [asyncio.create_task(loop) for loop in loops]
            waiting = asyncio.create_task(_until_set(stop))
            ends: list[asyncio.Future[None]] = [waiting, self._yielded, *tasks]
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for ended in done:
                ended.result()  # raises what ended it: none of the loops returns by itself
        except NeverConnected as never:
            raise SetupError(self._why_never(never)) from None
        finally:
            await self._shut_down(tasks)

    async def _shut_down(self, tasks: list[asyncio.Task[None]]) -> None:
        if self._heartbeat is not None:
            self._heartbeat.end()
        self._yielded.cancel()
        session, others = tasks[:1], tasks[1:]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        leaves_nothing = self._service.interchangeable and not self._has_yielded
        if leaves_nothing:  # a broker that was started anew meanwhile has told its last will
            await self._session.reach(_PARTING_SECONDS)
        try:
            self._send(await self._service.stop())
        finally:
            if not self._has_yielded:  # the name is another's, who is online
                self._session.send(self._health(Presence.OFFLINE))
            await self._session.flush(2.0)
            if leaves_nothing:  # those who listen have heard that it ended
                self._session.send(Packet(self._health_topic, b"", qos=1, retain=True))
                await self._session.flush(2.0)
            for task in session:
                task.cancel()
            await asyncio.gather(*session, return_exceptions=True)

    def _why_never(self, never: NeverConnected) -> str:
        broker = self._settings.broker
        wrong = f"DOORBUS_BROKER__HOST={broker.host}, DOORBUS_BROKER__PORT={broker.port}: no connection within "
        wrong += f"{broker.patience_seconds:g} s ({never})"
        if isinstance(never.lost, NotAuthorized):  # the broker is there
            wrong = str(never)
        return f"{wrong}; {way_out(never.lost, self._settings, self._service.role)}"

    def _deliver(self, packet: Packet) -> None:
        if packet.topic == self._health_topic:
            self._overhear(packet)
        else:
            self._take(packet, self._echo.longest_way(self._clock.monotonic()))

    def _take(self, packet: Packet, way: float | None = None) -> None:
        """Refuse what can be refused at once, so that nothing waits for it; the rest waits for its handler."""
        delivery = self._arrivals.read(packet, self._clock.now(), self._clock.monotonic())
        if delivery is None:
            self._refusals.add("none", packet, Refused(Refusal.UNEXPECTED))
            return
        subscription = delivery.subscription
        try:
            self._arrivals.check(delivery, way)
            rank = subscription.rank(packet)
        except Refused as refused:
            with self._going_on(packet.topic):
                self._send(self._refuse(delivery.arrived, refused))
            return
        if packet.response_topic is not None and delivery.arrived.reply_ids is None:
            elsewhere = Refused(Refusal.FOREIGN_REPLY_TOPIC, "answered in the usual place")
            self._refusals.add(delivery.arrived.channel.name, packet, elsewhere)
        key = packet.topic if subscription.newest_only else None
        too_much = Refused(Refusal.OVERLOADED, "more came than could be handled; try again")
        for gone in self._inbox.put(delivery, key, rank=rank, size=len(packet.payload)):
            with self._going_on(packet.topic):
                self._send(self._refuse(gone.arrived, too_much))

    def _refuse(self, arrived: Arrived[Any], refused: Refused) -> Iterable[Outbound]:
        if arrived.packet.payload or arrived.channel.retain is not Retain.YES:  # else the retained one was deleted
            self._refusals.add(arrived.channel.name, arrived.packet, refused)
        return self._service.refused(arrived, refused)

    def _refuse_at_inlet(self, packet: Packet, refused: Refused) -> None:
        delivery = self._arrivals.read(packet, self._clock.now(), self._clock.monotonic())
        self._refusals.add("none" if delivery is None else delivery.arrived.channel.name, packet, refused)

    def _overhear(self, packet: Packet) -> None:
        """Health under our own name: see `doorbus.runtime.presence`."""
        try:
            heard = channels.HEALTH.codec.decode(packet, self._own_health, Arrival(self._clock.now(), "health"))
        except Refused:  # deleted by hand, or nonsense
            self._speak = True
            return
        again = self._namesake == heard.started_at
        if heard.started_at == self._started_at:
            self._echo.heard(heard.at)
        elif heard.state is Presence.ONLINE:
            self._namesake = heard.started_at
        answer = on_health(heard, self._started_at, self._session.connected_seconds, again=again)
        if answer is Answer.SPEAK:
            self._speak = True
        elif answer is Answer.YIELD and not self._yielded.done():
            self._has_yielded = True
            self._yielded.set_exception(
                SetupError(
                    f"DOORBUS_INSTANCE={self._settings.instance}: another {self._service.role} of this name is at work "
                    f"since {heard.started_at:%Y-%m-%d %H:%M:%S} UTC; give one of the two another name"
                )
            )

    def _filters(self) -> tuple[Filter, ...]:
        wanted = (one for subscription in self._subscriptions for one in subscription.filters(self._topics))
        return (*wanted, Filter(self._health_topic, qos=1))

    async def _handle_all(self) -> None:
        ticks = 0
        while True:
            due = self._service.wake_at()
            if due is not None and self._clock.monotonic() >= due and ticks < _MOST_TICKS:
                ticks += 1
                await self._guarded(self._service.tick(), "tick")
            else:
                ticks = 0
                if (delivery := await self._inbox.get(due)) is not None:
                    await self._guarded(self._handle(delivery), delivery.arrived.packet.topic)
            await asyncio.sleep(0)  # a flood of messages must not keep the connection from being served

    async def _guarded(self, work: Awaitable[Iterable[Outbound]], what: str) -> None:
        errors = self._errors
        with self._going_on(what):
            self._send(await work)
        if self._errors > errors:
            await asyncio.sleep(0.05)  # a tick that fails is due again at once
        if self._on_demand:
            self._listen_on_demand()

    def _listen_on_demand(self) -> None:
        demanded = tuple((tuple(demand()), asked()) for demand, asked in self._on_demand)
        if demanded != self._demanded:  # after nearly every message it is not
            self._demanded = demanded
            self._session.listen(self._filters())

    @contextmanager
    def _going_on(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception:  # noqa: BLE001  # the one place where the loop goes on whatever happened
            self._errors += 1
            _log.exception("handler_failed", what=what)

    async def _handle(self, delivery: Delivery) -> Iterable[Outbound]:
        arrived = delivery.arrived
        try:
            self._service.keys.check(arrived.channel, arrived.packet)
            arrival = Arrival(arrived.at, f"{arrived.channel.name}-{uuid4().hex}")
            message = arrived.channel.codec.decode(arrived.packet, arrived.ids, arrival)
            return await delivery.subscription.handler(arrived.bearing(message))
        except Refused as refused:
            return self._refuse(arrived, refused)

    async def _produce(self, producer: Producer) -> None:
        async for outbound in producer():
            self._send((outbound,))
        await asyncio.Event().wait()  # a source that has come to its end is no reason to stop the service

    def _send(self, outbounds: Iterable[Outbound]) -> None:
        for outbound in outbounds:
            self._session.send(self._packet(outbound))

    def _packet(self, outbound: Outbound) -> Packet:
        return outbound.packet(self._topics, self._service.keys.own)

    def _connected(self) -> Iterable[Packet]:
        self._echo.connected()
        self._namesake = None
        if self._announcer is not None:
            self._announcer.connected(self._clock.monotonic())
        yield from map(self._packet, self._service.connected())
        yield self._health(Presence.ONLINE)

    async def _report(self) -> None:
        """Publish health regularly, and soon after something in it that people wait for has changed."""
        told: tuple[str | None, int, int] | None = None
        told_at = self._clock.monotonic()
        beaten_at = -BEAT_SECONDS
        doubted = False
        while True:
            await asyncio.sleep(0.25)
            now = self._clock.monotonic()
            self._send(() if self._announcer is None else self._announcer.tick(now))
            news = (self._service.problem(), self._refusals.counts.total(), self._errors)
            if self._heartbeat is not None and now - beaten_at >= BEAT_SECONDS:
                beaten_at = now
                self._heartbeat.beat(Beat(now, self._session.online, news[0]))
            if not doubted and self._unheard(now):
                doubted = True
                way_out = here(_MAY_NOT_SPEAK, os.environ)
                _log.warning("own_health_unheard", instance=self._settings.instance, way_out=way_out)
            if self._speak or news != told or now - told_at >= self._settings.health_seconds:
                if told is None or news[0] != told[0]:
                    _log.info("problem" if news[0] else "no_problem", problem=news[0])
                told, told_at, self._speak = news, now, False
                self._session.send(self._health(Presence.ONLINE))

    def _unheard(self, now: float) -> bool:
        """Whether none of one's own healths came back in the time of several: the broker may not let it pass."""
        patience = max(10.0, 5 * self._settings.health_seconds)
        return self._session.connected_seconds > patience and self._echo.longest_way(now) is None

    def _health(self, state: Presence) -> Packet:
        at = self._clock.now()
        if state is Presence.ONLINE:
            self._echo.sent(at, self._clock.monotonic())
        keys = self._service.site_keys
        health = Health(
            state=state,
            service=self._service.role,
            instance=self._settings.instance,
            version=__version__,
            at=at,
            started_at=self._started_at,
            **self._service.place(),
            problem=self._service.problem() if state is Presence.ONLINE else None,
            site_key=None if keys is None else keys.key_id,
            site_keys=() if keys is None else keys.key_ids,
            figures={
                "connections": self._session.connections,
                "dropped_offline": self._session.dropped,
                "superseded": self._inbox.superseded,
                "overflowed": self._inbox.overflowed,
                "errors": self._errors,
                **self._service.figures(),
            },
            refused=dict(self._refusals.counts),
            last_refused=dict(self._refusals.last),
        )
        packet = Outbound(channels.HEALTH, health, self._own_health).packet(self._topics)
        return packet if state is Presence.ONLINE else replace(packet, expiry=REMEMBERED_SECONDS)


async def _until_set(stop: asyncio.Event) -> None:
    await stop.wait()
