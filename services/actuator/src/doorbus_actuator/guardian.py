"""A process that holds the relay for the actuator, and lets go whatever befalls that (`doorbus_actuator.hiring`).

Standard input is a socket to the actuator, whose child this is then; or one that listens, for one actuator after
another (`doorbus_actuator.guard`). The actuator writes a line for each order: `NUMBER hold SECONDS`, `NUMBER lock`, or
`NUMBER beat`, its sign of life. Each is answered with its number and what the relay is then: `NUMBER on`, `NUMBER off`,
`NUMBER jammed WHY`. Number 0 stands before what nobody asked for: a change, or `0 note TEXT`.

Nothing but the relay's adapter and a little of the standard library is loaded here: it is for each door once more.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time

from doorbus_actuator import mark
from doorbus_actuator.relay import RelayError
from doorbus_actuator.slim import TYPE_CHECKING, signal, suppress

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from doorbus_actuator.relay import Relay

SILENCE_SECONDS = 2.0
"""An actuator that gives no sign of life for so long has no door open."""
RETRY_SECONDS = 1.0
"""How often a relay that failed is told to de-energise."""
SECRET = "LOCK_SECRET"  # noqa: S105  # the name of it
"""The variable with the password or token of a lock elsewhere: other users see the arguments of a process."""
UNASKED = "0"
"""The number of what nobody asked for."""
_LONGEST = 4096
_MOST_READS = 16
_LAST_TRIES = 60
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NEVER = float("inf")


class Pulse:
    """One relay, and when to let go of it: at the latest `max_hold` seconds after it was energised.

    Times are seconds of a monotonic clock. `SILENCE_SECONDS` after the last `heard` it lets go, too.
    """

    def __init__(self, relay: Relay, max_hold: float) -> None:
        self._relay = relay
        self._max_hold = max_hold
        self._since: float | None = None
        self._until: float | None = None
        self._retry_at: float | None = None
        self.heard_at = -_NEVER
        """When the actuator last gave a sign of life."""
        self.fault: str | None = None
        """Why the relay cannot be driven; None when it can."""

    @property
    def energised(self) -> bool:
        """Whether the door is unlocked."""
        return self._until is not None

    @property
    def words(self) -> str:
        """What the relay is, for the actuator."""
        if self.fault is not None:
            return f"jammed {self.fault}"
        return "on" if self.energised else "off"

    @property
    def due(self) -> float | None:
        """When `tick` has something to do; None while nothing is due."""
        return self._retry_at if self._until is None else min(self._until, self.heard_at + SILENCE_SECONDS)

    def heard(self, now: float) -> None:
        """The actuator lives."""
        self.heard_at = now
        self._relay.tend()

    def secure(self, now: float) -> None:
        """Claim the relay, de-energised."""
        self._let_go(self._relay.setup, now)

    def hold(self, seconds: float, now: float) -> None:
        """Energise for so long, or for what is left of the longest hold."""
        since = now if self._since is None else self._since
        until = min(now + seconds, since + self._max_hold)
        if not now < until:  # not a number, either
            self.lock(now)
            return
        try:
            self._relay.energise()
        except RelayError as error:
            self._since = self._until = None
            self._fail(error, now)
        else:
            self._since, self._until = since, until
            self.fault = self._retry_at = None

    def delay(self, seconds: float) -> None:
        """The relay took so long to move: the pulse begins, and ends, so much later."""
        if self._since is not None and self._until is not None:
            self._since, self._until = self._since + seconds, self._until + seconds

    def lock(self, now: float) -> None:
        """De-energise."""
        self._let_go(self._relay.de_energise if self.fault is None else self._relay.setup, now)

    def tick(self, now: float) -> None:
        """Let go if it is time; try a relay again that could not be driven."""
        if self.due is not None and now >= self.due:
            self.lock(now)

    def end(self, now: float) -> None:
        """De-energise, and take no more orders."""
        self._let_go(self._relay.close, now)

    def _let_go(self, act: Callable[[], None], now: float) -> None:
        self._since = self._until = None
        try:
            act()
        except RelayError as error:
            self._fail(error, now + RETRY_SECONDS)
        else:
            self.fault = self._retry_at = None

    def _fail(self, error: RelayError, retry_at: float) -> None:
        self.fault = str(error)
        self._retry_at = retry_at


class ActuatorGone(Exception):  # noqa: N818  # the ordinary end
    """The actuator is no more, or no longer makes sense."""


class Line:
    """The way to an actuator and back. What it does not read is lost to it, and holds nothing up."""

    def __init__(self) -> None:
        self._link: int | None = None
        self._rest = b""

    def take(self, link: int) -> None:
        """Listen to the actuator at the other end of `link`, the descriptor of a socket."""
        self.drop()
        os.set_blocking(link, False)
        rouse_by(link)
        self._link = link

    def drop(self) -> None:
        """Listen to nobody."""
        if self._link is not None:
            os.close(self._link)
        self._link, self._rest = None, b""

    def orders(self, timeout: float | None) -> list[bytes]:
        """What arrives within `timeout` seconds. Raises `ActuatorGone`, whatever was ordered before that."""
        if self._link is None:
            raise ActuatorGone
        if not readable(self._link, timeout):
            return []
        for _ in range(_MOST_READS):
            try:
                piece = os.read(self._link, _LONGEST)
            except BlockingIOError:
                break
            except OSError:
                raise ActuatorGone from None
            if not piece:
                raise ActuatorGone
            self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > _LONGEST:
            raise ActuatorGone
        return lines

    def say(self, number: str, words: str) -> None:
        """Answer an order."""
        if self._link is not None:
            with suppress(OSError):
                os.write(self._link, f"{number} {' '.join(words.split())}\n".encode())


def rouse_by(link: int) -> None:
    """Have the kernel send SIGCONT whenever something is on `link`, its end included: a stopped guardian goes on."""
    with suppress(AttributeError, OSError):  # only Linux can
        fcntl.fcntl(link, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(link, fcntl.F_SETSIG, signal.SIGCONT)
        fcntl.fcntl(link, fcntl.F_SETFL, fcntl.fcntl(link, fcntl.F_GETFL) | os.O_ASYNC)


def readable(link: int, timeout: float | None) -> bool:
    """Whether something is on `link` within so many seconds. Here alone a signal may end the guardian."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
    try:
        return bool(select.select([link], [], [], timeout)[0])
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)


def guard(pulse: Pulse, line: Line, patience: float = _NEVER) -> None:
    """Lock, and then do as told until the actuator is gone, or has been silent for `patience` seconds."""
    pulse.secure(time.monotonic())
    pulse.heard(time.monotonic())
    told = None
    while (now := time.monotonic()) < pulse.heard_at + patience:
        if pulse.words != told:
            told = pulse.words
            line.say(UNASKED, told)
        until = min(_NEVER if pulse.due is None else pulse.due, pulse.heard_at + patience)
        try:
            orders = line.orders(None if until == _NEVER else max(0.0, until - now))
            for order in orders:
                number = obey(pulse, order.decode(errors="replace"))
                told = pulse.words
                line.say(number, told)
            if orders:  # a relay that takes long has kept others waiting
                pulse.heard(time.monotonic())
        except ActuatorGone:
            return
        pulse.tick(time.monotonic())


def serve(pulse: Pulse, line: Line, listener: socket.socket) -> None:
    """Lock, and guard for one actuator after another. A silent one makes room for the next, and may come again."""
    pulse.secure(time.monotonic())
    listener.setblocking(False)
    say_ready()
    door = listener.fileno()
    while True:
        due = pulse.due
        if readable(door, None if due is None else max(0.0, due - time.monotonic())):
            with suppress(OSError):  # it has gone again
                line.take(listener.accept()[0].detach())
                guard(pulse, line, SILENCE_SECONDS)
            pulse.lock(time.monotonic())
            line.drop()
        pulse.tick(time.monotonic())


def say_ready() -> None:
    """Tell systemd that actuators may come."""
    import socket  # noqa: PLC0415

    if address := os.environ.get("NOTIFY_SOCKET"):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
            supervisor.sendto(b"READY=1", address.replace("@", "\0", 1))


def end(pulse: Pulse) -> None:
    """Lock for good; a relay that fails is told again for a while."""
    pulse.end(time.monotonic())
    for _ in range(_LAST_TRIES):
        if pulse.fault is None:
            return
        time.sleep(RETRY_SECONDS)
        pulse.end(time.monotonic())


def obey(pulse: Pulse, order: str) -> str:
    """Carry out one order; its number. Raises `ActuatorGone` for one that cannot be read."""
    now = time.monotonic()
    pulse.heard(now)
    match order.split():
        case [number, "hold", seconds]:
            try:
                pulse.hold(float(seconds), now)
                pulse.delay(time.monotonic() - now)
            except ValueError:
                raise ActuatorGone from None
        case [number, "lock"]:
            pulse.lock(now)
        case [number, "beat"]:
            pass
        case _:
            raise ActuatorGone
    return number


def relay_of(given: Mapping[str, Any], note: Callable[[str], None], secret: str | None = None) -> Relay:
    """The relay that the settings ask for, not yet set up. Raises `RelayError` where its library does not work.

    What is large is loaded only where it is used.
    """
    match given["relay"]:
        case "rpi":
            from doorbus_actuator.rpi import Active, Numbering, RpiRelay, load_gpio  # noqa: PLC0415

            return RpiRelay(load_gpio(), given["pin"], Numbering(given["numbering"]), Active(given["active"]))
        case "gpiod":
            from doorbus_actuator.gpiod_lines import GpiodRelay, load_gpiod  # noqa: PLC0415

            return GpiodRelay(load_gpiod(), given["chip"], given["line"], active_low=given["active"] == "low")
        case "http":
            from doorbus_actuator.http_relay import Call, HttpRelay  # noqa: PLC0415

            unlock, lock = (None if given[name] is None else Call(*given[name]) for name in ("unlock", "lock"))
            assert unlock is not None
            return HttpRelay(unlock, lock, token=secret, timeout=given["timeout"], retries=given["retries"])
        case "mqtt":
            from doorbus_actuator.mqtt_relay import Broker, MqttRelay, Words  # noqa: PLC0415

            words: dict[str, Any] = dict(given["words"])
            words |= {name: tuple(words[name]) for name in ("unlocked", "locked") if name in words}
            return MqttRelay(Broker(**given["broker"], password=secret), Words(**words), given["timeout"])
    from doorbus_actuator.simulated import SimulatedRelay  # noqa: PLC0415

    return SimulatedRelay(given["path"], note, door=given["door"])


def dismiss(number: int, frame: object) -> None:  # noqa: ARG001  # the signal module's
    """End, by a signal."""
    raise SystemExit(0)


def main(given: Mapping[str, Any], marked: str, *, listening: bool) -> None:
    """Guard the relay `given` until the actuator is gone, or, `listening`, of one after another until told to end.

    `given` is what `doorbus_actuator.factory` makes of the settings; `marked` what its mark says, if it leaves one.
    """
    line = Line()
    relay = relay_of(given, lambda text: line.say(UNASKED, f"note {text}"), os.environ.get(SECRET))
    pulse = Pulse(relay, given["max_hold"])
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # instead of SIGCONT where the kernel cannot send that
    for number in _ENDINGS:  # as a child it ends after the actuator, not with it
        signal.signal(number, dismiss if listening else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    if marked:
        mark.leave(given["mark"], marked)
    try:
        if listening:
            import socket  # noqa: PLC0415

            serve(pulse, line, socket.socket(fileno=sys.stdin.fileno()))
        else:
            line.take(sys.stdin.fileno())
            guard(pulse, line)
    finally:
        end(pulse)
        if marked and pulse.fault is None:
            mark.take_away(given["mark"])
