"""What a store of the people does; `sqlite_store` keeps them on disk, `fakes` in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, Self

from doorbus.wire.messages import GroupEntry, HashedCredential, Rights, ScheduleEntry
from doorbus_enroller.arrangements import Arrangements


class StorageFailed(Exception):  # noqa: N818  # an outcome that is told to the requester
    """The people could not be read or written; the text names the file, what is wrong and the way out."""


class StoreDamaged(StorageFailed):
    """What is kept is there and cannot be read, as a whole: no better disk and no other right helps."""


@dataclass(frozen=True)
class Sample:
    """What is kept of one picture; the picture itself is not."""

    template: bytes = field(repr=False)
    """The template, sealed for this person alone."""
    model: str
    """Embedding model that made the template."""
    quality: float
    picture: str
    """The SHA-256 of the picture."""
    created_at: datetime
    brightness: float | None = None
    """Of the aligned face, 0 to 1."""
    face: bytes | None = field(default=None, repr=False, compare=False)
    """The aligned face, a JPEG, sealed for this person alone; None where it is not kept, or was not asked for."""
    number: int = field(default=0, compare=False)
    """By which the store knows it; given by the store."""
    others: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """Templates of other models, sealed as the template is; none where they were not asked for."""


@dataclass(frozen=True)
class Unmade:
    """A sample that has no template of a model."""

    number: int
    person: str
    face: bool
    """Whether its aligned face is kept, of which one can be made."""


@dataclass(frozen=True)
class Person:
    """A person with rights and samples, these in the order in which they came."""

    person: str
    rights: Rights | None
    """None when they cannot be read."""
    samples: tuple[Sample, ...] = ()
    damaged: int = 0
    """Samples that cannot be read, and are not among these."""
    credentials: tuple[HashedCredential, ...] = ()
    """PINs and tags of somebody who is put back."""

    @property
    def effective_rights(self) -> Rights:
        """The rights; those that cannot be read allow nothing."""
        return self.rights or Rights(enabled=False, doors=())


@dataclass(frozen=True)
class Everybody:
    """Who is there."""

    rights: Mapping[str, Rights | None]
    """Of everybody, in order of the ids; None when they cannot be read."""
    model: str | None = None
    """Embedding model of most samples; others are damaged. None when there is no sample."""
    lost: int = 0
    """People and samples of whom nobody can say any more who they are."""


@dataclass(frozen=True)
class Versions:
    """The versions of the two maps made of the people.

    The roster's rises with every change of who is there and with what rights, the gallery's with every change of
    samples. A version is at least the time of its change in Unix milliseconds, so that it rises even if the file is
    lost.
    """

    roster: int
    gallery: int

    @classmethod
    def first(cls, now: datetime) -> Self:
        """Of a store that is new."""
        return cls(next_version(0, now), next_version(0, now))

    def ahead_of(self, others: "Versions", now: datetime) -> "Versions":
        """Each above that of `others`; the higher ones stay."""
        return Versions(
            self.roster if self.roster > others.roster else next_version(others.roster, now),
            self.gallery if self.gallery > others.gallery else next_version(others.gallery, now),
        )

    def raised(self, now: datetime, *, roster: bool, gallery: bool) -> "Versions":
        """After a change of the maps that are named."""
        return Versions(
            next_version(self.roster, now) if roster else self.roster,
            next_version(self.gallery, now) if gallery else self.gallery,
        )


class Store(Protocol):
    """Keeps the people. Every method but `close` raises `StorageFailed`; a change that raises has not happened.

    `now` dates the versions: those of a new store, and those that a change raises.
    """

    @property
    def name(self) -> str:
        """What it is called where something is wrong with it."""
        ...

    def is_new(self) -> bool:
        """Whether nothing was ever kept here, as in a file that is missing or empty."""
        ...

    def set_aside(self, now: datetime) -> None:
        """Keep what is damaged under another name; there is nothing here after that."""
        ...

    def begin(self, now: datetime) -> None:
        """Make of one that is new one that keeps nobody; without this all that follows fails there."""
        ...

    def versions(self, now: datetime) -> Versions:
        """Those of the last change."""
        ...

    def outrun(self, others: Versions, now: datetime) -> Versions:
        """Raise each version that is not above that of `others`; what is kept stays as it is."""
        ...

    def people(self, now: datetime) -> Everybody:
        """Who is there."""
        ...

    def rights(self, person: str, now: datetime) -> Person | None:
        """The person with this id, if there, without samples."""
        ...

    def find(self, person: str, now: datetime, *, faces: bool = False, model: str | None = None) -> Person | None:
        """The person with this id, if there; with `faces` also those of the samples, and templates of other models.

        With `model` the samples that have a template of this one, with that.
        """
        ...

    def other_models(self, now: datetime) -> Sequence[str]:
        """The models of which samples have templates besides those that they have as their own."""
        ...

    def unmade(self, model: str, now: datetime) -> Sequence[Unmade]:
        """The samples that have no template of a model, in the order of people."""
        ...

    def face(self, number: int, now: datetime) -> bytes | None:
        """The sealed face of a sample, if it is there and has one."""
        ...

    def add_templates(self, model: str, templates: Mapping[int, bytes], now: datetime) -> None:
        """Add templates of another model to those of these samples that are there; versions stay."""
        ...

    def lead(self, model: str, now: datetime) -> Versions:
        """Make the templates of another model those of the samples, and those that they had the other ones."""
        ...

    def forget_model(self, model: str, now: datetime) -> None:
        """Forget the templates of another model."""
        ...

    def add(self, person: str, samples: Sequence[Sample], rights: Rights, now: datetime) -> Versions:
        """Add samples, all or none; a person who is not there yet is added with `rights`.

        A picture counts once: a new sample of it takes the place of the former, which may be damaged.
        """
        ...

    def set_rights(self, person: str, rights: Rights, now: datetime) -> Versions:
        """Replace the rights of a person who is there."""
        ...

    def arrangements(self, now: datetime) -> Arrangements:
        """All groups and schedules; those that cannot be read are not there."""
        ...

    def arrange(
        self,
        now: datetime,
        *,
        put: Sequence[GroupEntry | ScheduleEntry] = (),
        group: str | None = None,
        schedule: str | None = None,
    ) -> Versions:
        """Have these groups and schedules as they are given, and forget a group or a schedule."""
        ...

    def credentials(self, now: datetime) -> tuple[HashedCredential, ...]:
        """All PINs and tags, by person; those that cannot be read are not there."""
        ...

    def set_credential(self, credential: HashedCredential, rights: Rights, now: datetime) -> Versions:
        """Give a person a PIN or a tag, in place of one of the same name; who is not there is added with `rights`."""
        ...

    def remove_credential(self, person: str, credential: str, now: datetime) -> Versions | None:
        """Take a PIN or a tag away; None when it was not there, and nothing has changed."""
        ...

    def put(
        self, people: Sequence[Person], now: datetime, arranged: Sequence[GroupEntry | ScheduleEntry] = ()
    ) -> Versions:
        """Have these people, groups and schedules exactly as they are given, all or none; others stay as they are."""
        ...

    def reseal(self, people: Sequence[Person], now: datetime) -> None:
        """Replace templates and faces of samples by others that say the same, all or none; versions stay."""
        ...

    def scrub(self) -> None:
        """Leave nothing in the file of what was replaced."""
        ...

    def remove_sample(self, person: str, number: int, now: datetime) -> Versions | None:
        """Forget one sample; None when it was not there, and nothing has changed."""
        ...

    def remove(self, person: str, now: datetime) -> Versions | None:
        """Forget a person with all samples; None when nobody was there, and nothing has changed."""
        ...

    def close(self) -> None:
        """Let go of the file; once more is fine."""
        ...


def next_version(previous: int, now: datetime) -> int:
    """Higher than `previous`, and than any version of a file that was lost before `now`."""
    return max(previous + 1, int(now.timestamp() * 1000))
