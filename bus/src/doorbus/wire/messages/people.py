"""The people, and changes of who may pass where and when. Pure."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from doorbus.wire.messages.base import MAX_NAME, Message, Name, NewName, Slug
from doorbus.wire.messages.rights import Rights


class Update(Rights):
    """Change a person's name or rights; fields that are not sent stay as they are.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/update -m '{"name": "Alice", "doors": ["front"]}'
    """

    name: NewName | None = None

    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True)


class Remove(Message):
    """Forget a person; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/remove -n
    """


class RemoveSample(Message):
    """Forget one sample of a person, by its number; the payload is empty.

    mosquitto_pub -q 1 -t doorbus/v1/person/alice/sample/7/remove -n
    """


class ListedPerson(Message):
    """Somebody who is enrolled."""

    person: Slug
    name: Name
    """The roster's, or what the id says."""
    enabled: bool = True


class ListedPeople(Message):
    """Who is enrolled, for a screen: the first ones by name, and how many there are. The roster has everybody.

    mosquitto_sub -t doorbus/v1/people/enrolled
    """

    count: Annotated[int, Field(ge=0)]
    people: tuple[ListedPerson, ...] = ()


class Deed(StrEnum):
    """What is to become of somebody."""

    ENABLE = "enable"
    DISABLE = "disable"
    REMOVE = "remove"


class ManagePerson(Message):
    """Enable, disable or remove somebody who is called by name or by id.

    mosquitto_pub -q 1 -t doorbus/v1/people/set -m '{"action": "disable", "who": "Zoë Bee"}'
    """

    action: Deed
    who: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
