"""What `doorbus doctor` makes of what it saw. Pure: observations in, findings out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from doorbus.wire import channels
from doorbus.wire.channels import CHANNELS, OPTIONAL, SERVICES, Channel, Role
from doorbus.wire.codec import CommandCodec, Jpeg, LockdownCodec, Refusal, Word
from doorbus.wire.messages import Action, Health, Input, Lockdown, LockState, Manifest, Presence
from doorbus.wire.topics import DEFAULT_TOPICS

CLOCK_WARN_SECONDS = 0.5
CLOCK_FAIL_SECONDS = 1.5
"""Frames live two seconds at most, so that clocks further apart than this make them all stale."""

OLD_NEWS = timedelta(hours=1)
"""What was refused longer ago is told, but is no warning."""

SILENCE = timedelta(minutes=1)
"""For how long after the start of an actuator nobody wonders that an input is silent."""

CHANGE_SECONDS = 10
"""How old a version is, which is a time, before everybody must have it: healths are told every few seconds."""

CERTIFICATE_WARN = timedelta(days=30)
"""From then on `doorbus secrets` renews the broker's certificate."""


FLAPS = 3
"""So often in ten minutes the pictures of a camera stop before it is told: once or twice anything restarts."""


class Severity(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what, how it is, and the way out."""

    level: Severity
    what: str
    state: str
    way_out: str = ""


@dataclass(frozen=True)
class Heard:
    """The last health of one instance, when it arrived, and whether it spoke while we listened."""

    health: Health
    at: datetime
    live: bool


@dataclass(frozen=True)
class Observed:
    """What there was to see. `roster_missing` counts shards of the newest manifest that were not there."""

    now: datetime
    services: tuple[Heard, ...] = ()
    doors: Mapping[str, LockState] = field(default_factory=dict)
    roster: Manifest | None = None
    roster_missing: int = 0
    amiss: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What of the rights of people nobody meant, by person."""
    certificate_until: datetime | None = None
    """End of the broker's certificate; None without TLS."""
    expected: frozenset[Role] = frozenset(SERVICES)
    """The services of which one must be there; others may run elsewhere, or not yet."""


_UNHEARD = "_unheard"
_UNSIGNED: Mapping[bool, tuple[str, str]] = {
    False: (
        "takes recognitions that nobody has signed: a password of the role recognizer opens the door",
        "DOORBUS_ACTUATOR__UNSIGNED_RECOGNITIONS=false, if they can be signed",
    ),
    True: (
        "takes answers about pictures that nobody has signed: a password of the role recognizer names anybody",
        "give it the file of the site's public keys: DOORBUS_SIGNERS_FILE",
    ),
}
"""Of a door, and of a console."""
_BUTTONS = {Input.EXIT.value: "exit button", Input.DOORBELL.value: "doorbell"}

_MEANING = {
    Refusal.STALE: "it came too late: a slow network or recognizer, or clocks that disagree",
    Refusal.FROM_THE_FUTURE: "the sender's clock is ahead",
    Refusal.RETAINED: "a sender uses the retain flag; delete it with mosquitto_pub -r -n -t TOPIC, and send without -r",
    Refusal.UNSEALED: "the services have different site keys; DOORBUS_SITE_KEY_FILE must be the same file",
    Refusal.UNSIGNED: "its sender has no key of this site, or DOORBUS_SIGNERS_FILE here is not the site's file signers",
    Refusal.BAD_ID: "an id in a topic is not a-z, 0-9, _ and -",
    Refusal.WRONG_TOPIC: "a payload names another door or camera than its topic",
    Refusal.TOO_LARGE: "make the pictures smaller",
    Refusal.TOO_MUCH_WORK: "make the pictures smaller, and not progressive",
    Refusal.NOT_A_PICTURE: "only JPEG is taken",
    Refusal.TRUNCATED: "a picture was cut off on its way",
    Refusal.OUTDATED: "an older map was published: by a broker that came back from an older store, or by somebody else",
    Refusal.OVERLOADED: "more comes to TOPIC than it can handle: a machine that is too slow, or a flood, from a user "
    "whom doorbus secrets revoke keeps out",
}
_MEANING_FOR: Mapping[tuple[str, str, Refusal], str] = {
    (Role.RECOGNIZER, channels.FRAME.name, Refusal.OVERLOADED): "more comes than it can look at: too few recognizers, "
    "or a flood, which DOORBUS_RECOGNIZER__CAMERAS keeps out",
}
_MEANING_OF_INPUT = {
    Refusal.UNKNOWN_WORD: "SETTING__ON and SETTING__OFF must have the words that its device sends, and SETTING__FIELD "
    "name their place in its JSON",
    Refusal.WRONG_SHAPE: "SETTING__FIELD must name the field of its device's JSON with the word",
    Refusal.RETAINED: "the broker has kept a press, which may be old; let the device of SETTING__TOPIC send without "
    "the retain flag",
}
"""What is different for inputs on topics of other programs; SETTING begins the names of their settings."""


def findings(seen: Observed) -> Iterator[Finding]:
    """All findings, good and bad."""
    if seen.certificate_until is not None:
        yield _certificate(seen.certificate_until, seen.now)
    for role in (*SERVICES, *OPTIONAL):
        instances = [one for one in seen.services if one.health.service == role]
        if instances or role in seen.expected:
            yield from _service(role, instances, missed=role in seen.expected)
    yield from _site_keys(seen)
    yield from _outdated(seen)
    yield from _clocks(seen)
    yield from _doors(seen)
    yield _roster(seen)
    for person, wrongs in sorted(seen.amiss.items()):
        for wrong in wrongs:
            yield Finding(Severity.WARN, f"person {person}", wrong, f"doorbus update {person}, see --help")


def _certificate(until: datetime, now: datetime) -> Finding:
    left = until - now
    state = f"valid until {until:%Y-%m-%d}, {left.days} days"
    if left < CERTIFICATE_WARN:
        return Finding(Severity.WARN, "certificate", state, "doorbus secrets renews it; then restart the broker")
    return Finding(Severity.OK, "certificate", state)


def _service(role: Role, instances: list[Heard], *, missed: bool) -> Iterator[Finding]:
    online = [one for one in instances if one.health.state is Presence.ONLINE]
    if not online:
        last = max((one.health.at for one in instances), default=None)
        state = f"offline; it came or went at {last:%Y-%m-%d %H:%M:%S} UTC" if last else "was never here"
        level = Severity.FAIL if missed else Severity.WARN
        yield Finding(level, role, state, "start it (make up, make run or its unit does) and read its log")
    for one in online:
        yield from _instance(f"{role}/{one.health.instance}", one)
    for one in instances if online else ():
        if one.health.state is Presence.OFFLINE:
            name = f"{role}/{one.health.instance}"
            way_out = f"start it, if it is missed, or doorbus forget {name}"
            yield Finding(Severity.WARN, name, "offline, while others of its kind are online", way_out)


def _instance(name: str, one: Heard) -> Iterator[Finding]:
    health = one.health
    if not one.live:
        age = (one.at - health.at).total_seconds()
        yield Finding(
            Severity.FAIL, name, f"silent: its last word is {age:.0f} s old", "it hangs or was cut off; restart it"
        )
    elif health.problem:
        yield Finding(Severity.FAIL, name, health.problem, "its log tells more")
    elif health.service == Role.RECOGNIZER and "gallery_version" not in health.figures:
        yield Finding(
            Severity.FAIL, name, "has no gallery", "is the enroller running, and have both the same site key?"
        )
    else:
        gallery = health.figures.get("gallery_version")
        knows = f", gallery version {gallery:.0f}" if gallery is not None else ""
        yield Finding(Severity.OK, name, f"online, version {health.version}{knows}")
    for what in sorted(health.refused):
        yield _refused(name, what, one)
    if health.figures.get("takes_unsigned"):
        yield Finding(Severity.WARN, name, *_UNSIGNED[health.service == Role.CONSOLE])
    lost = health.figures.get("lost_lately", 0)
    if lost >= FLAPS:
        state = f"its camera flaps: pictures stopped {lost:.0f} times in the last 10 minutes"
        way_out = "look at its power, its cable or Wi-Fi, and who else reads it; the log says when and why"
        yield Finding(Severity.WARN, name, state, way_out)
    if health.at - health.started_at >= SILENCE:
        yield from (
            _unheard(name, figure) for figure, on in sorted(health.figures.items()) if on and figure.endswith(_UNHEARD)
        )
    foreign = health.figures.get("put_right", 0)
    if foreign:
        state = f"has put right {foreign:.0f} messages that somebody else published in its place"
        yield Finding(Severity.WARN, name, state, "change the password of the role enroller")
    errors = health.figures.get("errors", 0)
    if errors:
        yield Finding(
            Severity.WARN, name, f"{errors:.0f} errors in its own work", "its log has them; please report them"
        )


def _unheard(name: str, figure: str) -> Finding:
    """An input that is silent: a broker does not tell who may not read a topic, and a cut wire is no press."""
    felt = figure.removesuffix(_UNHEARD)
    if felt in _BUTTONS:
        return Finding(
            Severity.OK, name, f"{_BUTTONS[felt]}: nothing heard since the start; press it to see that it works"
        )
    setting = f"DOORBUS_ACTUATOR__INPUTS__{felt.upper()}__TOPIC"
    way_out = (
        f"is {setting} right, does its device send, and may the actuator's user of the broker read it (doorbus secrets "
        "add --topic)? The log names both"
    )
    return Finding(Severity.WARN, name, f"its {felt} has said nothing since the start: nobody knows its state", way_out)


def _refused(name: str, what: str, one: Heard) -> Finding:
    """What was refused since the service has started: a warning while it is news."""
    count, last = one.health.refused[what], one.health.last_refused.get(what)
    channel, _, reason = what.rpartition(".")
    meaning = _meaning(channel, Refusal(reason), one.health) if reason in set(Refusal) else ""
    way_out = meaning or "its log names the topic"
    if last is None:
        return Finding(Severity.WARN, name, f"refused {count} {what}", way_out)
    state = f"refused {count} {what}, the last at {last:%Y-%m-%d %H:%M:%S} UTC"
    if one.health.at - last > OLD_NEWS:
        return Finding(Severity.OK, name, state)
    return Finding(Severity.WARN, name, state, way_out)


def _meaning(name: str, reason: Refusal, health: Health) -> str:
    """What a refusal on a channel means, and the way out; empty where the log alone can tell."""
    felt = name.removesuffix(channels.OF_INPUTS).split("_") if name.endswith(channels.OF_INPUTS) else ()
    if felt and reason in _MEANING_OF_INPUT:
        settings = (f"DOORBUS_ACTUATOR__INPUTS__{one.upper()}" for one in felt)
        return "; ".join(_MEANING_OF_INPUT[reason].replace("SETTING", setting) for setting in settings)
    channel = next((each for each in CHANNELS if each.name == name), None)
    if channel is None:  # another program's topic, which a setting names
        return _MEANING.get(reason, "").replace("TOPIC", "its topic, which the log names")
    words = _words(channel) if reason is Refusal.UNKNOWN_WORD else ""
    if reason is Refusal.TOO_LARGE and not isinstance(channel.codec, Jpeg):
        words = f"a message to TOPIC has {channel.max_bytes} bytes at the most; look at what sends it"
    meaning = words or _MEANING_FOR.get((health.service, name, reason)) or _MEANING.get(reason, "")
    return meaning.replace("TOPIC", _named(channel, health))


def _words(channel: Channel[Any]) -> str:
    """Which words a channel takes; empty where it takes none."""
    match channel.codec:
        case Word(model=model):
            return f"TOPIC takes one of the exact words {', '.join(word.value for word in model)}"
        case CommandCodec():
            return f"TOPIC takes one of the exact words {', '.join(Action)}, or JSON"
        case LockdownCodec():
            return f"TOPIC takes one of the exact words {', '.join(Lockdown)}, or JSON"
    return ""


def _named(channel: Channel[Any], health: Health) -> str:
    """A topic, with capitals where the service does not know the id."""
    ids = {"door": health.door, "camera": health.camera}
    address = DEFAULT_TOPICS.address(channel)
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1]) or found[1].upper(), address)


def _site_keys(seen: Observed) -> Iterator[Finding]:
    """Who has another site key than the enroller: nobody enrolled at the one is known at the other."""
    online = [one.health for one in seen.services if one.live and one.health.state is Presence.ONLINE]
    right = {one.site_key for one in online if one.service == Role.ENROLLER} - {None}
    for one in online:
        if right and one.site_key is not None and not right & {one.site_key, *one.site_keys}:
            way_out = "give both the same DOORBUS_SITE_KEY_FILE; who is enrolled stays readable with the old one alone"
            name = f"{one.service}/{one.instance}"
            yield Finding(Severity.FAIL, name, "has another site key than the enroller", way_out)
        elif one.service == Role.ENROLLER and len(one.site_keys) > 1:
            name, way_out = (
                f"{one.service}/{one.instance}",
                "doorbus key rotate goes on; doorbus key show says who is waited for",
            )
            yield Finding(Severity.WARN, name, "has a new site key and still a former one", way_out)


def _outdated(seen: Observed) -> Iterator[Finding]:
    """Who goes by an older map than others know: whoever was removed or disabled since then still passes there."""
    live = [one for one in seen.services if one.live and one.health.state is Presence.ONLINE]
    retained = -1 if seen.roster is None else seen.roster.version
    for name, reader, kept in (("roster", Role.ACTUATOR, retained), ("gallery", Role.RECOGNIZER, -1)):
        readers = [one.health for one in live if one.health.service == reader]
        enrollers = [one.health for one in seen.services if one.health.service == Role.ENROLLER]
        newest = max([kept, *(_version(one, name) for one in (*readers, *enrollers))])
        if seen.now.timestamp() * 1000 - newest < CHANGE_SECONDS * 1000:
            continue
        way_out = "start the enroller, which publishes anew; if it runs, restart it"
        for one in readers:
            if 0 <= _version(one, name) < newest:
                what = f"door {one.door}" if one.door else f"{one.service}/{one.instance}"
                state = f"goes by {name} version {_version(one, name)}, and {newest} is the newest"
                yield Finding(Severity.FAIL, what, f"{state}: who was removed or disabled since may pass", way_out)
        if 0 <= kept < newest:
            state = f"the broker retains version {kept}, and {newest} is the newest: it is of an older store, or forged"
            yield Finding(Severity.FAIL, name, state, way_out)


def _version(health: Health, name: str) -> int:
    return int(health.figures.get(f"{name}_version", -1))


def _clocks(seen: Observed) -> Iterator[Finding]:
    live = [one for one in seen.services if one.live and one.health.state is Presence.ONLINE]
    for one in live:
        apart = (one.health.at - one.at).total_seconds()
        level = Severity.FAIL if abs(apart) > CLOCK_FAIL_SECONDS else Severity.WARN
        if abs(apart) > CLOCK_WARN_SECONDS:
            name = f"clock of {one.health.service}/{one.health.instance}"
            direction = "ahead of" if apart > 0 else "behind"
            state = f"{abs(apart):.1f} s {direction} this machine"
            yield Finding(level, name, state, "let both follow a time server (timedatectl set-ntp true)")
    if live and all(abs((one.health.at - one.at).total_seconds()) <= CLOCK_WARN_SECONDS for one in live):
        yield Finding(Severity.OK, "clocks", f"within {CLOCK_WARN_SECONDS:g} s of each other")


def _doors(seen: Observed) -> Iterator[Finding]:
    if not seen.doors and Role.ACTUATOR in seen.expected:
        yield Finding(Severity.FAIL, "doors", "no lock has ever reported its state", "start an actuator")
    for door, state in sorted(seen.doors.items()):
        yield _door(f"door {door}", state, _drivers(seen, door), missed=Role.ACTUATOR in seen.expected)


def _drivers(seen: Observed, door: str) -> list[str]:
    """The actuators that drive `door` now; one that does not say which door it drives may be of any."""
    return [
        one.health.instance
        for one in seen.services
        if one.health.service == Role.ACTUATOR and one.live and one.health.state is Presence.ONLINE
        if one.health.door in {None, door}
    ]


def _door(what: str, state: LockState, drivers: list[str], *, missed: bool) -> Finding:
    if not drivers:
        way_out = f"start its actuator, or, if the door is no more, doorbus forget {what.replace(' ', '/')}"
        level = Severity.FAIL if missed else Severity.WARN
        return Finding(level, what, f"no actuator drives it; it was {state.value} at last", way_out)
    if len(drivers) > 1:
        names = " and ".join(drivers)
        return Finding(Severity.FAIL, what, f"the actuators {names} both obey its commands", "stop all but one of them")
    if state is LockState.JAMMED:
        return Finding(
            Severity.FAIL, what, state.value, "check the relay and its wiring; the actuator's log tells more"
        )
    return Finding(Severity.OK, what, state.value)


def _roster(seen: Observed) -> Finding:
    if seen.roster is None:
        return Finding(Severity.FAIL, "roster", "there is none", "start the enroller; until then no face opens a door")
    if seen.roster_missing:
        state = f"{seen.roster_missing} of {len(seen.roster.shards)} shards are missing"
        return Finding(
            Severity.FAIL, "roster", state, "restart the enroller; max_queued_messages of the broker too small?"
        )
    if not seen.roster.count:
        return Finding(Severity.WARN, "roster", "nobody is enrolled", "doorbus enrol PERSON PICTURE...")
    return Finding(Severity.OK, "roster", f"{seen.roster.count} enrolled, version {seen.roster.version}")
