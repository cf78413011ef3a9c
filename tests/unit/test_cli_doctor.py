"""`doorbus doctor`: what it makes of what it sees."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from doorbus.cli.common import ExitStatus
from doorbus.cli.doctor import observe, report
from doorbus.runtime.checks import Finding, Heard, Observed, Severity, findings
from doorbus.runtime.client import connect
from doorbus.site.secrets import RENEW
from doorbus.testing import MemoryBus
from doorbus.wire import channels
from doorbus.wire.channels import SERVICES, Role
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Health, LockState, Manifest, Presence, RosterEntry
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def _health(role: Role, **changes: Any) -> Health:
    health = Health(state=Presence.ONLINE, service=role.value, instance="one", version="0.1.0", at=AT, started_at=AT)
    figures = {"gallery_version": 7.0} if role is Role.RECOGNIZER else {}
    door = "front" if role is Role.ACTUATOR else None
    return health.model_copy(update={"figures": figures, "door": door} | changes)


SOUND = Observed(
    now=AT,
    services=tuple(Heard(_health(role), AT, live=True) for role in SERVICES),
    doors={"front": LockState.LOCKED},
    roster=Manifest(version=3, count=2, shards=("a" * 64,)),
)


def _at_the_front(instance: str) -> Health:
    return _health(Role.ACTUATOR, instance=instance, door="front")


def _without(role: Role, *instead: Heard) -> Observed:
    others = tuple(one for one in SOUND.services if one.health.service != role)
    return replace(SOUND, services=(*others, *instead))


def _bad(seen: Observed) -> list[Finding]:
    return [finding for finding in findings(seen) if finding.level is not Severity.OK]


def test_a_machine_without_a_door_misses_no_door() -> None:
    centre = frozenset({Role.ENROLLER, Role.RECOGNIZER})
    services = tuple(one for one in SOUND.services if one.health.service in centre)

    assert _bad(replace(SOUND, services=services, doors={}, expected=centre)) == []
    assert {one.what for one in _bad(replace(SOUND, services=services, doors={}))} == {"capture", "actuator", "doors"}


def test_what_is_elsewhere_is_judged_where_it_shows() -> None:
    hung = Heard(_health(Role.CAPTURE), AT + timedelta(seconds=30), live=False)
    seen = replace(_without(Role.CAPTURE, hung), expected=frozenset({Role.ENROLLER}))

    assert [one.what for one in _bad(seen)] == ["capture/one"]


def test_a_recognizer_with_another_site_key_is_told_though_nobody_is_enrolled() -> None:
    def keyed(role: Role, key: str | None) -> Heard:
        return Heard(_health(role, site_key=key), AT, live=True)

    same = _without(Role.RECOGNIZER, keyed(Role.RECOGNIZER, "0f1e2d3c"))
    same = replace(same, services=tuple(one for one in same.services if one.health.service != Role.ENROLLER))
    alike = replace(same, services=(*same.services, keyed(Role.ENROLLER, "0f1e2d3c")))
    differ = replace(same, services=(*same.services, keyed(Role.ENROLLER, "ffffffff")))

    assert _bad(alike) == []
    assert [(one.level, one.what, one.state) for one in _bad(differ)] == [
        (Severity.FAIL, "recognizer/one", "has another site key than the enroller")
    ]


def test_a_sound_system_has_nothing_but_good_findings(capsys: pytest.CaptureFixture[str]) -> None:
    status = report(SOUND)

    told = capsys.readouterr().out.splitlines()
    assert status == ExitStatus.OK
    assert all(line.startswith("ok ") for line in told)
    assert "ok   recognizer/one: online, version 0.1.0, gallery version 7" in told
    assert "ok   roster: 2 enrolled, version 3" in told
    assert "ok   clocks: within 0.5 s of each other" in told


@pytest.mark.parametrize(
    ("seen", "level", "what", "state"),
    [
        (_without(Role.ENROLLER), Severity.FAIL, "enroller", "was never here"),
        (
            replace(SOUND, doors={"front": LockState.LOCKED, "back": LockState.UNLOCKED}),
            Severity.FAIL,
            "door back",
            "no actuator drives it; it was UNLOCKED at last",
        ),
        (
            replace(SOUND, services=(*SOUND.services, Heard(_at_the_front("two"), AT, live=True))),
            Severity.FAIL,
            "door front",
            "the actuators one and two both obey its commands",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE), AT + timedelta(seconds=60), live=False)),
            Severity.FAIL,
            "capture/one",
            "silent: its last word is 60 s old",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, problem="the camera hangs"), AT, live=True)),
            Severity.FAIL,
            "capture/one",
            "the camera hangs",
        ),
        (
            _without(Role.RECOGNIZER, Heard(_health(Role.RECOGNIZER, figures={}), AT, live=True)),
            Severity.FAIL,
            "recognizer/one",
            "has no gallery",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, refused={"frame.stale": 3}), AT, live=True)),
            Severity.WARN,
            "capture/one",
            "refused 3 frame.stale",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, refused={"frame.of_tomorrow": 1}), AT, live=True)),
            Severity.WARN,
            "capture/one",
            "refused 1 frame.of_tomorrow",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, figures={"errors": 2.0}), AT, live=True)),
            Severity.WARN,
            "capture/one",
            "2 errors in its own work",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, at=AT + timedelta(seconds=1)), AT, live=True)),
            Severity.WARN,
            "clock of capture/one",
            "1.0 s ahead of this machine",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, at=AT - timedelta(hours=1)), AT, live=True)),
            Severity.FAIL,
            "clock of capture/one",
            "3600.0 s behind this machine",
        ),
        (
            _without(Role.ACTUATOR, Heard(_health(Role.ACTUATOR, figures={"roster_version": 2.0}), AT, live=True)),
            Severity.FAIL,
            "door front",
            "goes by roster version 2, and 3 is the newest: who was removed or disabled since may pass",
        ),
        (
            _without(Role.ACTUATOR, Heard(_health(Role.ACTUATOR, figures={"roster_version": 4.0}), AT, live=True)),
            Severity.FAIL,
            "roster",
            "the broker retains version 3, and 4 is the newest: it is of an older store, or forged",
        ),
        (
            _without(Role.ENROLLER, Heard(_health(Role.ENROLLER, figures={"gallery_version": 8.0}), AT, live=True)),
            Severity.FAIL,
            "recognizer/one",
            "goes by gallery version 7, and 8 is the newest: who was removed or disabled since may pass",
        ),
        (
            _without(Role.ENROLLER, Heard(_health(Role.ENROLLER, figures={"put_right": 2.0}), AT, live=True)),
            Severity.WARN,
            "enroller/one",
            "has put right 2 messages that somebody else published in its place",
        ),
        (
            _without(Role.CAPTURE, Heard(_health(Role.CAPTURE, figures={"lost_lately": 3.0}), AT, live=True)),
            Severity.WARN,
            "capture/one",
            "its camera flaps: pictures stopped 3 times in the last 10 minutes",
        ),
        (replace(SOUND, doors={}), Severity.FAIL, "doors", "no lock has ever reported its state"),
        (replace(SOUND, doors={"front": LockState.JAMMED}), Severity.FAIL, "door front", "JAMMED"),
        (replace(SOUND, roster=None), Severity.FAIL, "roster", "there is none"),
        (replace(SOUND, roster_missing=1), Severity.FAIL, "roster", "1 of 1 shards are missing"),
        (
            replace(SOUND, certificate_until=AT + RENEW - timedelta(days=1)),
            Severity.WARN,
            "certificate",
            "valid until 2026-06-30, 29 days",
        ),
        (
            replace(SOUND, roster=Manifest(version=0, count=0, shards=())),
            Severity.WARN,
            "roster",
            "nobody is enrolled",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_found_with_the_way_out(
    seen: Observed, level: Severity, what: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = report(seen)

    (bad,) = _bad(seen)
    assert (bad.level, bad.what, bad.state) == (level, what, state)
    assert bad.way_out
    assert status == (ExitStatus.REFUSED if level is Severity.FAIL else ExitStatus.OK)
    assert f"{level.value:4} {what}: {state} - {bad.way_out}" in capsys.readouterr().out


def test_a_door_that_goes_by_an_older_roster_is_named_also_while_the_enroller_is_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    away = Heard(_health(Role.ENROLLER, state=Presence.OFFLINE, figures={"roster_version": 9.0}), AT, live=False)
    older = Heard(_health(Role.ACTUATOR, figures={"roster_version": 3.0}), AT, live=True)
    others = tuple(one for one in SOUND.services if one.health.service not in (Role.ENROLLER, Role.ACTUATOR))

    assert report(replace(SOUND, services=(*others, away, older))) == ExitStatus.REFUSED
    told = capsys.readouterr().out
    assert "fail door front: goes by roster version 3, and 9 is the newest" in told
    assert "fail roster: the broker retains version 3, and 9 is the newest" in told


def test_a_change_of_just_now_has_not_reached_everybody_yet() -> None:
    now = int(AT.timestamp() * 1000)
    behind = Heard(_health(Role.ACTUATOR, figures={"roster_version": now - 60_000.0}), AT, live=True)
    seen = replace(_without(Role.ACTUATOR, behind), roster=Manifest(version=now - 1000, count=2, shards=("a" * 64,)))

    assert _bad(seen) == []
    assert _bad(replace(seen, now=AT + timedelta(seconds=60)))


@pytest.mark.parametrize(("role", "does"), [(Role.ACTUATOR, "opens the door"), (Role.CONSOLE, "names anybody")])
def test_whoever_takes_what_nobody_has_signed_is_told_with_what_that_allows(role: Role, does: str) -> None:
    (bad,) = _bad(_without(role, Heard(_health(role, figures={"takes_unsigned": 1.0}), AT, live=True)))

    assert (bad.level, bad.what) == (Severity.WARN, f"{role}/one")
    assert bad.state.endswith(f"that nobody has signed: a password of the role recognizer {does}")


def test_a_door_whose_actuator_is_gone_is_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Heard(_health(Role.ACTUATOR, state=Presence.OFFLINE), AT, live=False)

    assert report(_without(Role.ACTUATOR, gone)) == ExitStatus.REFUSED
    told = capsys.readouterr().out
    assert "fail actuator: offline; it came or went at 2026-06-01 12:00:00 UTC" in told
    assert "fail door front: no actuator drives it; it was LOCKED at last" in told


def test_a_console_is_judged_where_there_is_one_and_is_not_missed_elsewhere() -> None:
    seen = replace(SOUND, services=(*SOUND.services, Heard(_health(Role.CONSOLE), AT, live=True)))
    gone = Heard(_health(Role.CONSOLE, state=Presence.OFFLINE), AT, live=False)

    assert "console/one" in {one.what for one in findings(seen)}
    assert [(one.level, one.what) for one in _bad(replace(SOUND, services=(*SOUND.services, gone)))] == [
        (Severity.WARN, "console")
    ]
    assert not any("console" in one.what for one in findings(SOUND))


def test_a_certificate_that_lasts_is_told_without_a_warning() -> None:
    found = list(findings(replace(SOUND, certificate_until=AT + RENEW + timedelta(days=1))))

    assert found[0] == Finding(Severity.OK, "certificate", "valid until 2026-07-02, 31 days")


def test_a_replica_that_has_gone_is_a_warning_while_another_works() -> None:
    gone = Heard(_health(Role.RECOGNIZER, state=Presence.OFFLINE, instance="two"), AT, live=False)

    (bad,) = _bad(replace(SOUND, services=(*SOUND.services, gone)))

    assert (bad.level, bad.what) == (Severity.WARN, "recognizer/two")


def _publish(bus: MemoryBus, role: Role) -> None:
    ids = {"service": role.value, "instance": "one"}
    bus.publish(Outbound(channels.HEALTH, _health(role, at=datetime.now(UTC)), ids).packet(TOPICS))


async def test_it_listens_until_all_have_spoken_and_no_longer() -> None:
    bus = MemoryBus()
    manifest, shards = pack([RosterEntry(person="alice")], 3)
    bus.publish(Outbound(channels.ROSTER_MANIFEST, manifest).packet(TOPICS))
    bus.publish(Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"}).packet(TOPICS))
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": "front"}).packet(TOPICS))
    for role in SERVICES:
        _publish(bus, role)

    async with asyncio.timeout(20), connect(bus) as client:
        observing = asyncio.create_task(observe(client, 3600))
        await asyncio.sleep(0.05)  # let it subscribe, so that the retained words are its first
        for role in SERVICES:
            _publish(bus, role)
        seen = await observing

    assert [one.health.service for one in seen.services] == sorted(SERVICES)
    assert all(one.live for one in seen.services)
    assert (seen.roster, seen.roster_missing, dict(seen.doors)) == (manifest, 0, {"front": LockState.LOCKED})
    assert _bad(seen) == []


async def test_after_a_start_it_waits_for_what_still_comes_together() -> None:
    bus, centre = MemoryBus(), frozenset({Role.ENROLLER})

    def says(problem: str | None) -> None:
        ids = {"service": "enroller", "instance": "one"}
        health = _health(Role.ENROLLER, at=datetime.now(UTC), problem=problem)
        bus.publish(Outbound(channels.HEALTH, health, ids).packet(TOPICS))

    manifest, shards = pack([RosterEntry(person="alice")], 3)
    bus.publish(Outbound(channels.ROSTER_MANIFEST, manifest).packet(TOPICS))
    bus.publish(Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"}).packet(TOPICS))
    async with asyncio.timeout(20), connect(bus) as client:
        observing = asyncio.create_task(observe(client, 3600, centre, wait=True))
        await asyncio.sleep(0.05)  # let it subscribe
        says("the database is locked")
        says("the database is locked")
        await asyncio.sleep(1.0)  # longer than it listens on where all have spoken
        assert not observing.done()
        says(None)
        seen = await observing

    assert _bad(seen) == []


def test_an_input_of_which_nothing_is_heard_is_a_warning_once_it_has_had_time_to_speak() -> None:
    def after(seconds: float, **figures: float) -> list[Finding]:
        health = _health(Role.ACTUATOR, started_at=AT - timedelta(seconds=seconds), figures=figures)
        return _bad(_without(Role.ACTUATOR, Heard(health, AT, live=True)))

    (told,) = after(90, contact_unheard=1, tamper_unheard=0)

    assert (told.level, told.what) == (Severity.WARN, "actuator/one")
    assert "contact has said nothing" in told.state
    assert "DOORBUS_ACTUATOR__INPUTS__CONTACT__TOPIC" in told.way_out
    assert after(5, contact_unheard=1) == []


def test_a_button_that_nobody_has_pressed_is_told_of_and_is_no_warning() -> None:
    figures = {"exit_unheard": 1.0, "doorbell_unheard": 0.0}
    health = _health(Role.ACTUATOR, started_at=AT - timedelta(hours=9), figures=figures)

    seen = _without(Role.ACTUATOR, Heard(health, AT, live=True))

    assert _bad(seen) == []
    (told,) = [one.state for one in findings(seen) if "nothing heard" in one.state]
    assert told.startswith("exit button: nothing heard since the start")


@pytest.mark.parametrize(
    ("ago", "level", "state"),
    [
        (timedelta(minutes=5), Severity.WARN, "refused 3 frame.retained, the last at 2026-06-01 11:55:00 UTC"),
        (timedelta(days=2), Severity.OK, "refused 3 frame.retained, the last at 2026-05-30 12:00:00 UTC"),
    ],
)
def test_a_refusal_is_told_with_its_time_and_is_a_warning_while_it_is_news(
    ago: timedelta, level: Severity, state: str
) -> None:
    health = _health(Role.CAPTURE, refused={"frame.retained": 3}, last_refused={"frame.retained": AT - ago})

    told = [one for one in findings(_without(Role.CAPTURE, Heard(health, AT, live=True))) if "refused" in one.state]

    assert [(one.level, one.state) for one in told] == [(level, state)]
    assert ("mosquitto_pub -r -n -t doorbus/v1/door/DOOR/frame/CAMERA," in told[0].way_out) is (level is Severity.WARN)


@pytest.mark.parametrize(
    ("role", "refused", "told", "untold"),
    [
        (Role.ACTUATOR, "credential.overloaded", "doorbus/v1/door/front/credential/READER", "recognizer"),
        (Role.ACTUATOR, "recognition.overloaded", "doorbus/v1/door/front/recognition/CAMERA", "RECOGNIZER__CAMERAS"),
        (Role.RECOGNIZER, "frame.overloaded", "DOORBUS_RECOGNIZER__CAMERAS", "revoke"),
        (Role.ACTUATOR, "credential.too_large", "credential/READER has 1024 bytes at the most", "picture"),
        (Role.RECOGNIZER, "frame.too_large", "make the pictures smaller", "at the most"),
        (Role.ACTUATOR, "lock_command.unknown_word", "UNLOCK, LOCK, OPEN, or JSON", "ON, OFF"),
        (Role.ACTUATOR, "lockdown_of_all.unknown_word", "doorbus/v1/lockdown/set takes one of", "UNLOCK"),
        (
            Role.ACTUATOR,
            "input_command.unknown_word",
            "door/front/input/INPUT/set takes one of the exact words ON, OFF",
            "JSON",
        ),
        (Role.ENROLLER, "lock_state.unknown_word", "LOCKED, UNLOCKING", "JSON"),
        (Role.CAPTURE, "homeassistant_status.unknown_word", "homeassistant/status takes", "doorbus/v1"),
        (Role.ACTUATOR, "contact_topic.unknown_word", "DOORBUS_ACTUATOR__INPUTS__CONTACT__ON", "UNLOCK"),
        (Role.ACTUATOR, "contact_tamper_topic.wrong_shape", "DOORBUS_ACTUATOR__INPUTS__TAMPER__FIELD", "doorbus/v1"),
        (Role.ACTUATOR, "exit_topic.retained", "DOORBUS_ACTUATOR__INPUTS__EXIT__TOPIC", "doorbus/v1"),
        (Role.CAPTURE, "bridge.retained", "its topic", "doorbus/v1"),
    ],
)
def test_the_way_out_of_a_refusal_is_that_of_the_channel(role: Role, refused: str, told: str, untold: str) -> None:
    figures = {"gallery_version": 7.0} if role is Role.RECOGNIZER else {}
    health = _health(role, refused={refused: 3}, figures=figures, door="front" if role is Role.ACTUATOR else None)

    (warned,) = [one for one in findings(_without(role, Heard(health, AT, live=True))) if "refused" in one.state]

    assert told in warned.way_out
    assert untold not in warned.way_out


async def test_it_names_who_has_rights_that_cannot_hold() -> None:
    bus = MemoryBus()
    people = [
        RosterEntry(person="alice", doors=("frotn",)),
        RosterEntry(person="bob", hours="whenever"),
        RosterEntry(person="carol", doors=("front",), hours="Mo-Fr 07:00-19:00"),
    ]
    manifest, shards = pack(people, 3)
    bus.publish(Outbound(channels.LOCK_STATE, LockState.LOCKED, {"door": "front"}).packet(TOPICS))
    bus.publish(Outbound(channels.ROSTER_MANIFEST, manifest).packet(TOPICS))
    for number, shard in enumerate(shards):
        bus.publish(Outbound(channels.ROSTER_SHARD, shard, {"shard": str(number)}).packet(TOPICS))

    async with connect(bus) as client:
        seen = await observe(client, 0.1)

    named = {finding.what: finding for finding in findings(seen) if finding.what.startswith("person ")}
    assert list(named) == ["person alice", "person bob"]
    assert named["person alice"].state == "there is no door frotn; the doors are front"
    assert "'whenever' is not opening hours at character 1" in named["person bob"].state
    assert all("doorbus update" in finding.way_out for finding in named.values())


async def test_a_retained_health_alone_does_not_count_as_alive() -> None:
    bus = MemoryBus()
    for role in SERVICES:
        _publish(bus, role)

    async with connect(bus) as client:
        seen = await observe(client, 0.3)

    assert len(seen.services) == len(SERVICES)
    assert not any(one.live for one in seen.services)
