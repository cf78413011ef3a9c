"""Between channels and topics. Pure."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from doorbus.wire.channels import DEFAULT_ROOT, HOMEASSISTANT_PREFIX, Channel, Under
from doorbus.wire.ids import SLUG, is_slug
from doorbus.wire.records import dataclass

M = TypeVar("M")


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
        if not all(is_slug(ids.get(name, "")) for name in channel.parameters):
            raise ValueError(f"{channel.name}: {ids} is not {channel.template} (ids match {SLUG})")
        return self._before(channel) + channel.template.format_map(ids)

    def filter(self, channel: Channel[Any], /, **ids: str) -> str:
        """The topic filter of `channel`, with `+` for each id that is not given."""
        wanted = {name: ids.get(name, "+") for name in channel.parameters}
        return self._before(channel) + channel.template.format_map(wanted)

    def resolve(self, topic: str) -> "Resolved[Any] | None":
        """The channel of the table and the ids that `topic` names; None when it is no topic of the table."""
        return self._table.resolve(topic)

    @cached_property
    def _table(self) -> "Directory":
        from doorbus.wire.channels import CHANNELS  # noqa: PLC0415  # loads all of them, and a service has its own few

        return Directory(self, CHANNELS)

    def shape(self, channel: Channel[Any], /) -> str:
        """A regular expression for the topics of `channel`, with a group for each id, which may be no slug."""
        named = (re.escape(text) + ("([^/]*)" if name else "") for text, name in channel.parts)
        return re.escape(self._before(channel)) + "".join(named)

    def _before(self, channel: Channel[Any]) -> str:
        match channel.under:
            case Under.ROOT:
                return f"{self.root}/"
            case Under.DISCOVERY:
                return f"{self.discovery}/"
            case Under.NOTHING:
                return ""


DEFAULT_TOPICS = Topics()


@dataclass(frozen=True, slots=True)
class Resolved(Generic[M]):
    """What a topic names: a channel, and ids as they stand in the topic, which may be no slugs."""

    channel: Channel[M]
    ids: Mapping[str, str]

    @property
    def valid(self) -> bool:
        """Whether the ids can be ids."""
        return all(map(is_slug, self.ids.values()))


class Directory:
    """Finds the channel of a topic among `channels`, by one match of one expression, however many there are."""

    def __init__(self, topics: Topics, channels: Iterable[Channel[Any]]) -> None:
        shapes = []
        self._channels: dict[int | None, Channel[Any]] = {}
        group = 1  # one for each channel, and in it one for each of its ids
        for channel in channels:
            shapes.append(f"({topics.shape(channel)})")
            self._channels[group] = channel
            group += 1 + len(channel.parameters)
        self._shapes = re.compile("|".join(shapes) if shapes else "(?!)")

    def resolve(self, topic: str) -> Resolved[Any] | None:
        """The channel and ids that `topic` names; None when it has the shape of none of them."""
        match = self._shapes.fullmatch(topic)
        if match is None:
            return None
        first = match.lastindex or 0  # the group that was closed last: that of the channel
        channel = self._channels[first]
        return Resolved(channel, {name: match[first + n] for n, name in enumerate(channel.parameters, 1)})
