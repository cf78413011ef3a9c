"""A store for tests."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from doorbus.wire.messages import GroupEntry, HashedCredential, Rights, ScheduleEntry
from doorbus_enroller.arrangements import Arrangements
from doorbus_enroller.store import Everybody, Person, Sample, StorageFailed, StoreDamaged, Unmade, Versions


class MemoryStore:
    """The people in memory, by the same rules. Records each change; fails on demand, as a full disk would."""

    def __init__(self) -> None:
        self._people: dict[str, Person] = {}
        self._arrangements = Arrangements()
        self._credentials: dict[tuple[str, str], HashedCredential] = {}
        self._versions: Versions | None = None
        self._numbers = 0
        self.changes: list[str] = []
        """What was done, in order: `add alice`, `set_rights alice`, `remove alice`."""
        self.asked: list[str] = []
        """Whom it was asked about, in order."""
        self.new = False
        """Whether nothing was ever kept here."""
        self.full = False
        """Whether versions can be read, but not raised."""
        self.failing: str | None = None
        """While set, every method but `close` raises `StorageFailed` with this text."""
        self.damaged: str | None = None
        """The same with `StoreDamaged`, until it is set aside."""

    @property
    def name(self) -> str:
        """Where it is."""
        return "memory"

    def is_new(self) -> bool:
        """What it was told."""
        self._check()
        return self.new

    def set_aside(self, now: datetime) -> None:  # noqa: ARG002  # the Protocol's
        """Forget everybody; nothing fails any more."""
        self.damaged, self.new, self._people, self._versions = None, True, {}, None
        self._arrangements, self._credentials = Arrangements(), {}

    def begin(self, now: datetime) -> None:
        """Be new no more."""
        self._check()
        self.new = False
        self.versions(now)

    def versions(self, now: datetime) -> Versions:
        """Those of the last change."""
        self._check()
        self._versions = self._versions or Versions.first(now)
        return self._versions

    def outrun(self, others: Versions, now: datetime) -> Versions:
        """Raise what is not above."""
        if self.full:
            raise StorageFailed("full")
        self._versions = self.versions(now).ahead_of(others, now)
        return self._versions

    def people(self, now: datetime) -> Everybody:  # noqa: ARG002  # the Protocol's
        """Everybody's rights."""
        self._check()
        models = Counter(sample.model for each in self._people.values() for sample in each.samples)
        rights = {person: self._people[person].rights for person in sorted(self._people)}
        return Everybody(rights, next((model for model, _ in models.most_common(1)), None))

    def rights(self, person: str, now: datetime) -> Person | None:  # noqa: ARG002  # the Protocol's
        """The person, if there, without samples."""
        self._check()
        self.asked.append(person)
        known = self._people.get(person)
        return known and replace(known, samples=(), damaged=0)

    def find(
        self,
        person: str,
        now: datetime,  # noqa: ARG002  # the Protocol's
        *,
        faces: bool = False,
        model: str | None = None,
    ) -> Person | None:
        """The person, if there."""
        self._check()
        self.asked.append(person)
        known = self._people.get(person)
        if known is None or faces:
            return known
        bare = tuple(replace(each, face=None, others={}) for each in known.samples)
        if model is not None:
            made = [(one, one.template if one.model == model else one.others.get(model)) for one in known.samples]
            bare = tuple(
                replace(one, template=template, model=model, face=None, others={})
                for one, template in made
                if template is not None
            )
        return replace(known, samples=bare)

    def other_models(self, now: datetime) -> Sequence[str]:  # noqa: ARG002  # the Protocol's
        """Those of all samples."""
        self._check()
        return sorted({name for each in self._people.values() for one in each.samples for name in one.others})

    def unmade(self, model: str, now: datetime) -> Sequence[Unmade]:  # noqa: ARG002  # the Protocol's
        """Samples without a template of the model."""
        self._check()
        return [
            Unmade(one.number, person, one.face is not None)
            for person in sorted(self._people)
            for one in self._people[person].samples
            if model != one.model and model not in one.others
        ]

    def face(self, number: int, now: datetime) -> bytes | None:  # noqa: ARG002  # the Protocol's
        """The face of the sample."""
        self._check()
        samples = (one for each in self._people.values() for one in each.samples)
        return next((one.face for one in samples if one.number == number), None)

    def add_templates(self, model: str, templates: Mapping[int, bytes], now: datetime) -> None:  # noqa: ARG002  # the Protocol's
        """Add them to the samples."""

        def added(one: Sample) -> Sample:
            made = templates.get(one.number)
            return one if made is None or one.model == model else replace(one, others={**one.others, model: made})

        self._each_sample(added)
        self.changes.append(f"add_templates {model}")

    def lead(self, model: str, now: datetime) -> Versions:
        """Exchange the templates."""

        def led(one: Sample) -> Sample:
            if model not in one.others:
                return one
            rest = {name: template for name, template in one.others.items() if name != model}
            return replace(one, template=one.others[model], model=model, others={**rest, one.model: one.template})

        self._each_sample(led)
        return self._changed(f"lead {model}", now, roster=False, gallery=True)

    def forget_model(self, model: str, now: datetime) -> None:  # noqa: ARG002  # the Protocol's
        """Take the templates away."""
        self._each_sample(
            lambda one: replace(one, others={name: made for name, made in one.others.items() if name != model})
        )
        self.changes.append(f"forget {model}")

    def _each_sample(self, change: Callable[[Sample], Sample]) -> None:
        self._check()
        self._people = {
            person: replace(each, samples=tuple(map(change, each.samples))) for person, each in self._people.items()
        }

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Add samples; a person's picture counts once."""
        self._check()
        there = self._people.get(person)
        known = there or Person(person, rights)
        kept = {each.picture: each for each in known.samples}
        for sample in samples:
            kept.pop(sample.picture, None)
            kept[sample.picture] = self._numbered(sample)
        self._people[person] = replace(known, samples=tuple(kept.values()))
        return self._changed(f"add {person}", now, roster=there is None, gallery=True)

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Replace the rights."""
        self._check()
        if person in self._people:
            self._people[person] = replace(self._people[person], rights=rights)
        return self._changed(f"set_rights {person}", now, roster=True, gallery=False)

    def arrangements(self, now: datetime) -> Arrangements:  # noqa: ARG002  # the Protocol's
        """All of them."""
        self._check()
        return self._arrangements

    def arrange(
        self,
        now: datetime,
        *,
        put: Sequence[GroupEntry | ScheduleEntry] = (),
        group: str | None = None,
        schedule: str | None = None,
    ) -> Versions:
        """Have them as they are given."""
        self._check()
        groups = {each: entry for each, entry in self._arrangements.groups.items() if each != group}
        schedules = {each: entry for each, entry in self._arrangements.schedules.items() if each != schedule}
        self._arrangements = Arrangements(groups, schedules).with_entries(*put)
        return self._changed("arrange", now, roster=True, gallery=False)

    def credentials(self, now: datetime) -> tuple[HashedCredential, ...]:  # noqa: ARG002  # the Protocol's
        """All of them."""
        self._check()
        return tuple(each for _, each in sorted(self._credentials.items()))

    def set_credential(self, credential: HashedCredential, rights: Rights, now: datetime) -> Versions:
        """Replace it."""
        self._check()
        self._people.setdefault(credential.person, Person(credential.person, rights))
        self._credentials[credential.person, credential.credential] = credential
        return self._changed(f"set_credential {credential.person}", now, roster=True, gallery=False)

    def remove_credential(self, person: str, credential: str, now: datetime) -> Versions | None:
        """Forget it."""
        self._check()
        if self._credentials.pop((person, credential), None) is None:
            return None
        return self._changed(f"remove_credential {person}", now, roster=True, gallery=False)

    def put(
        self, people: Sequence[Person], now: datetime, arranged: Sequence[GroupEntry | ScheduleEntry] = ()
    ) -> Versions:
        """Have these people as they are given."""
        self._check()
        self._arrangements = self._arrangements.with_entries(*arranged)
        self._people |= {
            each.person: replace(each, samples=tuple(map(self._numbered, each.samples)), damaged=0, credentials=())
            for each in people
        }
        replaced = {each.person for each in people}
        kept = {key: one for key, one in self._credentials.items() if key[0] not in replaced}
        theirs = {(one.person, one.credential): one for each in people for one in each.credentials}
        self._credentials = {**kept, **theirs}
        return self._changed(f"put {' '.join(each.person for each in people)}", now, roster=True, gallery=True)

    def reseal(self, people: Sequence[Person], now: datetime) -> None:  # noqa: ARG002  # the Protocol's
        """Replace the samples that have the same numbers."""
        self._check()
        for each in people:
            known = self._people[each.person]
            new = {sample.number: sample for sample in each.samples}
            self._people[each.person] = replace(
                known, samples=tuple(new.get(sample.number, sample) for sample in known.samples)
            )
            self.changes.append(f"reseal {each.person}")

    def scrub(self) -> None:
        """Nothing is left."""
        self._check()

    def remove_sample(self, person: str, number: int, now: datetime) -> Versions | None:
        """Forget the sample."""
        self._check()
        known = self._people.get(person)
        left = tuple(each for each in known.samples if each.number != number) if known else ()
        if known is None or len(left) == len(known.samples):
            return None
        self._people[person] = replace(known, samples=left)
        return self._changed(f"remove_sample {person}", now, roster=False, gallery=True)

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Forget the person."""
        self._check()
        if self._people.pop(person, None) is None:
            return None
        self._credentials = {key: one for key, one in self._credentials.items() if key[0] != person}
        return self._changed(f"remove {person}", now, roster=True, gallery=True)

    def close(self) -> None:
        """Nothing is open."""

    def _numbered(self, sample: Sample) -> Sample:
        self._numbers += 1
        return replace(sample, number=self._numbers)

    def _check(self) -> None:
        if self.failing is not None:
            raise StorageFailed(self.failing)
        if self.damaged is not None:
            raise StoreDamaged(self.damaged)

    def _changed(self, what: str, now: datetime, *, roster: bool, gallery: bool) -> Versions:
        self._versions = self.versions(now).raised(now, roster=roster, gallery=gallery)
        self.changes.append(what)
        return self._versions
