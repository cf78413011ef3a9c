"""Names and rights that are changed, and people who are removed."""

from dataclasses import replace
from datetime import datetime

from doorbus.wire.messages import Fault, Update
from doorbus_enroller.enrolment import revise
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.faults import nothing_of, unknown
from doorbus_enroller.register.outcome import Outcome


class Persons:
    """Each of the people."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def update(self, person: str, update: Update, now: datetime) -> Outcome:
        """Change a person's name or rights. Rights that cannot be read allow nothing but what the update says."""
        state = self._core.current(now)
        known = self._core.store.rights(person, now)
        rights = revise(known.effective_rights, update) if known else unknown(person)
        fault = rights if isinstance(rights, Fault) else state.arrangements.fault_in(rights)
        if isinstance(rights, Fault) or fault:
            return self._core.outcome(state, fault)
        if known and rights != known.rights:
            state = state.with_rights(person, rights, self._core.store.set_rights(person, rights, now))
        return replace(self._core.outcome(state), rights=state.entry(person, rights))

    def remove(self, person: str, now: datetime) -> Outcome:
        """Forget a person."""
        state = self._core.current(now)
        versions = self._core.store.remove(person, now)
        if versions is None:
            return self._core.outcome(state, nothing_of(person))
        if state.gallery is None:  # all that could not be read may have been this person's
            return self._core.outcome(self._core.read(versions, now))
        state = self._core.with_faces(state, {person: None}, None, versions)
        return self._core.outcome(state.without(person, versions))
