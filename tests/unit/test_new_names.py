"""Names that people give, and those that were given before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from doorbus.wire.messages import (
    EnrolFromCamera,
    Message,
    Rights,
    RosterEntry,
    SetCredential,
    SetGroup,
    SetSchedule,
    Update,
)
from doorbus.wire.plain import plain

GIVEN: list[tuple[type[Message], str, dict[str, str]]] = [
    (Update, "name", {}),
    (SetGroup, "name", {}),
    (SetSchedule, "name", {}),
    (EnrolFromCamera, "name", {"door": "front", "camera": "porch"}),
    (SetCredential, "guest", {"code": "274163"}),
]


@pytest.mark.parametrize(("model", "field", "rest"), GIVEN)
@given(name=st.text(max_size=20))
def test_every_name_that_can_be_given_does_no_more_than_be_read(
    model: type[Message], field: str, rest: dict[str, str], name: str
) -> None:
    given_now = {**rest, field: name}
    if plain(name) == name:
        assert getattr(model.model_validate(given_now), field) == name
    else:
        with pytest.raises(ValidationError, match="no control characters"):
            model.model_validate(given_now)


@given(name=st.text(max_size=20))
def test_what_is_kept_and_told_is_read_whatever_name_is_in_it(name: str) -> None:
    assert Rights(name=name).name == RosterEntry(person="alice", name=name).name == name
