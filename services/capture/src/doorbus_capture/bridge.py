"""Another program's pictures as a source: its JPEGs become frames. Pure."""

from dataclasses import dataclass

from doorbus.wire.channels import FRAME, Channel, Retain, Role
from doorbus.wire.codec import Jpeg
from doorbus.wire.messages import Frame


@dataclass(frozen=True)
class ForeignTopic(Channel[Frame]):
    """One topic outside of the table, taken as it is: it has no ids, and does not lie below our root."""

    def filter(self, root: str, **ids: str) -> str:  # noqa: ARG002  # the table's signature
        """The topic."""
        return self.template

    def ids(self, root: str, topic: str) -> dict[str, str] | None:  # noqa: ARG002
        """No ids, or None when it is another topic."""
        return {} if topic == self.template else None

    def covers(self, root: str, topic: str) -> bool:  # noqa: ARG002
        """Whether it is this topic."""
        return topic == self.template


WEBHOOK = "webhook"
"""What stands for a topic where pictures come by HTTP."""


def foreign(topic: str) -> Channel[Frame]:
    """The channel of a foreign topic.

    Pictures that the broker has kept are refused: nobody can tell how old they are. Those that are sent now are taken
    also with the retain flag, which Frigate sets on all of its snapshots.
    """
    return ForeignTopic(
        name="bridge",
        template=topic,
        codec=Jpeg(Frame),
        summary="A picture of another program.",
        qos=FRAME.qos,
        retain=Retain.REPLAY_REFUSED,
        expiry=FRAME.expiry,
        max_bytes=FRAME.max_bytes,
        senders=frozenset(),
        receivers=frozenset({Role.CAPTURE}),
    )
