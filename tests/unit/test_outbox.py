"""What is to be sent and waits for the connection."""

from doorbus.runtime.outbox import Outbox
from doorbus.wire.packet import Packet


def _all(outbox: Outbox) -> list[bytes]:
    return [packet.payload for packet in outbox.take_all()]


def test_only_the_newest_of_a_retained_topic_and_of_a_topic_of_qos_0_goes_out() -> None:
    outbox = Outbox()
    for payload in (b"LOCKED", b"UNLOCKED", b"LOCKED again"):
        outbox.put(Packet("state", payload, qos=1, retain=True))
        outbox.put(Packet("frame", b"frame " + payload))
        outbox.put(Packet("decision", b"why " + payload, qos=1))

    assert _all(outbox) == [b"why LOCKED", b"why UNLOCKED", b"LOCKED again", b"frame LOCKED again", b"why LOCKED again"]
    assert outbox.dropped == 4


def test_the_newest_state_goes_out_whatever_else_waits() -> None:
    outbox = Outbox(keep=10)
    outbox.put(Packet("state", b"LOCKED", qos=1, retain=True))
    for number in range(100):
        outbox.put(Packet("decision", b"%d" % number, qos=1))

    assert _all(outbox) == [b"LOCKED", *(b"%d" % number for number in range(91, 100))]


def test_what_is_said_on_connect_goes_first_and_takes_the_place_of_what_waits() -> None:
    outbox = Outbox()
    outbox.put(Packet("state", b"old", qos=1, retain=True))
    outbox.put(Packet("decision", b"why", qos=1))

    outbox.put_first([Packet("state", b"new", qos=1, retain=True), Packet("health", b"online", qos=1, retain=True)])

    assert _all(outbox) == [b"new", b"online", b"why"]
