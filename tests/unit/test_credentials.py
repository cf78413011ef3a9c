"""Codes that people type or carry: which are the same, and which would be guessed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.credentials import CodeError, digest, normal, too_simple
from doorbus.wire.messages import ErrorCode, Fault, HashedCredential, SetCredential
from doorbus_enroller.credentials import MOST_EACH, MOST_SALTS, Credentials

SALT, OTHER = "ab" * 16, "cd" * 16


def made(
    credentials: Credentials, person: str, credential: str, code: str, salt: str = SALT
) -> HashedCredential | Fault:
    return credentials.made(person, credential, SetCredential(code=code), 6, salt)


def of(*codes: tuple[str, str], salt: str = SALT) -> Credentials:
    credentials = Credentials()
    for person, code in codes:
        one = made(credentials, person, "pin", code, salt)
        assert isinstance(one, HashedCredential)
        credentials = credentials.with_one(one)
    return credentials


@pytest.mark.parametrize("said", ["04-a2-1b-32", "04:A2:1B:32", "04A21B32", " 04 a2 1b 32\r\n", "04.a2.1b.32"])
def test_a_tag_is_the_same_whatever_the_reader_puts_between_its_digits(said: str) -> None:
    assert normal(said) == "04A21B32"


def test_the_sign_that_ends_a_pin_is_no_part_of_it_and_a_zero_before_it_is() -> None:
    assert normal("027416#") == "027416"
    assert normal("27416") != normal("027416")


@pytest.mark.parametrize("said", ["", "#", "12\x0034", "12é456", "{}", "1" * 33, "drop;table"])
def test_what_is_no_code_is_refused_without_being_repeated(said: str) -> None:
    with pytest.raises(CodeError) as refused:
        normal(said)
    assert not said.strip("#") or said not in str(refused.value)


@given(st.text(max_size=64))
def test_whatever_is_typed_is_a_code_or_refused(said: str) -> None:
    try:
        code = normal(said)
    except CodeError:
        return
    assert normal(code) == code


@pytest.mark.parametrize("code", ["12345", "111111", "123456", "987654", "ABCDEF"])
def test_codes_that_anybody_tries_first_are_refused(code: str) -> None:
    assert too_simple(code, 6) is not None
    assert code not in str(too_simple(code, 6))
    assert too_simple("274163", 6) is None


def test_a_hash_depends_on_code_and_salt_and_says_neither() -> None:
    assert digest("274163", SALT) == digest("274163", SALT)
    assert len({digest("274163", SALT), digest("274163", OTHER), digest("274164", SALT)}) == 3


def test_nobody_gets_a_code_that_is_somebody_elses_however_it_is_written() -> None:
    there = of(("alice", "274163"), ("bob", "04a21b32"))

    taken = [made(there, "carol", "pin", "274163"), made(there, "alice", "tag", "04-A2-1B-32")]

    assert [one.code for one in taken if isinstance(one, Fault)] == [ErrorCode.CODE_TAKEN, ErrorCode.CODE_TAKEN]
    assert not any("274163" in one.message for one in taken if isinstance(one, Fault))


def test_the_same_code_may_be_set_again_and_one_of_another_sites_salt_is_known_too() -> None:
    there = of(("alice", "274163"), salt=OTHER)

    again, taken = made(there, "alice", "pin", "274163"), made(there, "bob", "pin", "274163")

    assert isinstance(again, HashedCredential)
    assert again.salt == OTHER  # one salt is one hash for a door
    assert isinstance(taken, Fault)


def test_a_person_has_not_more_codes_than_anybody_can_carry() -> None:
    credentials = Credentials()
    for number in range(MOST_EACH):
        one = made(credentials, "alice", f"tag-{number}", f"04A21B3{number}")
        assert isinstance(one, HashedCredential)
        credentials = credentials.with_one(one)

    assert isinstance(made(credentials, "alice", "one-more", "993755"), Fault)
    assert isinstance(made(credentials, "alice", "tag-0", "993755"), HashedCredential)
    assert credentials.without("alice", "tag-0").names == {"alice": ("tag-1", "tag-2", "tag-3", "tag-4")}
    assert credentials.without("alice").all == ()


def test_a_door_never_has_more_hashes_to_compute_than_it_can_bear() -> None:
    salts = [f"{number:032x}" for number in range(MOST_SALTS)]
    others = [HashedCredential(person="x", credential=f"c{salt}", salt=salt, hash="0" * 32) for salt in salts]

    assert Credentials().fault_in(others) is None
    assert of(("alice", "274163")).fault_in(others) is not None
    assert of(("alice", "274163")).fault_in(others[:1]) is None


def test_hashes_that_were_kept_stay_good_in_every_version() -> None:
    assert digest("274163", SALT) == "ac9e50406ea7f148b616cf7e29677541"


def test_a_code_as_long_as_may_be_is_taken() -> None:
    assert normal("7" * 32) == "7" * 32


@pytest.mark.parametrize(
    ("since", "until", "taken"),
    [(None, None, True), (None, 1, True), (1, None, True), (1, 2, True), (1, 1, False), (2, 1, False)],
)
def test_a_code_ends_after_it_begins(since: int | None, until: int | None, taken: bool) -> None:  # noqa: FBT001
    begin, end = (None if day is None else datetime(2026, 6, day, tzinfo=UTC) for day in (since, until))
    asked = SetCredential(code="274163", valid_from=begin, valid_until=end)

    one = Credentials().made("alice", "pin", asked, 6, SALT)

    assert isinstance(one, HashedCredential) is taken
    if isinstance(one, HashedCredential):
        assert (one.valid_from, one.valid_until) == (begin, end)
