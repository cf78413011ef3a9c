"""From an address to the source that reads it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from doorbus.runtime.clock import Clock
from doorbus_capture import bridge
from doorbus_capture.posting import Listening
from doorbus_capture.sources.address import Address, Kind
from doorbus_capture.sources.directory import DirectorySource, is_picture
from doorbus_capture.sources.mjpeg import HttpSource
from doorbus_capture.sources.sample import SampleSource
from doorbus_capture.sources.snapshot import SnapshotSource
from doorbus_capture.sources.source import Source
from doorbus_capture.sources.trust import USUAL, Trust
from doorbus_capture.sources.video import CameraSource, FileSource
from doorbus_capture.webhook import Webhook


@dataclass(frozen=True)
class Options:
    """What sources can be told besides where they are."""

    samples: Path
    """Directory of the sample pictures."""
    scene_seconds: float = 2.5
    loop: bool = True
    timeout_seconds: float = 10.0
    trust: Trust = USUAL
    width: int | None = None
    height: int | None = None


def maker(address: Address, options: Options, clock: Clock) -> Callable[[], Source] | None:
    """What makes a new, unopened source of this address for each try.

    None when there is nothing to read: pictures come from elsewhere (`none`), over the bus (`mqtt`), or by HTTP
    (`webhook`).
    """
    if address.kind in {Kind.NONE, Kind.MQTT, Kind.WEBHOOK}:
        return None
    return lambda: _make(address, options, clock)


def listener(listening: Listening | None, clock: Clock) -> Webhook | None:
    """What takes pictures that come by HTTP; None when none do."""
    return None if listening is None else Webhook(listening, bridge.WEBHOOK, clock)


def _make(address: Address, options: Options, clock: Clock) -> Source:
    match address.kind:
        case Kind.DEVICE:
            number = int(address.location.removeprefix("/dev/video"))
            return _camera(number, options, clock)
        case Kind.STREAM:
            return _stream(address, options, clock)
        case Kind.SNAPSHOT:
            return _snapshot(address, options, clock)
        case Kind.PATH:
            path = Path(address.location)
            if path.is_dir() or is_picture(path):
                return DirectorySource(path, clock, seconds=options.scene_seconds, loop=options.loop)
            return FileSource(path, clock, loop=options.loop)
        case _:
            return SampleSource(options.samples, clock, options.scene_seconds)


def _snapshot(address: Address, options: Options, clock: Clock) -> Source:
    played = partial(_camera, address.location, options, clock)
    seconds, trust = options.timeout_seconds, options.trust
    return SnapshotSource(address.location, clock, timeout_seconds=seconds, trust=trust, other=played)


def _stream(address: Address, options: Options, clock: Clock) -> Source:
    played = partial(_camera, address.location, options, clock)
    if not address.location.lower().startswith(("http://", "https://")):
        return played()
    seconds, trust = options.timeout_seconds, options.trust
    return HttpSource(address.location, played, clock, timeout_seconds=seconds, trust=trust)


def _camera(location: str | int, options: Options, clock: Clock) -> CameraSource:
    return CameraSource(
        location,
        clock,
        timeout_seconds=options.timeout_seconds,
        trust=options.trust,
        width=options.width,
        height=options.height,
    )
