"""Codes on the bus: what a keypad sends opens the door by the hashes that the roster names, and stands nowhere."""

import hashlib

import pytest

from doorbus.wire import channels
from doorbus.wire.credentials import digest, normal
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import (
    HashedCredential,
    HashedCredentials,
    JournalKind,
    Outcome,
    Reason,
    RosterEntry,
    Trigger,
)
from doorbus.wire.packet import Packet
from doorbus.wire.snapshot import pack
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus_actuator.settings import Actuator
from support import signing
from support.house import ROOT, House, match

SALT = "ab" * 16
ALICE = RosterEntry(person="alice", name="Alice", credentials=("pin", "tag"))
CAREFUL = ALICE.model_copy(update={"second_factor": True})


def payload(*codes: tuple[str, str, str]) -> bytes:
    credentials = tuple(
        HashedCredential(person=person, credential=name, salt=SALT, hash=digest(normal(code), SALT))
        for person, name, code in codes
    )
    return HashedCredentials(credentials=credentials).model_dump_json(exclude_none=True).encode()


CODES = payload(("alice", "pin", "274163"), ("alice", "tag", "04-a2-1b-32"))


async def enrolled(house: House, *people: RosterEntry, codes: bytes = CODES, version: int = 1) -> None:
    manifest, shards = pack(people, version)
    manifest = manifest.model_copy(update={"credentials": hashlib.sha256(codes).hexdigest()})
    for outbound in (
        Outbound(channels.CREDENTIALS, codes),
        Outbound(channels.ROSTER_SHARD, shards[0], {"shard": "0"}),
        Outbound(channels.ROSTER_MANIFEST, manifest),
    ):
        house.bus.publish(signing.packet(outbound))
    await house.settled()


ESP_RFID = {
    "2.0": '{"cmd":"log","type":"access","time":1605991375,"isKnown":"false","access":"Denied","username":"Unknown",'
    '"uid":"04a21b32","hostname":"esp-rfid"}',
    "1.3": '{"type":"access","time":1605991375,"isKnown":"true","access":"Disabled","username":"Bob","uid":"04a21b32",'
    '"door":"esp-rfid"}',
    "for Home Assistant": '{"uid":"04a21b32","username":"Unknown","access":"Denied","time":1605991375}',
}
"""What esp-rfid says of a tag, in its own words; its clock may be years off."""
ESP_RFID_BESIDES = {
    "heartbeat": '{"type":"heartbeat","time":1605991375,"uptime":999,"ip":"192.168.1.7","hostname":"esp-rfid"}',
    "boot": '{"type":"boot","time":1605987212,"uptime":"0","ip":"192.168.1.7","hostname":"esp-rfid"}',
    "opened by MQTT": '{"type":"access","time":1,"isKnown":"true","access":"Always","username":"MQTT","uid":" "}',
    "event": '{"type":"WARN","src":"rfid","desc":"Unknown rfid tag is scanned","data":"","time":1,"cmd":"event"}',
}


@pytest.mark.parametrize("version", ESP_RFID)
async def test_a_tag_opens_by_the_words_of_esp_rfid_whatever_that_thinks_of_it(version: str) -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)

        await types(house, ESP_RFID[version], reader="send")

        assert house.unlocked()
        assert (house.decisions[-1].credential, house.decisions[-1].reader) == ("tag", "send")


@pytest.mark.parametrize("what", ESP_RFID_BESIDES)
async def test_what_esp_rfid_says_besides_is_no_try_of_a_code(what: str) -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)

        for _ in range(20):
            await types(house, ESP_RFID_BESIDES[what], reader="send")
        assert house.decisions == []
        assert (await house.health()).refused == {"credential.wrong_shape": 20}

        await types(house, ESP_RFID["2.0"], reader="send")
        assert house.unlocked()


async def types(house: House, code: str | bytes, reader: str = "keypad", *, retain: bool = False) -> None:
    raw = code.encode() if isinstance(code, str) else code
    house.bus.publish(Packet(f"{ROOT}/door/front/credential/{reader}", raw, qos=1, retain=retain))
    await house.settled()


@pytest.mark.parametrize("code", ["274163", "274163#", "04:A2:1B:32", '{"code": "274163", "id": "1"}'])
async def test_a_pin_or_a_tag_opens_where_codes_alone_may(code: str) -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)

        await types(house, code)

        assert house.unlocked()
        granted = house.decisions[-1]
        assert (granted.reason, granted.trigger, granted.person) == (
            Reason.CODE_ACCEPTED,
            Trigger.CREDENTIAL,
            "alice",
        )
        assert granted.credential == ("tag" if "A2" in code else "pin")
        assert house.said(channels.ACTIVITY)[-1].text == "Alice let in"


async def test_a_code_opens_nothing_alone_by_default() -> None:
    async with House().runs() as house:
        await enrolled(house, ALICE)

        await types(house, "274163")

        assert not house.unlocked()
        assert house.decisions[-1].reason is Reason.FACE_NEEDED


async def test_a_face_that_needs_a_code_waits_for_it_and_then_opens() -> None:
    async with House().runs() as house:
        await enrolled(house, CAREFUL)
        await house.sees(match())
        await house.sees(match())
        assert not house.unlocked()
        assert house.decisions[-1].reason is Reason.CODE_NEEDED

        await types(house, "274163")

        assert house.unlocked()
        assert (house.decisions[-1].camera, house.decisions[-1].credential) == ("porch", "pin")


async def test_wrong_codes_make_the_reader_pause_and_faces_go_on() -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)
        for number in range(3):
            await types(house, f"99375{number}")
            await house.passes(1.1)
        await types(house, "274163")
        assert not house.unlocked()
        assert house.decisions[-1].reason is Reason.TOO_MANY_TRIES

        await house.sees(match())
        await house.sees(match())

        assert house.unlocked()


async def test_a_code_is_neither_in_decisions_nor_journal_nor_log(capsys: pytest.CaptureFixture[str]) -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)
        await types(house, "274163")
        await house.passes(1.1)
        await types(house, "993755")
        await types(house, '{"code": "274163", "who": "me"}')

        topic = TOPICS.topic(channels.CREDENTIAL, door="front", reader="keypad")
        others = [packet.payload for packet in house.bus.log if packet.topic != topic]
        journal = repr(house.journal.entries)
        logged = capsys.readouterr()
        for code in ("274163", "993755"):
            assert not any(code.encode() in one for one in others)
            assert code not in journal + logged.out + logged.err
        assert [entry.kind for entry in house.journal.entries if entry.decision is not None] == [
            JournalKind.GRANTED,
            JournalKind.DENIED,
        ]
        assert house.journal.entries[-1].kind is JournalKind.DENIED or house.unlocked()


async def test_a_code_that_was_retained_is_refused() -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)

        await types(house, "274163", retain=True)

        assert not house.unlocked()
        assert (await house.health()).refused == {"credential.retained": 1}


async def test_readers_that_are_not_of_this_door_are_refused_where_it_names_its_own() -> None:
    async with House(Actuator(codes_alone=True, readers="keypad")).runs() as house:
        await enrolled(house, ALICE)

        await types(house, "274163", "another")
        assert not house.unlocked()
        assert (await house.health()).refused == {"credential.wrong_topic": 1}

        await types(house, "274163")
        assert house.unlocked()


async def test_hashes_that_the_rosters_manifest_does_not_name_open_nothing_and_health_says_so() -> None:
    forged = payload(("alice", "pin", "993755"))
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)
        house.bus.publish(Outbound(channels.CREDENTIALS, forged).packet(TOPICS))
        await house.settled()

        await types(house, "993755")
        assert house.decisions[-1].outcome is Outcome.DENIED
        await types(house, "274163")
        assert house.unlocked(), "what the manifest names still counts"

        manifest, _ = pack([ALICE], 2)
        manifest = manifest.model_copy(update={"credentials": "ab" * 32})
        house.bus.publish(signing.packet(Outbound(channels.ROSTER_MANIFEST, manifest)))
        health = await house.health()
        assert health.figures["codes"] == 0
        assert (
            health.problem
            == "the hashes of PINs and tags have not come, so that no code opens; is the enroller running?"
        )


async def test_a_code_that_was_taken_away_opens_nothing_from_the_moment_on() -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)
        await enrolled(house, ALICE, codes=payload(("alice", "tag", "04a21b32")), version=2)

        await types(house, "274163")

        assert not house.unlocked()
        assert house.decisions[-1].reason is Reason.CODE_WRONG


@pytest.mark.parametrize("code", ["", "{", "\x00", "x" * 2000, "{}", '{"code": 274163}', b"\xff\xfe"])
async def test_what_is_no_code_is_refused_and_counted_or_a_wrong_one(code: str | bytes) -> None:
    async with House(Actuator(codes_alone=True)).runs() as house:
        await enrolled(house, ALICE)

        await types(house, code)

        health = await house.health()
        wrong = [one for one in house.decisions if one.reason is Reason.CODE_WRONG]
        assert sum(health.refused.values()) + len(wrong) == 1
        await types(house, "274163")
        assert house.unlocked()
