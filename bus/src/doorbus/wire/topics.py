"""Between channels and topics. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from doorbus.wire.channels import CHANNELS, DEFAULT_ROOT, HOMEASSISTANT_PREFIX, SLUG, Channel, Under


@dataclass(frozen=True)
class Topics:
    """Where the channels of a site stand on its broker: under its `root`, and Home Assistant's `discovery` prefix."""

    root: str = DEFAULT_ROOT
    discovery: str = HOMEASSISTANT_PREFIX

    def address(self, channel: Channel[Any], /) -> str:
        """The whole topic of `channel`, ids in braces."""
        return self._before(channel) + channel.template

    def topic(self, channel: Channel[Any], /, **ids: str) -> str:
        """The topic of `channel` for the given ids; `ValueError` when one is missing or no slug."""
        if not all(re.fullmatch(SLUG, ids.get(name, "")) for name in channel.parameters):
            raise ValueError(f"{channel.name}: {ids} is not {channel.template} (ids match {SLUG})")
        return self._before(channel) + channel.template.format_map(ids)

    def filter(self, channel: Channel[Any], /, **ids: str) -> str:
        """The topic filter of `channel`, with `+` for each id that is not given."""
        wanted = {name: ids.get(name, "+") for name in channel.parameters}
        return self._before(channel) + channel.template.format_map(wanted)

    def ids(self, channel: Channel[Any], topic: str, /) -> dict[str, str] | None:
        """The ids in `topic`, or None when it is no topic of `channel` (a wrong id included)."""
        match = _pattern(self._before(channel), channel, SLUG).fullmatch(topic)
        return match.groupdict() if match else None

    def covers(self, channel: Channel[Any], topic: str, /) -> bool:
        """Whether `topic` has the shape of `channel`, with ids that may be wrong."""
        return _pattern(self._before(channel), channel, "[^/]*").fullmatch(topic) is not None

    def channel_of(self, topic: str) -> tuple[Channel[Any], Mapping[str, str]] | None:
        """The channel and ids of `topic`, or None when it is no topic of the table."""
        for channel in CHANNELS:
            ids = self.ids(channel, topic)
            if ids is not None:
                return channel, ids
        return None

    def _before(self, channel: Channel[Any]) -> str:
        match channel.under:
            case Under.ROOT:
                return f"{self.root}/"
            case Under.DISCOVERY:
                return f"{self.discovery}/"
            case Under.NOTHING:
                return ""


DEFAULT_TOPICS = Topics()


@lru_cache
def _pattern(before: str, channel: Channel[Any], value: str) -> re.Pattern[str]:
    return re.compile(re.escape(before) + channel.pattern(value))
