"""Keeps what Home Assistant is told of a service up to date, and takes back what is no longer true.

What the broker keeps is compared with what is to be there, and the difference is sent. Three things need patience. An
id must not be told of twice, so what is new waits until Home Assistant has let go of what was. Home Assistant forgets
an entity only if it hears the document and then that there is none, while it runs: what was withdrawn is remembered on
the broker, and told and withdrawn once more when Home Assistant has started. And it looks up the device that another
hangs on only when it takes up a document that it does not know, and newer ones then make up an empty device where they
find none: what hangs says so for a moment only, when both devices may be there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from doorbus.homeassistant import Device, Document, Place, Style, documents, is_of, unique_ids
from doorbus.runtime.settings import HomeAssistantSettings as Settings
from doorbus.wire import channels
from doorbus.wire.channels import Channel
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import HomeAssistantStatus

SETTLING_SECONDS = 1.0
"""What the broker keeps is heard within this time of a connect; and so long several changes are one."""
LETTING_GO_SECONDS = 5.0
"""How long Home Assistant is given to take up a document, or to let go of one."""
LOOKING_UP_SECONDS = (5.0, 20.0, 60.0)
"""How long after it has heard of one of two devices Home Assistant may know both: a slow one needs the last."""
QUIET_SECONDS = 10.0
"""Home Assistant starts less often than that; whoever says so more often must not keep others from being heard."""
_HANGS_ON = "via_device"
MAX_PLACES = 256
"""How many documents of one's own are looked after: more than there ever are, whoever writes to the broker."""


class Announcer:
    """Announces `device` as `settings` have it; with the feature switched off it takes back all that was announced."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self._site = device.site
        self._service = {"service": device.site.service.value}
        self._places = {place for style in Style for place in documents(device, style)}
        wanted = documents(device, settings.style) if settings.enabled else {}
        self._wanted = {place: _by_itself(one) for place, one in wanted.items()}
        self._there: dict[Place, Document] = {}
        """Documents of ours that the broker keeps."""
        self._withdrawn: dict[Place, Document] = {}
        """Documents of ours that Home Assistant may not have forgotten."""
        self._revived: set[Place] = set()
        """What was withdrawn and is told once more, to be withdrawn while Home Assistant listens."""
        self._via = tuple({"service": role.value, "component": kind, "object": id_} for role, (kind, id_) in device.via)
        self._others: set[Place] = set()
        """Where there are such documents."""
        self._hangs = _smallest_that_hangs(wanted)
        self._hanging = {place: wanted[place] for place in self._hangs}
        self._look_ups: list[float] = []
        self._due: float | None = None
        self._hold_until = 0.0
        """Nothing new is told before this."""
        self._asked = False
        self._asked_at = -QUIET_SECONDS

    def connected(self, now: float) -> None:
        """Begin anew: the broker may have forgotten what it kept."""
        self._there.clear()
        self._withdrawn.clear()
        self._revived.clear()
        self._others.clear()
        self._due = now + SETTLING_SECONDS

    def subscriptions(self) -> tuple[Subscription[Any], ...]:
        """Home Assistant's signs of life, and the documents of this kind of service."""
        return (
            Subscription(channels.HOMEASSISTANT_STATUS, self._on_status, newest_only=True),
            Subscription(channels.HOMEASSISTANT_CONFIG, self._on_document, self._service),
            Subscription(channels.HOMEASSISTANT_WITHDRAWN, self._on_withdrawn, self._service),
            *(Subscription(channels.HOMEASSISTANT_CONFIG, self._on_other, ids) for ids in self._via),
        )

    def tick(self, now: float) -> Iterable[Outbound]:
        """What is to be sent at the monotonic time `now`: first what is taken back, then what is new."""
        if self._due is None or now < self._due:
            return ()
        self._due = None
        stale = {place: one for place, one in self._there.items() if place not in self._wanted}
        if stale or self._revived:
            return self._take_back(stale, now)
        if now < self._hold_until:
            self._wake(self._hold_until)
            return ()
        if self._asked:
            if now >= self._asked_at + QUIET_SECONDS:
                return self._tell_all(now)
            self._wake(self._asked_at + QUIET_SECONDS)
        missing = {place: one for place, one in self._wanted.items() if self._there.get(place) != one}
        needless: dict[Place, Document] = {
            place: {} for place, one in self._withdrawn.items() if self._is_wanted(place, one)
        }
        if missing.keys() - self._hangs:
            self._look_up_after(now)
        told = missing or self._look_up(now)
        if self._look_ups:
            self._wake(self._look_ups[0])
        return (*self._withdrawals(needless), *self._documents(told))

    async def _on_status(self, inbound: Inbound[HomeAssistantStatus]) -> Iterable[Outbound]:
        if inbound.message is HomeAssistantStatus.ONLINE:
            self._asked = True
            self._wake(inbound.at_monotonic)
        return ()

    async def _on_document(self, inbound: Inbound[Mapping[str, Any]]) -> Iterable[Outbound]:
        """Note what stands where; whoever empties a document of ours, or has left one, has it put right soon."""
        place = self._noted(self._there, inbound)
        if place not in self._revived and self._there.get(place) != self._wanted.get(place):
            self._wake(inbound.at_monotonic + SETTLING_SECONDS)
        return ()

    async def _on_other(self, inbound: Inbound[Mapping[str, Any]]) -> Iterable[Outbound]:
        """The device that this one hangs on was told of, or is no more."""
        place = (inbound.ids["component"], inbound.ids["object"])
        if inbound.message:
            self._others.add(place)
            self._look_up_after(inbound.at_monotonic)
        else:
            self._others.discard(place)
        return ()

    async def _on_withdrawn(self, inbound: Inbound[Mapping[str, Any]]) -> Iterable[Outbound]:
        self._noted(self._withdrawn, inbound)
        return ()

    def _noted(self, kept: dict[Place, Document], inbound: Inbound[Mapping[str, Any]]) -> Place:
        """Keep in mind what the broker keeps, if it is ours; where it stands."""
        place, document = (inbound.ids["component"], inbound.ids["object"]), inbound.message
        if not document:
            kept.pop(place, None)
        # Whoever announced what this service does not announce any more: nobody else will take it back.
        elif (is_of(self._site, document) or place in self._places - self._wanted.keys()) and len(kept) < MAX_PLACES:
            kept[place] = document
        return place

    def _wake(self, at: float) -> None:
        self._due = at if self._due is None else min(self._due, at)

    def _is_wanted(self, place: Place, document: Document) -> bool:
        """Whether what `document` tells of is there, be it told of by another document."""
        return place in self._wanted or unique_ids(document) <= self._ids(self._wanted)

    def _take_back(self, stale: Mapping[Place, Document], now: float) -> list[Outbound]:
        """Withdraw what is not to be there, and with it what Home Assistant has refused because its id was taken."""
        taken = self._ids(stale) & self._ids(self._wanted)
        refused = {place for place, one in self._there.items() if place in self._wanted and unique_ids(one) & taken}
        if taken:
            self._hold_until = now + LETTING_GO_SECONDS
        self._wake(now + LETTING_GO_SECONDS if taken else now)
        revived, self._revived = self._revived, set()
        remembered: dict[Place, Document] = {place: {} for place in revived}
        remembered |= {place: one for place, one in stale.items() if place not in revived}
        empty: dict[Place, Document] = {place: {} for place in (*stale, *revived, *refused)}
        for place in empty:
            self._there.pop(place, None)
        return [*self._withdrawals(remembered), *self._documents(empty)]

    def _tell_all(self, now: float) -> list[Outbound]:
        """What Home Assistant is to hear when it has started: all that is true, and once more what is not."""
        self._asked, self._asked_at = False, now
        gone = {place: one for place, one in self._withdrawn.items() if not self._is_wanted(place, one)}
        if gone:
            self._revived = set(gone)
            self._wake(now + LETTING_GO_SECONDS)
        self._look_up_after(now)
        return self._documents(self._wanted | gone)

    def _look_up_after(self, now: float) -> None:
        """Have the device on which this one hangs looked up in a while, and again."""
        if self._hangs and self._others:
            self._look_ups = [now + seconds for seconds in LOOKING_UP_SECONDS]
            self._wake(self._look_ups[0])

    def _look_up(self, now: float) -> dict[Place, Document]:
        """A document with the device that it hangs on, where it is time: it differs, so it is put right at once."""
        due = [at for at in self._look_ups if at <= now]
        self._look_ups = self._look_ups[len(due) :]
        return self._hanging if due and self._others else {}

    def _documents(self, told: Mapping[Place, Document]) -> list[Outbound]:
        return self._outbounds(channels.HOMEASSISTANT_CONFIG, told)

    def _withdrawals(self, told: Mapping[Place, Document]) -> list[Outbound]:
        return self._outbounds(channels.HOMEASSISTANT_WITHDRAWN, told)

    def _outbounds(self, channel: Channel[Any], told: Mapping[Place, Document]) -> list[Outbound]:
        return [
            Outbound(channel, document, {"component": kind, "object": object_id, **self._service})
            for (kind, object_id), document in told.items()
        ]

    @staticmethod
    def _ids(told: Mapping[Place, Document]) -> frozenset[str]:
        return frozenset().union(*map(unique_ids, told.values()))


def _by_itself(document: Document) -> Document:
    """A document without the device that its own hangs on."""
    told = document.get("dev", {})
    return {**document, "dev": {name: one for name, one in told.items() if name != _HANGS_ON}}


def _smallest_that_hangs(wanted: Mapping[Place, Document]) -> frozenset[Place]:
    hanging = {place: len(str(one)) for place, one in wanted.items() if _HANGS_ON in one.get("dev", {})}
    return frozenset(sorted(hanging, key=hanging.__getitem__)[:1])
