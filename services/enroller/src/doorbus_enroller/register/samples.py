"""Samples that are added, looked for, examined and taken away."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from doorbus.wire.messages import (
    CheckedPerson,
    CheckPeople,
    ClosePair,
    ErrorCode,
    Fault,
    PeopleChecked,
    Rights,
)
from doorbus.wire.purposes import of_face
from doorbus.wire.templates import to_store
from doorbus_enroller.care import close_pairs, examine
from doorbus_enroller.enrolment import Answer, Candidate, Known, Rules, decide
from doorbus_enroller.known_faces import Enrolled
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.faults import nothing_of, sealed_otherwise
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.state import State
from doorbus_enroller.store import Person, Sample
from doorbus_enroller.templates import Unsealed, look, unseal

_PAGE_PEOPLE = 200


@dataclass(frozen=True)
class Shot:
    """A picture of a person, and what a recognizer says of it."""

    picture: str
    """SHA-256."""
    answer: Answer
    rules: Rules


class Samples:
    """The samples of people; their aligned faces are kept where `keep_faces` says so."""

    def __init__(self, core: Core, *, keep_faces: bool) -> None:
        self._core = core
        self._keep_faces = keep_faces

    def enrol(
        self, person: str, shots: Sequence[Shot], rights: Rights, now: datetime, *, try_only: bool = False
    ) -> Outcome:
        """Add what the shots show of a person, all or nothing. Who is not there yet gets `rights`.

        To `try_only` says what would become of it, and changes nothing.
        """
        state = self._core.current(now)
        known = self._core.store.find(person, now)
        fault = self._unfit(state, known)
        if fault:
            return self._core.outcome(state, fault)
        unsealed = unseal(known, state.model, self._core.seal) if known else Unsealed(None, 0)
        enrolled, samples, near = unsealed.enrolled, list[Sample](), None
        for shot in shots:
            decision = decide(person, shot.picture, shot.answer, enrolled, self._core.faces, shot.rules)
            if isinstance(decision, Fault):
                return self._core.outcome(state, decision)
            if isinstance(decision, Known):
                near = decision.similarity
            else:
                enrolled = _and_also(enrolled, decision, shot)
                samples.append(self._sample(person, decision, shot, now))
        now_has = state.entry(person, known.effective_rights if known else rights)
        if enrolled is None or not samples or try_only:
            return replace(self._core.outcome(state, taken=len(samples)), rights=now_has, near=near)
        versions = self._core.store.add(person, samples, rights, now)
        if known is None:
            state = state.with_rights(person, rights, versions)
        state = self._core.with_faces(state, {person: enrolled}, samples[0].model, versions)
        if unsealed.damaged:  # a new sample of the same picture has taken the place of a damaged one
            state = self._looked_through(state, person, now)
        ends = rights.valid_until if known is None else None
        return replace(self._core.outcome(state, taken=len(samples)), valid_until=ends, rights=now_has)

    def look_up(self, person: str, picture: str, now: datetime) -> Outcome:
        """Whether a picture is a sample of a person already, so that no recognizer need look at it."""
        if self._core.state is None:
            return Outcome()
        state = self._core.current(now)
        known = self._core.store.find(person, now)
        if known is None or self._unfit(state, known):
            return self._core.outcome(state)
        enrolled = unseal(known, state.model, self._core.seal).enrolled
        return replace(self._core.outcome(state), known=enrolled is not None and picture in enrolled.pictures)

    def remove(self, person: str, number: int | None, now: datetime) -> Outcome:
        """Forget one sample of a person, but not the last one; None is the number of none."""
        state = self._core.current(now)
        known = self._core.store.find(person, now)
        if known is None:
            return self._core.outcome(state, nothing_of(person))
        if number is None or number not in {each.number for each in known.samples}:
            numbers = ", ".join(str(each.number) for each in known.samples) or "none"
            message = f"{person} has no such sample; there are {numbers} (doorbus people --person {person})"
            return self._core.outcome(state, Fault(code=ErrorCode.UNKNOWN_SAMPLE, message=message))
        if len(known.samples) + known.damaged == 1:
            message = f"this is the only sample of {person}; add another one first, or remove {person}"
            return self._core.outcome(state, Fault(code=ErrorCode.TOO_FEW_SAMPLES, message=message))
        versions = self._core.store.remove_sample(person, number, now) or state.versions
        left = replace(known, samples=tuple(each for each in known.samples if each.number != number))
        unsealed = unseal(left, state.model, self._core.seal)
        if unsealed.enrolled is None or state.model is None or state.gallery is None:  # damaged: rare
            return self._core.outcome(self._core.read(versions, now))
        state = self._core.with_faces(state, {person: unsealed.enrolled}, state.model, versions)
        return self._core.outcome(state.with_damage(person, unsealed.damaged, unsealed.foreign))

    def check(
        self, asked: CheckPeople, same_person: float | None, margin: float, now: datetime
    ) -> tuple[Outcome, PeopleChecked]:
        """A page of those who are hard to recognise, and the pairs that are hard to tell apart."""
        state = self._core.current(now)
        similarity = None if same_person is None else same_person + margin * (1 - same_person)
        found, following = list[CheckedPerson](), None
        for person in state.after(asked.after):
            known = self._core.store.find(person, now) if asked.person in {None, person} else None
            if known is None:
                continue
            if len(found) == _PAGE_PEOPLE:
                following = found[-1].person
                break
            checked = examine(person, *look(known, state.model, self._core.seal), same_person)
            found += [checked] if checked.weaknesses or asked.person else []
        pairs, close = tuple[ClosePair, ...](), 0
        if similarity is not None and asked.after is None:
            pairs, close = close_pairs(self._core.faces, similarity, asked.person)
        return self._core.outcome(state), PeopleChecked(
            people=tuple(found),
            next=following,
            count=len(state.samples),
            pairs=pairs,
            close=close,
            similarity=similarity,
        )

    def _unfit(self, state: State, known: Person | None) -> Fault | None:
        """Why nothing can be added to what is there."""
        if state.gallery is None:
            return sealed_otherwise(self._core.store.name)
        if known and known.rights is None:
            message = (
                f"{self._core.store.name}: the rights of {known.person} cannot be read; set them with an update, or "
                f"remove {known.person} and enrol again"
            )
            return Fault(code=ErrorCode.STORAGE_FAILED, message=message)
        return None

    def _sample(self, person: str, candidate: Candidate, shot: Shot, now: datetime) -> Sample:
        seal, face = self._core.seal, candidate.face if self._keep_faces else None
        return Sample(
            template=to_store(candidate.template, person, seal),
            model=shot.answer.model,
            quality=candidate.quality,
            picture=shot.picture,
            created_at=now,
            brightness=candidate.brightness,
            face=seal.seal(face, of_face(person)) if face else None,
        )

    def _looked_through(self, state: State, person: str, now: datetime) -> State:
        """The state with what can be read of a person's samples now."""
        known = self._core.store.find(person, now)
        found = unseal(known, state.model, self._core.seal) if known else Unsealed(None, 0)
        return state.with_damage(person, found.damaged, found.foreign)


def _and_also(enrolled: Enrolled | None, candidate: Candidate, shot: Shot) -> Enrolled:
    if enrolled is None:
        return Enrolled.of((candidate.template,), (shot.picture,))
    return enrolled.and_also(candidate.template, shot.picture)
