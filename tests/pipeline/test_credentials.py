"""PINs and tags on the bus: given and taken away by the enroller, and never seen again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from doorbus.cli.asking import asking
from doorbus.cli.backup import export_people, read_backup, restore_people
from doorbus.wire import channels
from doorbus.wire.credentials import digest
from doorbus.wire.messages import ErrorCode, HashedCredentials, Remove, RemoveCredential, Result, SetCredential
from doorbus.wire.packet import Packet
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.enrolled import AT, SEAL, Site

PASSPHRASE = "correct horse battery"
HASHES = TOPICS.topic(channels.CREDENTIALS)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with asyncio.timeout(50), AsyncExitStack() as stack:
        yield await Site(stack, tmp_path).start(people=3)


async def give(site: Site, person: str, credential: str, message: SetCredential) -> Result:
    async with asking(site.client, channels.RESULT_REPLY) as asker:
        ids = {"person": person, "credential": credential}
        answer: Result | None = await asker.ask(channels.SET_CREDENTIAL, message, ids, 10)
    assert answer is not None
    return answer


def hashes(site: Site) -> HashedCredentials:
    return HashedCredentials.model_validate_json(site.bus.retained[HASHES].payload)


async def test_a_pin_is_kept_as_a_hash_that_the_rosters_manifest_vouches_for(site: Site) -> None:
    answer = await give(site, "p1", "pin", SetCredential(code="274163"))

    (kept,) = hashes(site).credentials
    assert answer.error is None
    assert (kept.person, kept.credential, kept.hash) == ("p1", "pin", digest("274163", kept.salt))
    assert site.manifest().credentials == site.digest(HASHES)
    assert site.roster()["p1"].credentials == ("pin",)


async def test_the_hashes_are_on_the_bus_before_the_manifest_that_names_them(site: Site) -> None:
    before = len(site.bus.log)
    await give(site, "p1", "pin", SetCredential(code="274163"))

    topics = [packet.topic for packet in site.bus.log[before:]]
    assert topics.index(HASHES) < topics.index(TOPICS.topic(channels.ROSTER_MANIFEST))


@pytest.mark.parametrize(
    ("code", "why"),
    [("12345", ErrorCode.TOO_SIMPLE), ("123456", ErrorCode.TOO_SIMPLE), ("27 416é", ErrorCode.BAD_REQUEST)],
)
async def test_a_code_that_is_none_is_refused_and_nobody_reads_it_in_the_answer(
    site: Site, code: str, why: ErrorCode
) -> None:
    answer = await give(site, "p1", "pin", SetCredential(code=code))

    assert answer.error is not None
    assert answer.error.code is why
    assert HASHES not in site.bus.retained


async def test_a_code_is_nowhere_on_the_bus_but_in_the_request_nor_in_the_logs(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await give(site, "p1", "pin", SetCredential(code="274163"))
    await give(site, "p2", "pin", SetCredential(code="274163"))

    asked = {TOPICS.topic(channels.SET_CREDENTIAL, person=one, credential="pin") for one in ("p1", "p2")}
    assert [one.topic for one in site.bus.log if b"274163" in one.payload and one.topic not in asked] == []
    told = capsys.readouterr()
    assert "274163" not in told.out + told.err


async def test_two_people_never_have_the_same_code(site: Site) -> None:
    await give(site, "p1", "pin", SetCredential(code="274163"))

    answer = await give(site, "p2", "tag", SetCredential(code="27-41-63"))

    assert answer.error is not None
    assert answer.error.code is ErrorCode.CODE_TAKEN


async def test_a_guest_with_a_pin_is_a_person_for_as_long_as_the_pin_lives(site: Site) -> None:
    ends = {"valid_from": AT, "valid_until": AT + timedelta(hours=2)}

    unknown = await give(site, "plumber", "pin", SetCredential(code="274163"))
    answer = await give(site, "plumber", "pin", SetCredential(code="274163", guest="The plumber", **ends))

    assert unknown.error is not None
    assert unknown.error.code is ErrorCode.UNKNOWN_PERSON
    assert (answer.error, answer.samples) == (None, 0)
    entry = site.roster()["plumber"]
    assert (entry.name, entry.valid_from, entry.valid_until) == ("The plumber", *ends.values())
    assert hashes(site).credentials[0].valid_until == ends["valid_until"]
    assert entry.codes_until == {"pin": ends["valid_until"]}


async def test_a_guest_who_comes_again_is_a_person_for_as_long_as_the_new_pin_lives(site: Site) -> None:
    first = {"valid_from": AT - timedelta(hours=2), "valid_until": AT - timedelta(hours=1)}
    again = {"valid_from": AT, "valid_until": AT + timedelta(hours=2)}
    await give(site, "plumber", "pin", SetCredential(code="274163", guest="The plumber", **first))

    answer = await give(site, "plumber", "pin", SetCredential(code="384265", guest="The plumber", **again))
    entry = site.roster()["plumber"]
    await give(site, "plumber", "tag", SetCredential(code="495376", guest="The plumber", valid_from=AT))
    both = site.roster()["plumber"]

    assert (answer.error, answer.warning) == (None, None)
    assert (entry.valid_from, entry.valid_until) == tuple(again.values())
    assert (both.valid_from, both.valid_until) == (AT, None)


async def test_a_code_that_is_not_given_as_a_guests_leaves_the_times_of_a_person(site: Site) -> None:
    await site.update("p1", name="Paula", valid_until=AT + timedelta(days=1))

    await give(site, "p1", "pin", SetCredential(code="274163", valid_until=AT + timedelta(hours=2)))

    assert site.roster()["p1"].valid_until == AT + timedelta(days=1)


@pytest.mark.parametrize(
    ("alone", "rights", "told"),
    [
        ({"front": 0.0}, {}, "DOORBUS_ACTUATOR__CODES_ALONE=true"),
        ({"front": 1.0, "back": 0.0}, {}, "itself at back:"),
        ({"front": 1.0, "back": 0.0}, {"doors": ("front",)}, None),
        ({"front": 1.0}, {"second_factor": True}, "second_factor"),
        ({"front": 1.0}, {}, None),
        ({}, {}, None),
    ],
)
async def test_whoever_gives_a_guest_a_code_is_told_where_it_opens_nothing_by_itself(
    site: Site, alone: dict[str, float], rights: dict[str, Any], told: str | None
) -> None:
    for door, value in alone.items():
        site.actuator(door, codes_alone=value)
    await give(site, "plumber", "pin", SetCredential(code="274163", guest="The plumber"))
    if rights:
        await site.update("plumber", **rights)

    answer = await give(site, "plumber", "pin", SetCredential(code="384265"))

    assert answer.warning is None if told is None else told in (answer.warning or "")


async def test_a_guest_whose_id_is_somebody_elses_takes_no_name_from_them_and_the_answer_says_so(site: Site) -> None:
    await give(site, "plumber", "pin", SetCredential(code="274163", guest="The plumber"))

    again = await give(site, "plumber", "pin", SetCredential(code="384265", guest="The plumber"))
    other = await give(site, "plumber", "pin", SetCredential(code="495376", guest="Paula"))

    assert again.warning is None
    assert "The plumber" in (other.warning or "")
    assert site.roster()["plumber"].name == "The plumber"


async def test_what_is_taken_away_is_gone_and_so_is_what_a_person_had_who_is_removed(site: Site) -> None:
    await give(site, "p1", "pin", SetCredential(code="274163"))
    await give(site, "p2", "pin", SetCredential(code="993755"))
    async with asking(site.client, channels.RESULT_REPLY) as asker:
        ids = {"person": "p1", "credential": "pin"}
        removed = await asker.ask(channels.REMOVE_CREDENTIAL, RemoveCredential(), ids, 10)
        again = await asker.ask(channels.REMOVE_CREDENTIAL, RemoveCredential(), ids, 10)
        left = [one.person for one in hashes(site).credentials]
        await asker.ask(channels.REMOVE, Remove(), {"person": "p2"}, 10)

    assert removed is not None
    assert removed.error is None
    assert again is not None
    assert again.error is not None
    assert again.error.code is ErrorCode.UNKNOWN_CREDENTIAL
    assert left == ["p2"]
    assert HASHES not in site.bus.retained
    assert site.manifest().credentials is None


async def test_codes_survive_a_restart_and_a_move_to_another_site(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        place.mkdir()
    async with AsyncExitStack() as stack:
        site = await Site(stack, here).start(people=3)
        await give(site, "p1", "pin", SetCredential(code="274163"))
        kept = hashes(site)
    async with AsyncExitStack() as stack:
        site = await Site(stack, here).start()
        assert hashes(site) == kept
        assert await export_people(site.client, file, PASSPHRASE, SEAL, 10) == 0
    async with AsyncExitStack() as stack:
        site = await Site(stack, there).start(people=0)
        assert await restore_people(site.client, read_backup(file, PASSPHRASE, SEAL), 3, 10) == 0
        assert hashes(site) == kept
        assert site.manifest().credentials == site.digest(HASHES)
        assert site.roster()["p1"].credentials == ("pin",)


async def test_whoever_comes_later_reads_names_of_codes_on_the_roster_and_no_hash(site: Site) -> None:
    await give(site, "p1", "pin", SetCredential(code="274163"))

    (kept,) = hashes(site).credentials
    others = [packet.payload for topic, packet in site.bus.retained.items() if topic != HASHES]
    assert not any(kept.hash.encode() in payload for payload in others)
    assert json.loads(site.bus.retained[HASHES].payload)["credentials"][0]["hash"] == kept.hash


async def test_what_somebody_else_writes_in_the_place_of_the_hashes_is_put_right(site: Site) -> None:
    await give(site, "p1", "pin", SetCredential(code="274163"))
    ours = site.bus.retained[HASHES].payload

    for payload in (b"{}", b""):
        site.bus.publish(Packet(HASHES, payload, qos=1, retain=True))
        async with asyncio.timeout(10):
            while HASHES not in site.bus.retained or site.bus.retained[HASHES].payload != ours:
                site.clock.advance(1.0)
                await asyncio.sleep(0.001)

    assert site.bus.retained[HASHES].payload == ours
