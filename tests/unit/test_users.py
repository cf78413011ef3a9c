"""Who the broker's users are, what they may, and how their passwords are kept."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbus.site import acl
from doorbus.site.passwords import hashed, new_password
from doorbus.site.users import User, UserError, everybody, named
from doorbus.testing import matches
from doorbus.wire.channels import CHANNELS, Role
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

slugs = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True).filter(lambda one: one not in set(Role))


@given(slugs, st.sampled_from(Role), st.dictionaries(st.sampled_from(["door", "camera", "instance"]), slugs))
def test_a_named_user_may_nothing_that_its_role_may_not(name: str, role: Role, ids: dict[str, str]) -> None:
    try:
        user = named(name, role, ids)
    except UserError:
        return
    for write in (True, False):
        wide = acl.filters(TOPICS, User(role.value, role), write=write)
        for narrow in acl.filters(TOPICS, user, write=write):
            assert any(matches(one, narrow.replace("+", "x")) for one in wide)


@given(slugs, slugs, slugs)
def test_a_camera_of_its_own_sends_its_own_frames_only(door: str, camera: str, other: str) -> None:
    user = named("x-camera", Role.CAPTURE, {"door": door, "camera": camera})
    frames = next(channel for channel in CHANNELS if channel.name == "frame")
    writes = acl.filters(TOPICS, user, write=True)

    def may(topic: str) -> bool:
        return any(matches(one, topic) for one in writes)

    assert may(TOPICS.topic(frames, door=door, camera=camera))
    assert may(TOPICS.topic(frames, door=door, camera=other)) is (camera == other)
    assert may(TOPICS.topic(frames, door=other, camera=camera)) is (door == other)


@pytest.mark.parametrize(
    ("name", "role", "ids", "sentence"),
    [
        ("Porch", Role.CAPTURE, {}, "a user's name is"),
        ("a\nuser root", Role.CAPTURE, {}, "a user's name is"),
        ("viewer", Role.CAPTURE, {}, "the name of a role"),
        ("one", Role.CAPTURE, {"door": "+"}, "is no id"),
        ("one", Role.CAPTURE, {"person": "alice"}, "cannot be narrowed to one person"),
        (
            "one",
            Role.ENROLLER,
            {"person": "alice"},
            "cannot be narrowed to one person",
        ),
    ],
)
def test_a_user_that_would_have_other_rights_than_it_seems_is_refused(
    name: str, role: Role, ids: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        named(name, role, ids)


def test_the_users_of_all_roles_are_there() -> None:
    tablet = User("tablet", Role.VIEWER)

    assert [user.name for user in everybody([tablet])] == [*(role.value for role in Role), "tablet"]


@given(st.text(min_size=1, max_size=40), st.binary(min_size=12, max_size=12))
def test_a_password_is_hashed_as_mosquitto_reads_it(password: str, salt: bytes) -> None:
    _, kind, rounds, salted, digest = hashed(password, salt).split("$")

    assert kind == "7"
    assert base64.b64decode(salted) == salt
    assert base64.b64decode(digest) == hashlib.pbkdf2_hmac("sha512", password.encode(), salt, int(rounds))


def test_passwords_differ_and_are_long() -> None:
    made = {new_password() for _ in range(100)}

    assert len(made) == 100
    assert min(map(len, made)) >= 32
