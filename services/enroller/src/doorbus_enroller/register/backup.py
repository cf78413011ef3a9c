"""Everybody as they are kept, taken out and put back."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from doorbus.wire.messages import ErrorCode, ExportPeople, Fault, GroupEntry, KeptPeople, KeptPerson, ScheduleEntry
from doorbus.wire.snapshot import repack
from doorbus_enroller.keeping import kept
from doorbus_enroller.known_faces import Enrolled
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.state import State
from doorbus_enroller.resealing import resealed
from doorbus_enroller.store import Person, StoreDamaged, Versions
from doorbus_enroller.templates import look, unopened, unseal

_log = structlog.get_logger("doorbus.enroller")

_PAGE_BYTES = 1024 * 1024
"""A page of an export is not larger, unless one person is."""


class Backup:
    """The way out and back; aligned faces are kept where `keep_faces` says so."""

    def __init__(self, core: Core, *, keep_faces: bool) -> None:
        self._core = core
        self._keep_faces = keep_faces

    def export(self, asked: ExportPeople, now: datetime) -> tuple[Outcome, KeptPeople]:
        """A page of everybody as they are kept, and what is to be published because of what was found."""
        state = self._core.current(now)
        ids = state.after(asked.after)
        ids = ids if asked.person is None else [each for each in ids if each == asked.person]
        people, size, left_out = list[KeptPerson](), 0, 0
        for person in ids[: asked.limit]:
            known = self._core.store.find(person, now, faces=True)
            size += (
                sum(len(each.template + (each.face or b"")) * 4 // 3 + 300 for each in known.samples) if known else 0
            )
            if people and size > _PAGE_BYTES:
                break
            if known:
                left_out += known.damaged + (known.rights is None)
                people.append(kept(replace(known, credentials=state.credentials.of(person))))
        more = people and people[-1].person != ids[-1]
        page = KeptPeople(
            people=tuple(people),
            next=people[-1].person if more else None,
            left_out=left_out,
            count=len(state.samples),
            roster_version=state.versions.roster,
            gallery_version=state.versions.gallery,
        )
        if asked.after is None and asked.person is None:
            groups, schedules = state.arrangements.groups, state.arrangements.schedules
            page = page.model_copy(
                update={
                    "groups": tuple(groups.values()) or None,
                    "schedules": tuple(schedules.values()) or None,
                }
            )
        return self._core.outcome(state), page

    def takes_over(self, people: Sequence[Person], running: Collection[str]) -> str | None:
        """The model of which samples of these people need templates before they are put back; None where none does.

        That is the one that leads, unless all whom it has are among these people, and no recognizer runs it.
        """
        models = Counter(sample.model for each in people for sample in each.samples)
        state, ids = self._core.state, {each.person for each in people}
        stay = state is not None and any(count for person, count in state.samples.items() if person not in ids)
        if state is not None and state.model is not None and (stay or state.model in running):
            wanted = state.model
        else:
            wanted = max(models, key=lambda model: (model in running, models[model]), default="")
        return wanted if models.keys() - {wanted} else None

    def unopened(self, people: Sequence[Person]) -> Fault | None:
        """Why people cannot be put back whose samples are sealed otherwise."""
        for each in people:
            if count := unopened(each, self._core.seal):
                message = f"{count} samples of {each.person} cannot be read with this site key"
                return Fault(code=ErrorCode.BAD_REQUEST, message=message)
        return None

    def restore(
        self,
        people: Sequence[Person],
        now: datetime,
        arranged: Sequence[GroupEntry | ScheduleEntry] = (),
        bare: Collection[str] = (),
    ) -> Outcome:
        """Have these people, groups and schedules exactly as they are given, all or none.

        Those of `bare` have lost all their samples on the way: what is kept of them here stays. That is the way back
        from a store that was lost or is damaged, too: one is begun whoever is known elsewhere.
        """
        state = self._mended(now)
        people = [self._with_own(each, state, now) if each.person in bare else each for each in people]
        whole = dict[str, Enrolled | None]()
        models = {sample.model for each in people for sample in each.samples}
        others = state.samples.keys() - {each.person for each in people}
        theirs = state.model if any(state.samples[each] for each in others) else None
        fault = self.unopened(people)
        if len(models | ({theirs} if theirs else set())) > 1:
            message = (
                f"these samples were made with {' and '.join(sorted(models))}, the gallery with {theirs}; try again"
            )
            fault = Fault(code=ErrorCode.OTHER_MODEL, message=message)
        for each in people:
            unsealed = unseal(each, next(iter(models), None), self._core.seal)
            whole[each.person] = unsealed.enrolled
            if unsealed.damaged:
                message = f"{unsealed.damaged} samples of {each.person} do not belong together"
                fault = fault or Fault(code=ErrorCode.BAD_REQUEST, message=message)
        if fault:
            return self._core.outcome(state, fault)
        added = [one for each in people for one in each.credentials]
        if (fault := state.credentials.fault_in(added)) is not None:
            return self._core.outcome(state, fault)
        anew = [_among(each, resealed(each, self._core.seal)) for each in people]
        if not self._keep_faces:
            anew = [each if each.person in bare else _faceless(each) for each in anew]
        versions = self._core.store.put(anew, now, arranged)
        if arranged or added or state.credentials.all:  # it may move others, too
            return self._core.outcome(self._core.read(versions, now))
        return self._core.outcome(self._with_people(state, anew, whole, versions, now))

    def _with_own(self, person: Person, state: State, now: datetime) -> Person:
        """The person with the samples that are kept here."""
        known = self._core.store.find(person.person, now, faces=True)
        own = look(known, state.model, self._core.seal)[0] if known else []
        return replace(person, samples=tuple(each.sample for each in own))

    def _mended(self, now: datetime) -> State:
        """What is known of everybody, of whom nobody is left where the store was lost or damaged."""
        store = self._core.store
        try:
            if store.is_new():
                store.begin(now)
            return self._core.current(now)
        except StoreDamaged as damaged:
            _log.error("set_aside", problem=str(damaged))
            store.set_aside(now)
            store.begin(now)
            return self._core.current(now)

    def _with_people(
        self,
        state: State,
        people: Sequence[Person],
        faces: Mapping[str, Enrolled | None],
        versions: Versions,
        now: datetime,
    ) -> State:
        """The state with people who were restored."""
        model = next((sample.model for each in people for sample in each.samples), None)
        if state.gallery is None or (model and state.model not in (None, model)):
            return self._core.read(versions, now)
        damage = state.damage
        for person in faces:
            damage = damage.but(person, 0, rights=False)
        rights = {each.person: state.entry(each.person, each.effective_rights) for each in people}
        state = self._core.with_faces(state, faces, model, versions)
        return replace(state, roster=repack(state.roster, rights, versions.roster), damage=damage)


def _among(person: Person, others: Person) -> Person:
    """The person with these samples in the place of those of the same pictures."""
    new = {sample.picture: sample for sample in others.samples}
    return replace(person, samples=tuple(new.get(sample.picture, sample) for sample in person.samples))


def _faceless(person: Person) -> Person:
    return replace(person, samples=tuple(replace(sample, face=None) for sample in person.samples))
