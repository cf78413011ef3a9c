"""What a service offers whoever runs it: the hooks, and nothing that runs."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from doorbus.homeassistant import Device, Origin
from doorbus.wire.channels import Role
from doorbus.wire.codec import Refused
from doorbus.wire.exchange import Arrived, Intake, Outbound, Subscription
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import Keyring

Producer = Callable[[], AsyncIterator[Outbound]]
Inlet = Callable[[Intake], Coroutine[Any, Any, None]]


class SiteKeys(Protocol):
    """What `doorbus.wire.seal.Seal` offers the process; named here because most services need no cryptography."""

    @property
    def key_id(self) -> str:
        """Of the key that it seals with."""
        ...

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of all that it unseals with, the newest first."""
        ...

    def hold(self, keys: Sequence[bytes]) -> bool:
        """Have these keys from now on; whether that is possible without beginning anew."""
        ...


class Service:
    """What a service offers the runner. Handlers run one at a time, in order of arrival, unless it has more lanes."""

    role: ClassVar[Role]
    keys: Keyring = Keyring()
    """What it signs with, and whose signatures count for it."""
    site_keys: SiteKeys | None = None
    """What it seals with, if anything."""
    interchangeable: ClassVar[bool] = False
    """Whether others of its kind do the same work, so that nobody misses one that has ended in order."""
    lanes: int = 1
    """How many handlers may be under way at once; more than one only where they leave the event loop for long."""

    def subscriptions(self) -> Sequence[Subscription[Any]]:
        """What the service listens to."""
        return ()

    async def start(self) -> None:
        """Bring hardware into its safe state; the network is not touched before this returns."""

    def connected(self) -> Iterable[Outbound]:
        """What to send after every connect: the retained states."""
        return ()

    def disconnected(self) -> None:
        """Note that the broker is away; `connected` is called when it is there again."""

    def wake_at(self) -> float | None:
        """The monotonic time at which `tick` is due, if any; asked again after every handler and tick."""
        return None

    async def tick(self) -> Iterable[Outbound]:
        """Do what is due. Runs also while the broker is away."""
        return ()

    def producers(self) -> Sequence[Producer]:
        """Sources of messages that no message asks for, such as a camera; cancelled at the end."""
        return ()

    def inlets(self) -> Sequence[Inlet]:
        """Ways by which packets come besides the broker: each is given where to put them, and runs until cancelled.

        One that cannot work as it was set up raises `SetupError`.
        """
        return ()

    def device(self, site: Origin) -> Device | None:  # noqa: ARG002  # for those who override it
        """What Home Assistant is to show of the service, if anything."""
        return None

    def refused(
        self,
        arrived: Arrived[Any],  # noqa: ARG002  # for those who override it
        refused: Refused,  # noqa: ARG002
    ) -> Iterable[Outbound]:
        """Answer a packet that was refused before any handler saw it; it is counted and logged already."""
        return ()

    def hold(self, keys: Sequence[bytes]) -> bool:
        """The file of the site key has these now, the newest first; whether the service goes on with them as it is."""
        return self.site_keys is not None and self.site_keys.hold(keys)

    def acknowledged(self, packet: Packet) -> None:
        """The broker has this packet, which was sent with QoS 1."""

    def place(self) -> Mapping[str, str]:
        """The door that it drives and by whose holidays, the camera that it reads, its model, for health."""
        return {}

    def figures(self) -> Mapping[str, float]:
        """The numbers that health tells."""
        return {}

    def problem(self) -> str | None:
        """What keeps the service from its work, in words for people."""
        return None

    async def stop(self) -> Iterable[Outbound]:
        """Bring hardware into its safe state, and say so; always called, also after a failed start."""
        return ()
