"""How other programs keep the faces they know, as folders and files: whose picture is which. Pure.

A path is the names of its folders and of its file, from the folder that was given on.

- deepface, face_recognition's nearest neighbours, ha-facerec-js and Double Take (`train/`) have a folder a person.
- Frigate (`clips/faces/`) has the same, and beside the people its recent guesses directly in `train/`.
- The command face_recognition has a file a person, named after them.
- CompreFace has no export of its own; what its API answers to `GET /api/v1/recognition/faces`, saved as a JSON file,
  says whose picture each `image_id` is, whatever the folders.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from doorbus.wire.ids import id_of_name, is_slug

Path = tuple[str, ...]

READ = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "tif", "tiff", "gif", "avif"})
"""The endings of pictures that can be read."""
_UNREAD = frozenset({"heic", "heif", "jxl", "raw", "dng", "cr2", "nef", "arw", "psd"})
"""The endings of pictures that cannot."""
_BY_MACHINES = frozenset({"@eadir", "__macosx", "thumbs.db"})
_TRAIN = "train"
_WRAPPERS = (("clips", "faces"), ("faces",), (_TRAIN,))
"""Folders of people inside of what other programs store besides."""


@dataclass(frozen=True)
class Folder:
    """The pictures of one person."""

    person: str
    """The id."""
    name: str | None
    """For people; None where the id says it as well."""
    pictures: tuple[Path, ...]


@dataclass(frozen=True)
class Found:
    """What is to be imported, and what is left out."""

    people: tuple[Folder, ...] = ()
    left_out: Mapping[Path, str] = field(default_factory=dict)
    """Why, by path."""


def people_in(files: Iterable[Path], subjects: Mapping[str, str]) -> Found:
    """Whose picture each of `files` is. `subjects` are CompreFace's: whom a file shows that is named like this."""
    seen = sorted(path for path in files if not any(map(_by_a_machine, path)))
    left_out = {
        path: f"no picture of a kind that is read ({', '.join(sorted(READ))})" for path in seen if _unread(path)
    }
    pictures = [path for path in seen if _ending(path) in READ]
    top = _top(pictures)
    whose: dict[str, list[Path]] = {}
    for path in pictures:
        below = path[len(top) :] if path[: len(top)] == top else ()
        if (subject := subjects.get(_stem(path))) is not None:
            whose.setdefault(subject, []).append(path)
        elif not below:
            left_out[path] = f"not among the people, who are in {'/'.join(top)}/"
        elif len(below) == 2 and below[0] == _TRAIN:  # noqa: PLR2004  # folder, file
            left_out[path] = "a guess of Frigate's that nobody has confirmed; rename train if it is a person"
        else:
            whose.setdefault(_stem(path) if len(below) == 1 else below[0], []).append(path)
    return _named(whose, left_out)


def subjects_of(listing: object) -> dict[str, str]:
    """Whom each file shows, by an answer of CompreFace's; nothing when this is none."""
    faces = listing.get("faces") if isinstance(listing, Mapping) else None
    if not isinstance(faces, Sequence):
        return {}
    pairs = ((one.get("image_id"), one.get("subject")) for one in faces if isinstance(one, Mapping))
    return {image: subject for image, subject in pairs if isinstance(image, str) and isinstance(subject, str)}


def _named(whose: Mapping[str, Sequence[Path]], left_out: dict[Path, str]) -> Found:
    people: dict[str, Folder] = {}
    for called, pictures in whose.items():
        person = called if is_slug(called) else id_of_name(called)
        if person is None:
            left_out |= dict.fromkeys(pictures, f"{called!r} has no letter to make an id of")
        elif (other := people.get(person)) is not None:
            left_out |= dict.fromkeys(
                pictures, f"the id {person} is that of {other.name or other.person}, too; rename one"
            )
        else:
            name = None if called == person else " ".join(called.replace("_", " ").split())
            people[person] = Folder(person, name, tuple(pictures))
    return Found(tuple(people.values()), left_out)


def _top(pictures: Sequence[Path]) -> Path:
    """The folder that people's folders are in."""
    top: Path = ()
    while (deeper := _deeper(pictures, top)) is not None:
        top = deeper
    return top


def _deeper(pictures: Sequence[Path], top: Path) -> Path | None:
    for wrapper in _WRAPPERS:
        inside = (*top, *wrapper)
        below = [path for path in pictures if path[: len(inside)] == inside]
        if below and all(len(path) > len(inside) + 1 or wrapper != (_TRAIN,) for path in below):
            return inside
    folders = {path[len(top)] for path in pictures if len(path) > len(top) and path[: len(top)] == top}
    only = (*top, next(iter(folders))) if len(folders) == 1 else None
    below = [path for path in pictures if path[: len(top)] == top]
    return only if only and all(len(path) > len(only) + 1 for path in below) else None


def _by_a_machine(name: str) -> bool:
    return name.startswith(".") or name.lower() in _BY_MACHINES


def _unread(path: Path) -> bool:
    return _ending(path) in _UNREAD


def _ending(path: Path) -> str:
    return path[-1].rpartition(".")[2].lower()


def _stem(path: Path) -> str:
    return path[-1].rpartition(".")[0]
