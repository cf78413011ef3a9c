"""A topic of each channel, as one of the roles would name it."""

from typing import Any

from doorbus.wire.channels import Channel, Role
from doorbus.wire.topics import DEFAULT_TOPICS


def topic_of(channel: Channel[Any], role: Role, some: str = "some") -> str:
    """The topic that `role` tries: every id is `some`, except where only the name of a service may stand."""
    ids = dict.fromkeys(channel.parameters, some) | ({channel.own: role.value} if channel.own else {})
    return DEFAULT_TOPICS.topic(channel, **ids)
