"""Whom an OpenID Connect provider has named, and which account that is here. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from doorbus.wire.ids import listed
from doorbus_console.rights import Level
from doorbus_console.store import Account

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
"""Names of accounts."""
_LEVELS = (Level.ADMIN, Level.OPERATOR, Level.RESIDENT)


class Unknown(StrEnum):
    """What becomes of who is given no level."""

    REFUSE = "refuse"
    RESIDENT = "resident"


@dataclass(frozen=True)
class Identity:
    """Somebody, as a provider names them: `subject` for ever, `name` and `groups` as of now."""

    subject: str
    name: str
    groups: frozenset[str]


class NotAdmitted(Exception):  # noqa: N818  # an answer, not an error of the program
    """The provider knows this person, but the console does not let them in."""

    def __init__(self, why: "Why") -> None:
        super().__init__(why.value)
        self.why = why


class Why(StrEnum):
    """Why somebody is not let in."""

    NO_ROLE = "no role"
    NO_ACCOUNT = "no account"
    NO_NAME = "no name"
    NAME_TAKEN = "name taken"


def roles(text: str) -> dict[str, Level]:
    """What each group makes somebody, from a setting such as `staff=resident, it=admin`; raises `ValueError`."""
    found = {}
    for pair in listed(text):
        group, equals, level = (part.strip() for part in pair.rpartition("="))
        if not equals or not group or level not in set(Level):
            raise ValueError(f"GROUP=LEVEL with commas between, where a level is one of {', '.join(Level)}")
        found[group] = Level(level)
    return found


def claimed(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by names with dots between where it stands in others; None where there is none."""
    if path in claims:  # such as https://example.com/groups
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def groups_of(claim: Any) -> frozenset[str]:
    """The groups in a claim: a list, or one."""
    found = [claim] if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(one for one in found if isinstance(one, str))


def admitted(
    identity: Identity, known: Account | None, namesake: Account | None, levels: Mapping[str, Level], unknown: Unknown
) -> Account:
    """The account of whom a provider has named, as it is to be kept; raises `NotAdmitted`.

    `known` is the account that this subject had before, `namesake` the one that has its name. An account with a
    password, or of another subject, becomes nobody else's, whatever name the provider gives somebody.
    """
    account = known or _prepared(identity, namesake)
    level = _level(identity, account, levels, unknown)
    if account is not None:
        return replace(account, subject=identity.subject, level=level)
    if not NAME.fullmatch(identity.name):
        raise NotAdmitted(Why.NO_NAME)
    return Account(identity.name, level, "", subject=identity.subject)


def _prepared(identity: Identity, namesake: Account | None) -> Account | None:
    """The account that an admin has made for somebody of this name, and nobody has used."""
    if namesake is not None and (namesake.password or namesake.subject not in {None, identity.subject}):
        raise NotAdmitted(Why.NAME_TAKEN)
    return namesake


def _level(identity: Identity, account: Account | None, levels: Mapping[str, Level], unknown: Unknown) -> Level:
    if levels:
        given = {level for group, level in levels.items() if group in identity.groups}
        found = next((level for level in _LEVELS if level in given), None)
    else:
        found = None if account is None else account.level
    if found is None and unknown is Unknown.REFUSE:
        raise NotAdmitted(Why.NO_ROLE if levels else Why.NO_ACCOUNT)
    return found or Level.RESIDENT
