"""The actuator on the bus in memory: what arrives, what the relay does, and what is said about it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from doorbus.runtime.floor import Floor
from doorbus.testing import FakeClock
from doorbus.wire import channels
from doorbus.wire.codec import Refusal
from doorbus.wire.exchange import Outbound
from doorbus.wire.journal import text_of, verified
from doorbus.wire.messages import (
    Ask,
    Challenge,
    Decision,
    JournalEntry,
    JournalKind,
    JournalPage,
    Lockdown,
    LockState,
    Outcome,
    Reason,
    RosterEntry,
    Trigger,
    utc,
)
from doorbus.wire.packet import Packet
from doorbus.wire.signatures import sign
from doorbus.wire.snapshot import pack, repack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_actuator.fakes import FakeJournal
from doorbus_actuator.policy import LivenessMode
from doorbus_actuator.settings import Actuator, Unjournaled
from support import signing
from support.house import ALICE, ROOT, SEEN, SET, STRANGER, House, match

STATES = [LockState.UNLOCKED, LockState.LOCKED]


async def test_a_recognition_that_tells_of_no_quality_is_not_judged_by_it() -> None:
    face = {"box": [0, 0, 99, 99], "verdict": "match", "person": "alice", "confidence": 0.95, "live": 0.99}
    async with House().runs(ALICE) as house:
        for frame_id in ("one", "two"):
            now = utc(house.clock.now())
            whole = {"frame_id": frame_id, "captured_at": now, "recognized_at": now, "recognizer": "own", "model": "m"}
            raw = Packet(SEEN, json.dumps(whole | {"faces": [face]}).encode(), qos=1)
            house.bus.publish(sign(channels.RECOGNITION, raw, signing.RECOGNIZER))
        await house.settled()
        assert house.unlocked()


async def test_a_flood_of_what_is_no_command_pushes_no_recognition_out() -> None:
    async with House().runs(ALICE) as house:
        first = await house.sees(match())
        second = first.model_copy(update={"frame_id": "second", "captured_at": house.clock.now()})
        house.bus.publish(signing.packet(Outbound(channels.RECOGNITION, second, {"door": "front", "camera": "porch"})))
        for number in range(3000):
            house.bus.publish(Packet(SET, (b"UNLOCK!", b'{"action": "PARTY"}')[number % 2], qos=1))
        await house.settled()

        assert house.unlocked()
        refused = (await house.health()).refused
        assert refused["lock_command.unknown_word"] == 1500
        assert refused["lock_command.wrong_shape"] == 1500


async def test_a_face_too_poor_to_be_enrolled_opens_nothing() -> None:
    far, dim = match(size=22.0, quality=0.14), match(size=80.0, sharpness=10.0)
    for face, reason in ((far, Reason.TOO_SMALL), (dim, Reason.BLURRED), (match(quality=0.1), Reason.LOW_QUALITY)):
        async with House().runs(ALICE) as house:
            for _ in range(3):
                await house.sees(face)
            assert not house.unlocked()
            assert {one.reason for one in house.decisions} == {reason}


async def test_recognitions_that_no_recognizer_of_the_site_has_signed_for_this_camera_open_nothing() -> None:
    async with House().runs(ALICE) as house:
        recognition = await house.sees(match())
        forged = Outbound(channels.RECOGNITION, recognition, {"door": "front", "camera": "porch"})
        signed = next(one for one in reversed(house.bus.log) if one.topic == SEEN)
        moved = replace(signed, topic=SEEN.replace("porch", "yard"))
        for number in range(3):
            fresh = replace(forged, message=recognition.model_copy(update={"frame_id": f"forged{number}"}))
            house.bus.publish(fresh.packet(TOPICS))
            house.bus.publish(signing.packet(fresh, signing.STRANGER))
            house.bus.publish(signing.packet(fresh, signing.ENROLLER))
            house.bus.publish(moved)
        await house.settled()
        assert not house.unlocked()
        assert (await house.health()).refused == {"recognition.unsigned": 12}


async def test_a_signed_recognition_that_is_sent_again_is_no_second_vote() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(match())
        signed = next(one for one in reversed(house.bus.log) if one.topic == SEEN)
        for _ in range(3):
            house.bus.publish(signed)
        await house.settled()
        assert not house.unlocked()
        assert Reason.REPLAYED in {one.reason for one in house.decisions}


async def test_a_roster_that_the_enroller_has_not_signed_changes_no_rights() -> None:
    mallory = RosterEntry(person="mallory")
    async with House().runs(ALICE) as house:
        manifest, shards = pack([mallory], 9)
        house.bus.publish(Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"}).packet(TOPICS))
        forged = Outbound(channels.ROSTER_MANIFEST, manifest)
        for packet in (forged.packet(TOPICS), signing.packet(forged, signing.RECOGNIZER)):
            house.bus.publish(packet)
        await house.sees(match("mallory"))
        await house.sees(match("mallory"))
        assert not house.unlocked()
        assert house.decisions[-1].reason is Reason.NOT_ON_ROSTER
        health = await house.health()
        assert health.refused == {"roster_manifest.unsigned": 2}
        assert health.figures["roster_version"] == 1


async def test_a_recognizer_that_cannot_sign_is_believed_where_that_is_set_and_health_says_so() -> None:
    house = House(Actuator(unsigned_recognitions=True), unasked=(channels.RECOGNITION,))
    async with house.runs(ALICE):
        for number in range(2):
            recognition = await house.sees(STRANGER)
            own = recognition.model_copy(update={"faces": (match(),), "frame_id": f"own{number}"})
            house.bus.publish(Outbound(channels.RECOGNITION, own, {"door": "front", "camera": "porch"}).packet(TOPICS))
            await house.settled()
        manifest, _ = pack([RosterEntry(person="mallory")], 9)
        house.bus.publish(Outbound(channels.ROSTER_MANIFEST, manifest).packet(TOPICS))
        health = await house.health()
        assert health.refused == {"roster_manifest.unsigned": 1}
        assert health.figures["takes_unsigned"] == 1


async def test_a_resident_is_let_in_and_the_door_locks_after_the_pulse() -> None:
    async with House().runs(ALICE) as house:
        first = await house.sees(match())
        assert not house.unlocked()
        second = await house.sees(match(), age=0.25)
        assert house.unlocked()
        await house.passes(2.9)
        assert house.unlocked()
        await house.passes(0.1)
        assert not house.unlocked()
        assert house.states == [LockState.LOCKED, *STATES]
        (decision,) = house.decisions
        assert decision == Decision(
            outcome=Outcome.GRANTED,
            reason=Reason.MATCHED,
            trigger=Trigger.FACE,
            at=second.recognized_at,
            person="alice",
            confidence=0.95,
            camera="porch",
            frame_ids=(second.frame_id, first.frame_id),
            latency_ms=250.0,
            seconds=3.0,
        )


async def test_the_relay_moves_before_anything_is_said() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        await house.passes(3)
        said = [
            (topic.rsplit("/", 1)[1], energised)
            for topic, energised in house.bus.energised_at
            if "/lock/state" in topic or "/decision" in topic
        ]
        assert said == [
            ("state", False),
            ("state", True),
            ("decision", True),
            ("state", False),
        ]


@pytest.mark.parametrize("payload", ["UNLOCK", "OPEN", '{"action": "UNLOCK"}', '{"action": "OPEN", "by": "reception"}'])
async def test_a_command_opens_by_hand_and_once_in_the_cooldown(payload: str) -> None:
    async with House().runs() as house:
        await house.told(payload)
        assert house.unlocked()
        await house.passes(5.9)
        await house.told(payload)
        assert [one.reason for one in house.decisions] == [Reason.COMMANDED, Reason.COOLDOWN]
        assert house.decisions[0].latency_ms == 0.0
        await house.passes(0.2)
        await house.told(payload)
        assert house.relay.history == [False, True, False, True]


async def test_locking_locks_at_once() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        await house.passes(1)
        await house.told("LOCK")
        assert not house.unlocked()
        assert house.states == [LockState.LOCKED, *STATES]
        await house.passes(10)
        assert house.states == [LockState.LOCKED, *STATES]


async def test_locking_a_locked_door_says_that_it_is() -> None:
    async with House().runs() as house:
        await house.told("LOCK")
        assert house.states == [LockState.LOCKED, LockState.LOCKED]
        assert house.decisions == []


async def test_no_command_holds_the_door_longer_than_the_maximum() -> None:
    async with House(Actuator(max_hold_seconds=10.0)).runs() as house:
        await house.told('{"action": "UNLOCK", "seconds": 3600}')
        await house.passes(9.9)
        assert house.unlocked()
        await house.passes(0.1)
        assert not house.unlocked()


async def test_the_relay_is_safe_before_the_network_is_touched_and_after_the_end() -> None:
    house = House()
    async with house.runs():
        assert house.bus.history_at_connect == [False]
        await house.told("UNLOCK")
        assert house.unlocked()
    assert not house.unlocked()
    assert house.relay.closed
    assert house.states == [LockState.LOCKED, *STATES]


async def test_the_door_locks_on_time_while_the_broker_is_away() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        house.bus.stop()
        await house.passes(3)
        assert not house.unlocked()


async def test_the_relay_drops_on_time_whatever_else_is_being_done() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        house.roster(*(RosterEntry(person=f"p{number}") for number in range(2000)))
        house.clock.advance(3)
        assert not house.unlocked()
        await house.until(lambda: house.states[-1] is LockState.LOCKED)


async def test_after_the_broker_was_away_the_state_is_told_and_nothing_opens() -> None:
    async with House().runs(ALICE) as house:
        await house.told("UNLOCK")
        house.bus.stop()
        await house.passes(100)
        house.bus.start()
        await house.until(lambda: house.states[-1] is LockState.LOCKED)
        await house.settled()
        assert house.relay.history.count(True) == 1


@pytest.mark.parametrize(
    ("payload", "refusal"),
    [
        ("unlock", Refusal.UNKNOWN_WORD),
        (" UNLOCK ", Refusal.UNKNOWN_WORD),
        ("UNLOCK\n", Refusal.UNKNOWN_WORD),
        ("", Refusal.EMPTY),
        ("{", Refusal.NOT_JSON),
        ('{"action": "UNLOCK", "please": true}', Refusal.WRONG_SHAPE),
        ('{"action": "UNLOCK", "seconds": NaN}', Refusal.WRONG_SHAPE),
        ('{"action": "UNLOCK", "seconds": -1}', Refusal.WRONG_SHAPE),
        ("x" * 5000, Refusal.TOO_LARGE),
        (b"\xff\xfe", Refusal.UNKNOWN_WORD),
    ],
)
async def test_nonsense_opens_nothing_and_stops_nothing(payload: str | bytes, refusal: Refusal) -> None:
    async with House().runs() as house:
        await house.told(payload)
        assert not house.unlocked()
        health = await house.health()
        assert health.refused == {f"lock_command.{refusal}": 1}
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_a_retained_unlock_opens_nothing_at_any_start() -> None:
    house = House()
    house.bus.publish(Packet(SET, b"UNLOCK", qos=1, retain=True))
    async with house.runs():
        assert not house.unlocked()
        await house.told("UNLOCK", retain=True)
        assert not house.unlocked()
        assert (await house.health()).refused == {"lock_command.retained": 1}


async def test_an_old_command_opens_nothing() -> None:
    async with House().runs() as house:
        await house.told('{"action": "UNLOCK", "issued_at": "2026-06-01T11:59:54Z"}')
        await house.told('{"action": "UNLOCK", "issued_at": "2026-06-01T12:00:01Z"}')
        assert [one.reason for one in house.decisions] == [Reason.STALE, Reason.FROM_THE_FUTURE]
        assert not house.unlocked()


async def test_with_a_secret_a_command_needs_the_code_of_the_moment() -> None:
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    async with House(Actuator(totp_secret=secret)).runs() as house:
        code = pyotp.TOTP(secret).at(house.clock.now())
        await house.told("UNLOCK")
        await house.told('{"action": "UNLOCK", "code": "000000"}')
        assert not house.unlocked()
        await house.told(f'{{"action": "UNLOCK", "code": "{code}"}}')
        assert house.unlocked()
        assert [one.reason for one in house.decisions] == [Reason.CODE_MISSING, Reason.CODE_WRONG, Reason.COMMANDED]
        assert all(code.encode() not in packet.payload for packet in house.bus.log if packet.topic != SET)


async def test_what_another_doors_cameras_see_opens_nothing() -> None:
    async with House().runs(ALICE) as house:
        for _ in range(3):
            await house.sees(match(), door="back")
        assert not house.unlocked()
        assert house.decisions == []


@pytest.mark.parametrize("claim", [{"camera": "garage"}, {"door": "back"}])
async def test_a_recognition_that_contradicts_its_topic_is_refused(claim: dict[str, str]) -> None:
    async with House().runs(ALICE) as house:
        for _ in range(3):
            await house.sees(match(), claims=claim)
        assert not house.unlocked()
        assert (await house.health()).refused == {"recognition.wrong_topic": 3}


async def test_only_the_cameras_that_are_listed_count() -> None:
    async with House(Actuator(cameras="porch")).runs(ALICE) as house:
        for _ in range(3):
            await house.sees(match(), camera="garage")
        assert not house.unlocked()
        assert (await house.health()).refused == {"recognition.wrong_topic": 3}
        await house.sees(match())
        await house.sees(match())
        assert house.unlocked()


async def test_strangers_and_stale_frames_are_denied_with_a_reason() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(STRANGER)
        await house.sees(match(), age=3)
        again = await house.sees(match())
        await house.sees(match(), frame_id=again.frame_id)
        assert [(one.reason, one.person) for one in house.decisions] == [
            (Reason.UNKNOWN_FACE, None),
            (Reason.STALE, "alice"),
            (Reason.REPLAYED, "alice"),
        ]
        assert not house.unlocked()
        figures = (await house.health()).figures
        assert figures["denied"] == 4
        assert figures["denied.unknown_face"] == 1
        assert figures["denied.awaiting_votes"] == 1


@pytest.mark.parametrize(
    ("age", "problem"), [(3600, "are more than 50 minutes old"), (-3, "come from more than 0.5 s in the future")]
)
async def test_clocks_that_disagree_are_told_as_a_problem_and_open_nothing(age: float, problem: str) -> None:
    async with House().runs(ALICE) as house:
        for _ in range(3):
            await house.sees(match(), age=age)
        assert f"recognitions {problem}" in (house.service.problem() or "")
        assert not house.unlocked()
        assert await _reason(house) is Reason.MATCHED
        assert house.service.problem() is None


async def test_equal_denials_are_counted_and_told_without_another_frame() -> None:
    async with House().runs(ALICE) as house:
        for _ in range(5):
            await house.sees(STRANGER)
        assert [one.count for one in house.decisions] == [1]
        await house.passes(1)
        assert [one.count for one in house.decisions] == [1, 4]


async def test_people_come_and_go_without_a_restart() -> None:
    async with House().runs() as house:
        assert await _reason(house) is Reason.ROSTER_INCOMPLETE
        house.roster(ALICE, version=2)
        await house.passes(20)
        assert await _reason(house) is Reason.MATCHED
        house.roster(RosterEntry(person="bob"), version=3)
        await house.passes(20)
        assert await _reason(house) is Reason.NOT_ON_ROSTER
        figures = (await house.health()).figures
        assert (figures["roster_people"], figures["roster_version"]) == (1, 3)


async def test_who_was_removed_or_disabled_does_not_come_back_with_an_older_roster() -> None:
    async with House().runs() as house:
        house.roster(ALICE, RosterEntry(person="bob"), version=2)
        house.roster(RosterEntry(person="alice", enabled=False), version=3)
        await house.settled()
        house.roster(ALICE, RosterEntry(person="bob"), version=2)  # what a broker had kept that was killed
        await house.passes(20)
        assert await _reason(house) is Reason.DISABLED
        await house.sees(match("bob"))
        await house.sees(match("bob"))
        assert house.decisions[-1].reason is Reason.NOT_ON_ROSTER
        health = await house.health()
        assert health.refused == {"roster_manifest.outdated": 1}
        assert health.figures["roster_version"] == 3
        house.roster(ALICE, version=4)
        await house.passes(20)
        assert await _reason(house) is Reason.MATCHED


async def test_one_changed_shard_and_its_manifest_are_enough_for_a_new_roster() -> None:
    crowd = [RosterEntry(person=f"p{number}", name="n" * 100) for number in range(2000)]
    before = pack([ALICE, *crowd], 1)
    after = repack(before, {"alice": RosterEntry(person="alice", enabled=False)}, 2)
    async with House().runs() as house:
        house.roster(ALICE, *crowd)
        await house.passes(20)
        assert await _reason(house) is Reason.MATCHED
        (changed,) = [index for index, shard in enumerate(after.shards) if shard != before.shards[index]]
        house.bus.publish(
            Outbound(channels.ROSTER_SHARD, after.shards[changed], {"shard": str(changed)}).packet(TOPICS)
        )
        house.bus.publish(signing.packet(Outbound(channels.ROSTER_MANIFEST, after.manifest)))
        await house.passes(20)
        assert await _reason(house) is Reason.DISABLED


async def _reason(house: House) -> Reason:
    await house.sees(match())
    await house.sees(match())
    return house.decisions[-1].reason


async def test_rosters_that_come_faster_than_they_are_read_leave_the_newest_in_force() -> None:
    async with House().runs() as house:
        house.bus.publish(signing.packet(Outbound(channels.ROSTER_MANIFEST, pack((), 1)[0])))
        await house.settled()  # it waits for what the first one names, and hears what the second one brings
        for version in range(2, 6):
            house.roster(ALICE.model_copy(update={"enabled": version == 5}), version=version)
            if version % 2:
                await house.settled()

        await house.sees(match())
        await house.sees(match())

        assert house.unlocked()


async def test_a_group_that_must_come_in_first_and_has_nobody_is_told() -> None:
    async with House(Actuator(first_in="staff")).runs(ALICE) as house:
        assert "nobody is in the group staff" in ((await house.health()).problem or "")
        house.roster(ALICE.model_copy(update={"group": "staff"}), version=2)
        await house.settled()
        assert (await house.health()).problem is None


async def test_a_roster_that_is_not_whole_is_not_used() -> None:
    async with House().runs() as house:
        manifest, shards = pack([ALICE], 1)
        house.bus.publish(signing.packet(Outbound(channels.ROSTER_MANIFEST, manifest)))
        house.bus.publish(Outbound(channels.ROSTER_SHARD, shards[0] + b"!", {"shard": "0"}).packet(TOPICS))
        assert await _reason(house) is Reason.ROSTER_INCOMPLETE
        assert (await house.health()).problem == (
            "no whole roster yet; faces cannot open the door; does the enroller run?"
        )


async def test_shards_that_no_manifest_names_are_not_even_listened_to() -> None:
    async with House().runs(ALICE) as house:
        for shard in ("0", "1", "63", "64", "zero"):
            house.bus.publish(Outbound(channels.ROSTER_SHARD, b"x" * 1000, {"shard": shard}).packet(TOPICS))
        await house.settled()
        assert not {topic for topic in house.bus.topics() if "roster/shard" in topic}
        assert (await house.health()).refused == {}
        assert await _reason(house) is Reason.MATCHED


async def test_an_older_roster_is_refused_also_by_an_actuator_that_starts_anew(tmp_path: Path) -> None:
    async with House(floor=_floor(tmp_path)).runs() as house:
        house.roster(RosterEntry(person="alice", enabled=False), version=3)
        await house.settled()
    after = House(floor=_floor(tmp_path))
    async with after.runs():
        after.roster(ALICE, version=2)  # recorded, and published again while the enroller is away
        assert await _reason(after) is Reason.ROSTER_INCOMPLETE
        health = await after.health()
        assert health.refused == {"roster_manifest.outdated": 1}
        assert health.figures["roster_floor"] == 3
        after.roster(RosterEntry(person="alice", enabled=False), version=3)  # a broker that kept what is right
        await after.passes(20)
        assert await _reason(after) is Reason.DISABLED


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b'{"test": -3}', b'{"test": "3"}', b'{"test": 2', b"[]"])
async def test_a_damaged_floor_lets_no_older_roster_in_and_ends_with_the_next_one(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "roster.json").write_bytes(damage)
    house = House(floor=_floor(tmp_path))
    async with house.runs():
        now = int(house.clock.now().timestamp() * 1000)
        house.roster(ALICE, version=now - 1)
        assert await _reason(house) is Reason.ROSTER_INCOMPLETE
        health = await house.health()
        assert "roster.json: damaged; maps are refused until the enroller has published anew" in (health.problem or "")
        assert (health.figures["roster_floor"], health.figures["floor_failures"]) == (now, 1)
        house.roster(ALICE, version=now + 1)  # the enroller heard of it
        await house.passes(20)
        assert await _reason(house) is Reason.MATCHED
        assert house.service.problem() is None
    assert _floor(tmp_path).version == now + 1


async def test_a_floor_that_cannot_be_kept_is_told_and_holds_until_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "floors").write_text("a file where a folder should be")
    house = House(floor=_floor(tmp_path / "floors"))
    async with house.runs():
        house.roster(ALICE, version=3)
        await house.until(lambda: "older map would be taken" in (house.service.problem() or ""))
        assert await _reason(house) is Reason.MATCHED
        house.roster(RosterEntry(person="bob"), version=2)
        await house.passes(20)
        assert await _reason(house) is Reason.MATCHED


def _floor(folder: Path) -> Floor:
    return Floor(folder, "roster", "test", FakeClock())


async def test_a_persons_hours_are_kept_and_hours_that_cannot_be_read_are_closed() -> None:
    people = [
        RosterEntry(person="alice", hours="Mo-Su 13:00-14:00"),
        RosterEntry(person="bob", hours="Mo-Su 11:00-13:00"),
        RosterEntry(person="carol", hours="whenever"),
    ]
    async with House(Actuator(time_zone="UTC")).runs(*people) as house:
        for name in ("alice", "carol"):
            await house.sees(match(name))
        assert [one.reason for one in house.decisions] == [Reason.OUTSIDE_HOURS] * 2
        await house.sees(match("bob"))
        await house.sees(match("bob"))
        assert house.decisions[-1].person == "bob"
        assert house.unlocked()
        problem = (await house.health()).problem or ""
        assert "the hours of carol cannot be read" in problem
        assert "'whenever' is not opening hours at character 1" in problem


async def test_a_relay_that_fails_jams_the_door_and_is_tried_again() -> None:
    async with House().runs(ALICE) as house:
        house.relay.broken = True
        await house.told("UNLOCK")
        (decision,) = house.decisions
        assert (decision.outcome, decision.reason) == (Outcome.DENIED, Reason.RELAY_FAILED)
        assert house.states == [LockState.LOCKED, LockState.JAMMED]
        assert (await house.health()).problem == "relay: the coil is burnt"
        house.relay.broken = False
        await house.passes(1)
        assert house.states[-1] is LockState.LOCKED
        await house.passes(10)
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_a_relay_that_fails_to_let_go_is_told_again_until_it_does() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        house.relay.broken = True
        await house.passes(3)
        assert house.states[-1] is LockState.JAMMED
        await house.passes(1)
        assert house.unlocked()
        house.relay.broken = False
        await house.passes(1)
        assert not house.unlocked()
        assert house.states[-1:] == [LockState.LOCKED]


async def test_a_relay_that_is_broken_from_the_start_is_told_of_and_works_once_it_can() -> None:
    house = House()
    house.relay.broken = True
    async with house.runs():
        assert house.states == [LockState.JAMMED]
        await house.told("UNLOCK")
        assert house.decisions[0].reason is Reason.RELAY_FAILED
        house.relay.broken = False
        await house.passes(1)
        assert house.states[-1] is LockState.LOCKED
        await house.passes(10)
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_a_relay_that_does_not_pull_in_is_told_of_and_counts_as_locked_once_it_was_let_go() -> None:
    async with House().runs() as house:
        house.relay.worn_out = True
        await house.told("UNLOCK")
        assert house.decisions[0].reason is Reason.RELAY_FAILED
        assert house.states == [LockState.LOCKED, LockState.JAMMED, LockState.LOCKED]
        assert not house.unlocked()
        assert house.service.problem() != "relay: the coil is worn out"


async def test_while_the_guardian_of_the_relay_is_dead_the_door_is_jammed_and_another_one_locks_it() -> None:
    async with House().runs() as house:
        await house.told("UNLOCK")
        house.guardian.die()
        await house.settled()
        assert house.states[-2:] == [LockState.UNLOCKED, LockState.JAMMED]
        assert house.service.problem() == "relay: the guardian is dead"
        await house.passes(10)
        await house.told("UNLOCK")
        assert house.decisions[-1].reason is Reason.RELAY_FAILED

        house.guardian.replace()
        await house.settled()
        assert not house.unlocked()
        assert house.states[-1] is LockState.LOCKED
        await house.passes(10)
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_who_was_let_in_for_a_pulse_that_a_dead_guardian_cut_short_is_let_in_again_and_so_are_others() -> None:
    bob = RosterEntry(person="bob")
    for who in ("alice", "bob"):
        async with House(Actuator(unlock_seconds=30.0, votes="1/1")).runs(ALICE, bob) as house:
            await house.sees(match("alice"))
            assert house.unlocked()
            await house.passes(1)
            house.guardian.die()
            await house.settled()
            await house.sees(match("bob"))
            assert house.decisions[-1].reason is Reason.COOLDOWN  # nobody knows yet what the relay does
            house.guardian.replace()
            await house.settled()
            assert not house.unlocked()

            await house.sees(match(who))
            assert house.unlocked()
            written = [entry.state for entry in house.journal.entries if entry.kind is JournalKind.RELAY]
            opened = [LockState.UNLOCKED, LockState.JAMMED, LockState.LOCKED, LockState.UNLOCKED]
            assert written == [LockState.LOCKED, *opened]


async def test_a_hold_of_an_hour_that_was_cut_short_does_not_come_back_with_the_next_face() -> None:
    async with House(Actuator(hold_open_seconds=3600.0, votes="1/1")).runs(ALICE) as house:
        await house.told('{"action": "UNLOCK", "seconds": 3600}')
        house.guardian.die()
        await house.settled()
        house.guardian.replace()
        await house.settled()
        await house.sees(match())
        assert house.unlocked()
        await house.passes(3)
        assert not house.unlocked()


async def test_a_pulse_that_ends_on_time_leaves_the_cooldown_as_it_is() -> None:
    async with House(Actuator(votes="1/1")).runs(ALICE, RosterEntry(person="bob")) as house:
        await house.sees(match("alice"))
        await house.passes(3)
        assert not house.unlocked()
        await house.sees(match("bob"))
        assert not house.unlocked()
        await house.passes(3)
        await house.sees(match("bob"))
        assert house.unlocked()


async def test_the_challenge_is_shown_and_withdrawn() -> None:
    async with House(Actuator(liveness=LivenessMode.CHALLENGE)).runs(ALICE) as house:
        await house.sees(match())
        await house.sees(match())
        shown = house.said(channels.CHALLENGE)
        expires_at = house.clock.now() + timedelta(seconds=8)
        assert shown == [Challenge(ask=Ask.NONE), Challenge(ask=Ask.BLINK, camera="porch", expires_at=expires_at)]
        for lids in (0.25, 0.25, 0.25, 0.19, 0.15, 0.1, 0.25):
            await house.passes(0.2)
            await house.sees(match(lids=lids, lids_apart=0.01))
        assert house.unlocked()
        assert house.said(channels.CHALLENGE)[-1] == Challenge(ask=Ask.NONE)


async def test_who_is_too_close_is_denied_with_a_reason_and_asked_to_step_back() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(match(box=(100.0, 100.0, 300.0, 300.0)), claims={"width": 640, "height": 480})
        assert house.decisions[-1].reason is Reason.TOO_CLOSE
        assert house.said(channels.CHALLENGE)[-1].ask is Ask.STEP_BACK
        await house.passes(2)
        assert house.said(channels.CHALLENGE)[-1] == Challenge(ask=Ask.NONE)


async def test_a_challenge_nobody_meets_fails_by_itself() -> None:
    async with House(Actuator(liveness=LivenessMode.CHALLENGE)).runs(ALICE) as house:
        await house.sees(match())
        await house.sees(match())
        await house.passes(8)
        assert house.said(channels.CHALLENGE)[-1] == Challenge(ask=Ask.NONE)
        assert house.decisions[-1].reason is Reason.CHALLENGE_FAILED


async def test_a_step_of_the_clock_is_a_problem_until_it_has_settled() -> None:
    async with House().runs(ALICE) as house:
        house.clock.jump(3600)
        await house.sees(match())
        assert house.decisions[-1].reason is Reason.CLOCK_IMPLAUSIBLE
        assert house.service.problem() == "the clock is implausible; faces wait until it has been stable for a while"
        await house.passes(5)
        assert house.service.problem() is None
        assert await _reason(house) is Reason.MATCHED


async def test_lockdown_is_told_as_a_problem() -> None:
    async with House(Actuator(lockdown=True)).runs(ALICE) as house:
        await house.told("UNLOCK")
        assert house.decisions[-1].reason is Reason.LOCKDOWN
        assert house.service.problem() == "lockdown: the door opens for nobody"


async def test_the_figures_say_what_was_decided_and_how_fast() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(match(), age=0.03)
        await house.sees(match(), age=0.02)
        assert house.service.figures() == {
            "granted": 1,
            "granted.matched": 1,
            "latency_ms": 20.0,
            "relay_energised": 1.0,
            "alarm": 0.0,
            "lockdown": 0.0,
            "lockdown_unkept": 0.0,
            "roster_people": 1,
            "roster_version": 1,
            "roster_floor": 1,
            "floor_failures": 0,
            "codes": 0,
            "takes_unsigned": 0.0,
            "threshold": 0.8,
            "asks_code": 0.0,
            "codes_alone": 0.0,
            "journal_newest": 4,
            "journal_unsent": 0,
        }


# The journal.

GET = f"{ROOT}/door/front/journal/get"
REPLY = f"{ROOT}/journal/reply/me"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def kinds(house: House) -> list[JournalKind]:
    return [entry.kind for entry in house.said(channels.JOURNAL)]


def whole(entries: list[JournalEntry]) -> bool:
    return all(mistake is None for _, mistake in verified((one, text_of(one)) for one in entries))


async def pages(house: House, *requests: str) -> list[JournalPage]:
    for number, request in enumerate(requests):
        asked = Packet(GET, request.encode(), qos=1, response_topic=REPLY, correlation=str(number).encode())
        house.bus.publish(asked)
    await house.settled()
    return [JournalPage.model_validate_json(one.payload) for one in house.bus.log if one.topic == REPLY]


async def test_what_happens_is_written_down_and_told_in_its_order() -> None:
    async with House().runs(ALICE) as house:
        await house.told('{"action": "UNLOCK", "by": "hall"}')
        await house.passes(3)
        await house.sees(STRANGER)
        await house.told("LOCK")
        told = house.said(channels.JOURNAL)
        assert told == house.journal.entries
        assert [entry.number for entry in told] == list(range(1, len(told) + 1))
        assert whole(told)
        assert kinds(house) == [
            JournalKind.STARTED,
            JournalKind.RELAY,
            JournalKind.COMMAND,
            JournalKind.GRANTED,
            JournalKind.RELAY,
            JournalKind.RELAY,
            JournalKind.DENIED,
            JournalKind.COMMAND,
        ]
        assert [entry.state for entry in told if entry.state] == [LockState.LOCKED, *STATES]
        assert [entry.decision.reason for entry in told if entry.decision] == [Reason.COMMANDED, Reason.UNKNOWN_FACE]
        assert told[3].seconds == 3.0


async def test_a_grant_is_written_before_the_relay_moves() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(match())
        await house.sees(match())
        assert house.unlocked()
        assert house.relay.written[-1] is JournalKind.GRANTED


async def test_a_grant_that_the_relay_does_not_carry_out_is_followed_by_that() -> None:
    async with House().runs() as house:
        house.relay.worn_out = True
        await house.told("UNLOCK")
        written = house.journal.entries[2:6]
        assert [entry.kind for entry in written] == [
            JournalKind.COMMAND,
            JournalKind.GRANTED,
            JournalKind.RELAY,
            JournalKind.DENIED,
        ]
        assert (written[2].state, written[2].why) == (LockState.JAMMED, "the coil is worn out")
        assert written[3].decision is not None
        assert written[3].decision.reason is Reason.RELAY_FAILED


async def test_no_one_time_password_is_written_or_told() -> None:
    async with House(Actuator(totp_secret=SECRET)).runs() as house:
        code = pyotp.TOTP(SECRET).at(house.clock.now())
        await house.told(f'{{"action": "UNLOCK", "code": "{code}"}}')
        assert house.unlocked()
        assert all(code.encode() not in text_of(entry) for entry in house.journal.entries)


async def test_what_happens_while_the_broker_is_away_is_told_when_it_is_back() -> None:
    async with House().runs() as house:
        house.bus.stop()
        await house.told("UNLOCK")
        house.clock.advance(3)
        house.relay.broken = True
        house.bus.start()
        await house.until(lambda: len(house.states) > 1)
        await house.settled()
        told = {entry.number for entry in house.said(channels.JOURNAL)}
        assert told == set(range(1, house.journal.newest + 1))
        assert house.service.figures()["journal_unsent"] == 0


async def test_an_actuator_that_starts_anew_goes_on_in_the_same_chain_and_tells_what_the_broker_lacks() -> None:
    journal = FakeJournal()
    async with House(journal=journal).runs() as first:
        await first.told("UNLOCK")
    heard = first.said(channels.JOURNAL)
    async with House(journal=journal).runs() as second:
        heard += second.said(channels.JOURNAL)

    assert [entry.number for entry in heard] == list(range(1, journal.newest))  # that it has stopped is told next time
    assert whole(heard)
    assert JournalKind.STOPPED in [entry.kind for entry in heard]


async def test_entries_are_asked_for_by_number() -> None:
    async with House().runs() as house:
        await house.told("LOCK")
        newest = house.journal.newest
        every, middle, beyond = await pages(house, '{"first": 1}', '{"first": 2, "last": 2}', '{"first": 99}')
        assert list(every.entries) == house.journal.entries
        assert list(middle.entries) == house.journal.entries[1:2]
        assert (beyond.entries, beyond.newest) == ((), newest)


async def test_as_many_entries_as_fit_are_answered_and_the_rest_is_asked_for() -> None:
    async with House().runs() as house:
        for _ in range(600):
            house.bus.publish(Packet(SET, b'{"action": "LOCK", "by": "%s"}' % (b"x" * 120), qos=1))
        await house.settled()
        got: list[JournalEntry] = []
        for _ in range(20):
            (page,) = (await pages(house, json.dumps({"first": len(got) + 1})))[-1:]
            got += page.entries
            if len(got) == page.newest:
                break
        assert got == house.journal.entries
        assert all(len(one.payload) <= channels.JOURNAL_REPLY.max_bytes for one in house.bus.log if one.topic == REPLY)


@pytest.mark.parametrize("request_", ['{"first": 0}', '{"last": -1}', '{"from": 1}', "", "[]"])
async def test_a_request_that_makes_no_sense_is_refused_and_counted(request_: str) -> None:
    async with House().runs() as house:
        assert await pages(house, request_) == []
        assert sum((await house.health()).refused.values()) == 1


async def test_an_actuator_that_starts_anew_takes_no_code_frame_command_or_picture_once_more() -> None:
    journal, digest = FakeJournal(), "0123456789abcdef" * 2
    settings = Actuator(totp_secret=SECRET, out_of_view_seconds=0)
    code = pyotp.TOTP(SECRET).at(FakeClock().now())
    command = f'{{"action": "UNLOCK", "code": "{code}", "id": "c1"}}'
    async with House(settings, journal=journal).runs(ALICE) as first:
        await first.told(command)
        assert first.unlocked()
        seen = await first.sees(match(), claims={"digest": digest})
    async with House(settings, journal=journal).runs(ALICE) as second:
        await second.told(command)
        await second.passes(1)
        await second.told(command.replace("c1", "c2"))
        await second.sees(match(), frame_id=seen.frame_id)
        await second.sees(match(), frame_id="another", claims={"digest": digest})
        assert [one.reason for one in second.decisions] == [Reason.REPLAYED] * 3 + [Reason.SAME_PICTURE]
        assert second.relay.history.count(True) == 0


async def test_a_journal_that_is_full_is_told_and_the_door_opens_all_the_same() -> None:
    async with House().runs(ALICE) as house:
        house.journal.full = True
        await house.told("UNLOCK")
        assert house.unlocked()
        assert house.service.problem() == (
            "the journal in memory cannot be written: no more is to be kept. The door opens all the same."
        )
        house.journal.full = False
        await house.journal.upkeep()
        assert house.service.problem() is None
        assert JournalKind.GRANTED in [entry.kind for entry in house.journal.entries]


async def test_where_nobody_is_to_be_let_in_unrecorded_a_full_journal_keeps_the_door_locked() -> None:
    async with House(Actuator(unjournaled=Unjournaled.DENY, out_of_view_seconds=0)).runs(ALICE) as house:
        house.journal.full = True
        await house.sees(match())
        await house.sees(match())
        await house.told("UNLOCK")
        assert [one.reason for one in house.decisions] == [Reason.JOURNAL_FAILED] * 2
        assert house.relay.history.count(True) == 0
        assert "The door opens for nobody." in str(house.service.problem())
        house.journal.full = False
        await house.journal.upkeep()
        await house.passes(6)
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_a_full_journal_keeps_nobody_from_locking() -> None:
    async with House(Actuator(unjournaled=Unjournaled.DENY)).runs() as house:
        await house.told("UNLOCK")
        house.journal.full = True
        await house.told("LOCK")
        assert not house.unlocked()


# Lockdown.

CONFINE = f"{ROOT}/door/front/lockdown/set"
CONFINE_ALL = f"{ROOT}/lockdown/set"


async def confined(house: House, word: str, topic: str = CONFINE, *, retain: bool = False) -> list[Lockdown]:
    house.bus.publish(Packet(topic, word.encode(), qos=1, retain=retain))
    await house.settled()
    return house.said(channels.LOCKDOWN_STATE)


@pytest.mark.parametrize("topic", [CONFINE, CONFINE_ALL])
async def test_a_door_in_lockdown_locks_at_once_and_opens_for_nobody_until_it_is_ended(topic: str) -> None:
    async with House(Actuator(out_of_view_seconds=0)).runs(ALICE) as house:
        await house.told("UNLOCK")
        assert await confined(house, "ON", topic) == [Lockdown.OFF, Lockdown.ON]
        assert not house.unlocked()
        assert house.service.problem() == "lockdown: the door opens for nobody"
        await house.passes(10)
        await house.told("UNLOCK")
        for _ in range(3):
            await house.sees(match())
        assert not house.unlocked()
        assert {one.reason for one in house.decisions[1:]} == {Reason.LOCKDOWN}
        assert (await confined(house, "OFF", topic))[-1] is Lockdown.OFF
        await house.told("UNLOCK")
        assert house.unlocked()


async def test_votes_from_before_a_lockdown_let_nobody_in_after_it() -> None:
    async with House().runs(ALICE) as house:
        await house.sees(match())
        await confined(house, "ON")
        await confined(house, "OFF")
        await house.sees(match())
        assert not house.unlocked()


async def test_a_lockdown_outlasts_the_actuator_and_so_does_its_end() -> None:
    journal = FakeJournal()
    async with House(journal=journal).runs(ALICE) as first:
        await confined(first, "ON")
    async with House(journal=journal).runs(ALICE) as second:
        assert second.said(channels.LOCKDOWN_STATE) == [Lockdown.ON]
        await second.told("UNLOCK")
        assert not second.unlocked()
        await confined(second, "OFF")
    async with House(journal=journal).runs(ALICE) as third:
        assert third.said(channels.LOCKDOWN_STATE) == [Lockdown.OFF]
        await third.told("UNLOCK")
        assert third.unlocked()
    assert [one.lockdown for one in journal.entries if one.lockdown] == [Lockdown.ON, Lockdown.OFF]


@pytest.mark.parametrize("topic", [CONFINE, CONFINE_ALL])
async def test_the_journal_says_who_ordered_a_lockdown_and_who_ended_it(topic: str) -> None:
    async with House().runs(ALICE) as house:
        assert (await confined(house, '{"lockdown": "ON", "by": "night\\nwatch"}', topic))[-1] is Lockdown.ON
        assert (await confined(house, '{"lockdown": "ON", "of": "me"}', topic))[-1] is Lockdown.ON
        assert (await confined(house, "OFF", topic))[-1] is Lockdown.OFF
    ordered = [(one.lockdown, one.by) for one in house.journal.entries if one.lockdown]
    assert ordered == [(Lockdown.ON, "night?watch"), (Lockdown.OFF, None)]


async def test_a_lockdown_that_is_a_setting_is_not_ended_by_a_topic() -> None:
    async with House(Actuator(lockdown=True)).runs(ALICE) as house:
        assert await confined(house, "OFF") == [Lockdown.ON, Lockdown.ON]
        await house.told("UNLOCK")
        assert not house.unlocked()


@pytest.mark.parametrize("topic", [CONFINE, CONFINE_ALL])
async def test_an_order_that_was_kept_or_makes_no_sense_neither_begins_nor_ends_a_lockdown(topic: str) -> None:
    async with House().runs(ALICE) as house:
        await confined(house, "ON", topic)
        for word in ("off", "OFF ", "", "TRUE"):
            assert (await confined(house, word, topic))[-1] is Lockdown.ON
        assert (await confined(house, "OFF", topic, retain=True))[-1] is Lockdown.ON
        assert sum((await house.health()).refused.values()) == 5


async def test_a_lockdown_begins_although_the_journal_is_full() -> None:
    async with House(Actuator(unjournaled=Unjournaled.DENY)).runs(ALICE) as house:
        await house.told("UNLOCK")
        house.journal.full = True
        assert (await confined(house, "ON"))[-1] is Lockdown.ON
        assert not house.unlocked()


async def test_a_lockdown_ordered_while_the_journal_is_full_outlasts_the_actuator_all_the_same() -> None:
    journal = FakeJournal()
    async with House(journal=journal).runs(ALICE) as first:
        journal.full = True
        await confined(first, "ON")
    async with House(journal=journal).runs(ALICE) as second:
        await second.told("UNLOCK")
        assert not second.unlocked()


async def test_a_lockdown_that_cannot_be_kept_is_told_as_a_problem() -> None:
    async with House().runs(ALICE) as house:
        house.journal.unkept = "an order about lockdown does not outlast a restart: no room"
        await confined(house, "ON")
        assert house.service.problem() == house.journal.unkept
        assert house.service.figures()["lockdown_unkept"] == 1
