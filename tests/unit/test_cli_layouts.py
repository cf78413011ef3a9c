"""Whose picture each file is, in the folders of other programs."""

from hypothesis import given
from hypothesis import strategies as st

from doorbus.cli.layouts import Found, people_in, subjects_of
from doorbus.wire.ids import is_slug


def _found(*paths: str, subjects: dict[str, str] | None = None) -> Found:
    return people_in([tuple(path.split("/")) for path in paths], subjects or {})


def _people(found: Found) -> dict[str, tuple[str | None, list[str]]]:
    return {one.person: (one.name, ["/".join(path) for path in one.pictures]) for one in found.people}


def test_a_folder_is_a_person_as_deepface_and_face_recognition_have_it() -> None:
    found = _found(
        "alice/2.png", "alice/1.jpg", "bob/deep/er/x.JPEG", "representations_vgg_face.pkl", "alice/notes.txt"
    )

    assert _people(found) == {"alice": (None, ["alice/1.jpg", "alice/2.png"]), "bob": (None, ["bob/deep/er/x.JPEG"])}
    assert found.left_out == {}


def test_a_name_that_is_no_id_makes_one_and_stays_the_name_for_people() -> None:
    found = _found("Zoë Bee/1.jpg", "Barack_Obama/1.jpg", "Ζωή/1.jpg", "old_id/1.jpg")

    assert {one.person: one.name for one in found.people} == {
        "barack-obama": "Barack Obama",
        "old_id": None,
        "zoe-bee": "Zoë Bee",
        "person-5114bd79": "Ζωή",
    }


def test_a_file_beside_the_folders_is_a_person_as_the_command_face_recognition_has_it() -> None:
    assert _people(_found("Alice.jpg", "bob/1.jpg")) == {
        "alice": ("Alice", ["Alice.jpg"]),
        "bob": (None, ["bob/1.jpg"]),
    }


def test_two_names_that_make_one_id_are_not_mixed() -> None:
    found = _found("Zoe Bee/1.jpg", "Zoë Bee/1.jpg")

    assert _people(found) == {"zoe-bee": ("Zoe Bee", ["Zoe Bee/1.jpg"])}
    assert found.left_out == {("Zoë Bee", "1.jpg"): "the id zoe-bee is that of Zoe Bee, too; rename one"}


def test_frigates_unconfirmed_guesses_are_nobody() -> None:
    faces = ("alice/a.webp", "bob/b.webp", "train/1731.2-x-alice-0.9.webp")
    for inside in ("", "faces/", "clips/faces/"):
        found = _found(*(f"{inside}{one}" for one in faces))

        assert [one.person for one in found.people] == ["alice", "bob"]
        assert list(found.left_out.values()) == [
            "a guess of Frigate's that nobody has confirmed; rename train if it is a person"
        ]


def test_the_other_media_of_frigate_are_nobody() -> None:
    found = _found("clips/faces/alice/a.webp", "clips/porch-1731.jpg", "recordings/x.mp4")

    assert [one.person for one in found.people] == ["alice"]
    assert found.left_out == {("clips", "porch-1731.jpg"): "not among the people, who are in clips/faces/"}


def test_double_takes_people_are_in_train_and_its_matches_are_not() -> None:
    found = _found("train/alice/1.jpg", "train/Bob/2.jpg", "matches/3.jpg", "latest/porch.jpg", "config/config.yml")

    assert {one.person for one in found.people} == {"alice", "bob"}
    assert set(found.left_out) == {("matches", "3.jpg"), ("latest", "porch.jpg")}


def test_comprefaces_listing_says_whose_picture_is_whose() -> None:
    listing = {
        "faces": [
            {"image_id": "7a", "subject": "Alice Smith"},
            {"image_id": "7b", "subject": "bob"},
            "nonsense",
            {"x": 1},
        ],
        "page_number": 0,
    }
    found = _found("faces.json", "images/7a.jpg", "7b.png", subjects=subjects_of(listing))

    assert _people(found) == {"alice-smith": ("Alice Smith", ["images/7a.jpg"]), "bob": (None, ["7b.png"])}
    assert subjects_of([1]) == subjects_of({"faces": 7}) == subjects_of(None) == {}


def test_folders_around_the_people_are_looked_into() -> None:
    assert [one.person for one in _found("backup/images/alice/1.jpg", "backup/images/bob/1.jpg").people] == [
        "alice",
        "bob",
    ]
    assert [one.person for one in _found("alice/1.jpg", "alice/2.jpg").people] == ["alice"]


def test_what_machines_leave_behind_is_passed_over_and_unread_kinds_are_told() -> None:
    found = _found("alice/.hidden.jpg", "alice/@eaDir/1.jpg", "__MACOSX/alice/1.jpg", "alice/1.heic", "alice/1.jpg")

    assert _people(found) == {"alice": (None, ["alice/1.jpg"])}
    assert list(found.left_out) == [("alice", "1.heic")]


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
PATHS = st.lists(st.lists(NAMES | st.sampled_from(["train", "faces", "clips"]), min_size=1, max_size=4), max_size=8)


@given(PATHS, st.sampled_from(["jpg", "png", "heic", "txt"]))
def test_every_picture_is_somebodys_or_is_told_once(paths: list[list[str]], ending: str) -> None:
    files = {(*path[:-1], f"{path[-1]}.{ending}") for path in paths}
    found = people_in(files, {})
    taken = [path for one in found.people for path in one.pictures]

    assert all(is_slug(one.person) for one in found.people)
    assert len({one.person for one in found.people}) == len(found.people)
    assert len(set(taken)) == len(taken)
    assert not set(taken) & set(found.left_out)
    shown = {path for path in files if not any(name.startswith(".") for name in path)}
    if ending in {"jpg", "png"}:
        assert {*taken, *found.left_out} == shown
