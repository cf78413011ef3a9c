"""Keeps what Home Assistant is told of a service up to date, and takes back what is no longer true."""

from collections.abc import Iterable, Mapping
from typing import Any

from doorbus.homeassistant import Device, Document, Place, Style, announcement, documents, is_of, withdrawal
from doorbus.runtime.settings import HomeAssistantSettings as Settings
from doorbus.wire import channels
from doorbus.wire.exchange import Inbound, Outbound, Subscription
from doorbus.wire.messages import HomeAssistantStatus

QUIET_SECONDS = 10.0
"""Home Assistant starts less often than that; whoever says so more often must not keep others from being heard."""


class Announcer:
    """Announces `device` as `settings` have it; with the feature switched off it takes back all that was announced."""

    def __init__(self, settings: Settings, device: Device) -> None:
        self._device = device
        self._service = {"service": device.site.service.value}
        self._announcement = announcement(device, settings.style if settings.enabled else None)
        self._announced_at = -QUIET_SECONDS
        self._wanted = False

    def connected(self) -> Iterable[Outbound]:
        """What is to be retained now."""
        return self._outbounds(self._announcement)

    def due(self, now: float) -> Iterable[Outbound]:
        """What Home Assistant asked to hear again, at the monotonic time `now`: once, however often it asked."""
        if not self._wanted or now - self._announced_at < QUIET_SECONDS:
            return ()
        self._wanted, self._announced_at = False, now
        return self.connected()

    def subscriptions(self) -> tuple[Subscription[Any], ...]:
        """Home Assistant's signs of life, and the documents of this kind of service."""
        return (
            Subscription(channels.HOMEASSISTANT_STATUS, self._on_status, newest_only=True),
            Subscription(channels.HOMEASSISTANT_CONFIG, self._on_document, self._service),
        )

    async def _on_status(self, inbound: Inbound[HomeAssistantStatus]) -> Iterable[Outbound]:
        """Say all again: a broker without persistence may have forgotten it."""
        self._wanted |= inbound.message is HomeAssistantStatus.ONLINE
        return self.due(inbound.at_monotonic)

    async def _on_document(self, inbound: Inbound[Mapping[str, Any]]) -> Iterable[Outbound]:
        """Take back what this instance announced when it was set up differently: another door, camera or style."""
        place = (inbound.ids["component"], inbound.ids["object"])
        if self._announcement.get(place) or not inbound.message or not is_of(self._device.site, inbound.message):
            return ()
        gone: dict[Place, Document] = {place: {}}
        if place not in documents(self._device, Style.DEVICE):
            return self._outbounds(gone)
        # The same entities were told of at once; each was refused until now for an id that was there, so begin anew.
        return (*self._outbounds(gone | withdrawal(self._device)), *self._outbounds(self._announcement))

    def _outbounds(self, told: Mapping[Place, Document]) -> list[Outbound]:
        return [
            Outbound(channels.HOMEASSISTANT_CONFIG, document, {"component": kind, "object": object_id, **self._service})
            for (kind, object_id), document in told.items()
        ]
