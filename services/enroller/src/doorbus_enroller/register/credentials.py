"""PINs and tags that are given to people and taken away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from doorbus.wire.messages import ErrorCode, Fault, HashedCredential, Rights, SetCredential
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.faults import nothing_of, unknown
from doorbus_enroller.register.outcome import Outcome


class PinsAndTags:
    """The PINs and tags of people."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def set(
        self, person: str, credential: str, asked: SetCredential, now: datetime, *, shortest: int, new_salt: str
    ) -> Outcome:
        """Give a person a PIN or a tag. A guest who has nothing else is made a person by it, as long as codes live."""
        state = self._core.current(now)
        known = self._core.store.rights(person, now)
        if known is None and asked.guest is None:
            return self._core.outcome(state, unknown(person))
        guest = Rights(name=asked.guest, valid_from=asked.valid_from, valid_until=asked.valid_until)
        rights = known.effective_rights if known else guest
        doubt = None
        if known is not None and asked.guest is not None and asked.guest != rights.name:
            called = rights.name or person
            doubt = f"{person} is {called} already, whose code this is now; {asked.guest!r} was not written"
        made = state.credentials.made(person, credential, asked, shortest, new_salt)
        if isinstance(made, Fault):
            return self._core.outcome(state, made)
        credentials = state.credentials.with_one(made)
        if asked.guest is not None and asked.guest == rights.name and not state.samples.get(person):
            rights = _lasting(rights, credentials.of(person))
        versions = self._core.store.set_credential(made, rights, now)
        state = replace(state, credentials=credentials, samples={person: 0, **state.samples})
        outcome = self._core.outcome(state.with_rights(person, rights, versions))
        return replace(outcome, rights=state.entry(person, rights), doubt=doubt)

    def remove(self, person: str, credential: str, now: datetime) -> Outcome:
        """Take a PIN or a tag away from a person."""
        state = self._core.current(now)
        known = self._core.store.rights(person, now)
        if known is None:
            return self._core.outcome(state, nothing_of(person))
        versions = self._core.store.remove_credential(person, credential, now)
        if versions is None:
            there = ", ".join(state.credentials.names.get(person, ())) or "none"
            message = f"{person} has no PIN or tag {credential}; there are: {there}"
            return self._core.outcome(state, Fault(code=ErrorCode.UNKNOWN_CREDENTIAL, message=message))
        state = replace(state, credentials=state.credentials.without(person, credential))
        return self._core.outcome(state.with_rights(person, known.effective_rights, versions))


def _lasting(guest: Rights, codes: Sequence[HashedCredential]) -> Rights:
    """The rights of a guest from when the first of these codes begins until the last ends."""
    begins = [one.valid_from for one in codes if one.valid_from is not None]
    ends = [one.valid_until for one in codes if one.valid_until is not None]
    return guest.model_copy(
        update={
            "valid_from": min(begins) if len(begins) == len(codes) else None,
            "valid_until": max(ends) if len(ends) == len(codes) else None,
        }
    )
