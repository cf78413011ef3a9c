"""The broker's users: one for each role, and those that a site has named. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from doorbus.wire.channels import CHANNELS, Role
from doorbus.wire.foreign import why_not_foreign
from doorbus.wire.ids import SLUG, is_slug

IDS = frozenset({"door", "camera", "reader", "instance"})
"""What a named user's rights can be narrowed to."""


class UserError(ValueError):
    """A user cannot be like this; the text says why."""


@dataclass(frozen=True)
class User:
    """Somebody with a password. `ids` narrows the rights of the role: a door, a camera, a reader, an instance.

    `topics` are filters of topics that are none of ours. Who has a role reads them besides; who has none is another
    program on the same broker, which reads and writes them and nothing else.
    """

    name: str
    role: Role | None
    ids: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a name or an id that is no slug, an id that the role's topics do not have, and a topic of ours."""
        if not is_slug(self.name):
            raise UserError(f"{self.name!r}: a user's name is a-z, 0-9, _ and -, at most 64 of them")
        if self.ids and self.name == self.role:
            raise UserError(f"{self.name}: the role itself is not narrowed; name another user of the role")
        for topic in self.topics:
            if (why := why_not_foreign(topic)) is not None:
                raise UserError(f"{self.name}: the topic {topic!r} {why}")
        if self.role is None and not self.topics:
            raise UserError(f"{self.name}: give it a role, or topics of its own")
        known = {
            name
            for channel in CHANNELS
            if self.role in channel.senders | channel.receivers
            for name in channel.parameters
        }
        for name, value in self.ids.items():
            if name not in IDS & known:
                raise UserError(f"{self.name}: the role {self.role or 'of none'} cannot be narrowed to one {name}")
            if not is_slug(value):
                raise UserError(f"{self.name}: {name} {value!r} is no id ({SLUG})")


def named(name: str, role: Role | None, ids: Mapping[str, str], topics: Iterable[str] = ()) -> User:
    """A user of a site's own. Raises `UserError` also for the name of a role."""
    if name in {one.value for one in Role}:
        raise UserError(f"{name}: this is the name of a role; choose another, such as {role or 'my'}-{name}")
    return User(name, role, ids, tuple(topics))


def everybody(extra: Iterable[User] = ()) -> tuple[User, ...]:
    """The users of all roles, and then `extra`."""
    return (*(User(role.value, role) for role in Role), *extra)
