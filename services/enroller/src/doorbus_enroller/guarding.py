"""The maps on the broker, as they should be there: what others write in their place is put right or outrun."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire import channels
from doorbus.wire.codec import Refused, parse_json
from doorbus.wire.exchange import Arrived, Inbound, Outbound, Subscription, later
from doorbus.wire.messages import Manifest
from doorbus.wire.topics import Topics
from doorbus_enroller.custody import Custody, Race
from doorbus_enroller.desk import Desk
from doorbus_enroller.maps import GALLERY, PLACES, ROSTER, Place

_log = structlog.get_logger("doorbus.enroller")


class Guarding:
    """What was found on the topics of the maps."""

    def __init__(self, desk: Desk, topics: Topics, clock: Clock) -> None:
        self._desk = desk
        self._register = desk.register
        self._topics = topics
        self._clock = clock
        self._custody = Custody()
        self._race = Race()

    def subscriptions(self) -> Iterator[Subscription[Any]]:
        """All that may be written on these topics by others."""
        for place in (ROSTER, GALLERY):
            yield Subscription(place.manifest, self._on_manifest, others_only=True)
        for place in (ROSTER, GALLERY):
            yield Subscription(place.shard, self._on_part, others_only=True, newest_only=True, rank=later)
        yield Subscription(channels.OTHER_MANIFEST, self._on_part, others_only=True)
        yield Subscription(channels.OTHER_SHARD, self._on_part, others_only=True, newest_only=True, rank=later)
        yield Subscription(channels.CREDENTIALS, self._on_part, others_only=True, newest_only=True)

    def due_at(self) -> Iterable[float]:
        """When something is to be put right or outrun, if anything."""
        return [each for each in (self._custody.due_at(), self._race.due_at()) if each is not None]

    def problem(self) -> str | None:
        """That others write where the enroller alone may."""
        return self._custody.problem(self._clock.monotonic())

    def figures(self) -> Mapping[str, float]:
        """How often something was put right and outrun, and the versions of the maps."""
        roster, gallery = self._register.published(ROSTER), self._register.published(GALLERY)
        return {
            "put_right": self._custody.count,
            "outrun": self._race.count,
            "roster_version": -1 if roster is None else roster.manifest.version,
            "gallery_version": -1 if gallery is None else gallery.manifest.version,
        }

    def refused(self, arrived: Arrived[Any]) -> Iterable[Outbound]:
        """What no part of a map can be is put right at once: no handler has run, so no tick follows."""
        if arrived.channel in {ROSTER.manifest, GALLERY.manifest}:
            # Deleted, or signed with a former key: whoever is on it is there all the same.
            self._register.heard(arrived.channel.name, _manifest(arrived.packet.payload))
        self._look_at(arrived, None)
        return list(self.put_right(self._clock.monotonic()))

    def hear_floors(self, figures: Mapping[str, float]) -> None:
        """A reader that has seen a higher version takes none of ours."""
        for name, place in (("roster_floor", ROSTER), ("gallery_floor", GALLERY)):
            self._hear_version(place, int(figures.get(name, 0)) - 1)  # who has ours refuses nothing

    async def outrun(self, now: float) -> Iterable[Outbound]:
        """Publish under higher versions than those that others have published or seen."""
        self._race, others = self._race.run(now)
        return () if others is None else (await self._desk.change(partial(self._register.outrun, others))).news

    def put_right(self, now: float) -> Iterable[Outbound]:
        """Write again what is due."""
        self._custody, topics = self._custody.put_right(now)
        if topics:
            _log.warning("put_right", topics=topics[:5], count=len(topics))
        for topic in topics:
            found = self._topics.resolve(topic)
            wanted = None if found is None else self._register.standing(found)
            if found is not None and wanted is not None:
                yield Outbound(found.channel, wanted or None, topic=topic)

    async def _on_manifest(self, inbound: Inbound[Manifest]) -> Iterable[Outbound]:
        """Signed, so the enroller's own: of another time, or of another enroller."""
        self._register.heard(inbound.channel.name, inbound.message)
        own = self._register.published(PLACES[inbound.channel.name])
        if own is not None and own.manifest != inbound.message:
            self._hear_version(PLACES[inbound.channel.name], inbound.message.version)
            self._look_at(inbound, inbound.message)
        return ()

    async def _on_part(self, inbound: Inbound[Manifest] | Inbound[bytes]) -> Iterable[Outbound]:
        """A shard of a map, the PINs and tags, or the manifest of another model's gallery."""
        self._look_at(inbound, inbound.message)
        return ()

    def _hear_version(self, place: Place, version: int) -> None:
        own = self._register.published(place)
        if own is not None and version >= own.manifest.version:
            self._race = self._race.seen(**{"roster" if place is ROSTER else "gallery": version})

    def _look_at(self, arrived: Arrived[Any], found: object) -> None:
        """Note what is not as it should be; None is what can be no part of a map.

        What the broker had kept has been overwritten with both maps since, but for shards of no map.
        """
        wanted = self._register.standing(arrived)
        if wanted is None:
            return
        if wanted != (arrived.packet.payload if found is None else found) and not (wanted and arrived.packet.retain):
            self._custody = self._custody.found(arrived.packet.topic, self._clock.monotonic())


def _manifest(payload: bytes) -> Manifest | None:
    try:
        return parse_json(Manifest, payload)
    except Refused:
        return None
