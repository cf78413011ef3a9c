"""Whom a provider has named, and which account that is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus_console.identity import Identity, NotAdmitted, Unknown, admitted, claimed, groups_of, roles
from doorbus_console.rights import Level
from doorbus_console.store import Account

LEVELS = st.dictionaries(st.sampled_from("abcde"), st.sampled_from(Level))
ACCOUNTS = st.none() | st.builds(
    Account,
    st.sampled_from(["ada", "bob"]),
    st.sampled_from(Level),
    st.sampled_from(["", "a hash"]),
    st.sampled_from([None, ("front",)]),
    st.sampled_from([None, "issuer 1", "issuer 2"]),
)
IDENTITIES = st.builds(
    Identity, st.just("issuer 1"), st.sampled_from(["ada", "bob", "", "../x"]), st.frozensets(st.sampled_from("abcde"))
)


@given(IDENTITIES, ACCOUNTS, LEVELS, st.sampled_from(Unknown))
def test_nobody_gets_an_account_that_has_a_password_or_is_somebody_elses(
    identity: Identity, namesake: Account | None, levels: dict[str, Level], unknown: Unknown
) -> None:
    try:
        account = admitted(identity, None, namesake, levels, unknown)
    except NotAdmitted:
        return

    assert account.subject == "issuer 1"
    assert account.password == ""
    assert namesake is None or namesake.subject in {None, "issuer 1"}
    assert namesake is None or (account.name, account.doors) == (namesake.name, namesake.doors)


@given(IDENTITIES, LEVELS.filter(bool), st.sampled_from(Unknown))
def test_nobody_is_more_than_a_group_of_theirs_says(
    identity: Identity, levels: dict[str, Level], unknown: Unknown
) -> None:
    known = Account("ada", Level.ADMIN, "", subject="issuer 1")
    given_by_groups = {level for group, level in levels.items() if group in identity.groups}
    try:
        account = admitted(identity, known, None, levels, unknown)
    except NotAdmitted:
        assert not given_by_groups
        assert unknown is Unknown.REFUSE
        return

    assert account.level in (given_by_groups or {Level.RESIDENT})
    assert Level.ADMIN not in given_by_groups or account.level is Level.ADMIN


def test_an_account_keeps_its_name_when_somebody_is_called_otherwise_later() -> None:
    known = Account("ada", Level.OPERATOR, "", subject="issuer 1")

    account = admitted(Identity("issuer 1", "countess", frozenset()), known, None, {}, Unknown.REFUSE)

    assert account == known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("staff=resident, it = admin,", {"staff": Level.RESIDENT, "it": Level.ADMIN}),
        ("/office/it=operator", {"/office/it": Level.OPERATOR}),
        ("cn=it=admin", {"cn=it": Level.ADMIN}),
    ],
)
def test_groups_are_given_levels_as_a_setting_says(text: str, expected: dict[str, Level]) -> None:
    assert roles(text) == expected


@pytest.mark.parametrize("text", ["staff", "staff=owner", "=admin", "staff=resident admin"])
def test_a_setting_that_gives_no_level_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="resident, operator, admin"):
        roles(text)


def test_a_claim_is_found_by_its_name_or_within_others() -> None:
    claims = {"groups": ["a", 7], "realm_access": {"roles": ["b"]}, "https://id.example/g": "c"}

    found = [
        groups_of(claimed(claims, path)) for path in ("groups", "realm_access.roles", "https://id.example/g", "x.y")
    ]

    assert found == [{"a"}, {"b"}, {"c"}, frozenset()]
