"""Another program's pictures as a source: its JPEGs become frames. Pure."""

from doorbus.wire.channels import FRAME, Channel, Retain, Role, Under
from doorbus.wire.codec import Jpeg
from doorbus.wire.messages import Frame

WEBHOOK = "webhook"
"""What stands for a topic where pictures come by HTTP."""


def foreign(topic: str) -> Channel[Frame]:
    """The channel of a foreign topic, which is taken as it is.

    Pictures that the broker has kept are refused: nobody can tell how old they are. Those that are sent now are taken
    also with the retain flag, which Frigate sets on all of its snapshots.
    """
    return Channel(
        name="bridge",
        template=topic.replace("{", "{{").replace("}", "}}"),
        under=Under.NOTHING,
        codec=Jpeg(Frame),
        summary="A picture of another program.",
        qos=FRAME.qos,
        retain=Retain.REPLAY_REFUSED,
        expiry=FRAME.expiry,
        max_bytes=FRAME.max_bytes,
        senders=frozenset(),
        receivers=frozenset({Role.CAPTURE}),
    )
