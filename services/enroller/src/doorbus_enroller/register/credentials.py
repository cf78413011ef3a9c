"""PINs and tags that are given to people and taken away."""

from dataclasses import replace
from datetime import datetime

from doorbus.wire.messages import ErrorCode, Fault, Rights, SetCredential
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
        """Give a person a PIN or a tag. A guest who has nothing else is made a person by it."""
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
        versions = self._core.store.set_credential(made, rights, now)
        samples = {person: 0, **state.samples}
        state = replace(state, credentials=state.credentials.with_one(made), samples=samples)
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
