"""What others rely on of the bus changes with a new version of the contract only, which tells them what kind it is."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from doorbus.wire.channels import CONTRACT, DEFAULT_ROOT
from support.contract import WRITTEN, Kind, advice, asks_for, changes, current

NOW = current()
Edit = Callable[[dict[str, Any]], object]


def _edited(edit: Edit) -> dict[str, Any]:
    channels: dict[str, Any] = copy.deepcopy(NOW["channels"])
    edit(channels)
    return channels


def _fields(channels: dict[str, Any], name: str = "decision") -> dict[str, Any]:
    fields: dict[str, Any] = channels[name]["payload"]["properties"]
    return fields


def test_a_message_or_channel_changes_with_a_new_version_of_the_contract_only() -> None:
    wrong = advice(yaml.safe_load(WRITTEN.read_text()), NOW)

    assert not wrong, wrong


def test_the_contract_is_written_down_as_it_is() -> None:
    assert yaml.safe_load(WRITTEN.read_text()) == NOW, "make docs"


def test_the_root_carries_the_major_number_of_the_contract() -> None:
    assert f"doorbus/v{CONTRACT.partition('.')[0]}" == DEFAULT_ROOT


ADDITIVE: dict[str, Edit] = {
    "a channel": lambda one: one.update(bell=one["decision"]),
    "an optional field": lambda one: _fields(one).update(mood={"type": "string", "default": ""}),
    "a word": lambda one: _fields(one)["reason"]["enum"].append("moonstruck"),
    "a sender": lambda one: one["decision"]["senders"].append("operator"),
    "a reader": lambda one: one["gallery_shard"]["receivers"].append("viewer"),
    "a larger message": lambda one: one["frame"].update(max_bytes=1 << 30),
    "a longer text": lambda one: _fields(one)["by"]["anyOf"][0].update(maxLength=1000),
    "no bound": lambda one: _fields(one)["by"]["anyOf"][0].pop("maxLength"),
    "null besides": lambda one: _fields(one).update(
        outcome={"anyOf": [_fields(one)["outcome"], {"type": "null"}], "default": None}
    ),
    "one field less to fill in": lambda one: one["decision"]["payload"]["required"].remove("trigger"),
}
BREAKING: dict[str, Edit] = {
    "a channel is gone": lambda one: one.pop("bell", one.pop("decision")),
    "another topic": lambda one: one["decision"].update(address="doorbus/v1/decision/{door}"),
    "another QoS": lambda one: one["decision"].update(qos=0),
    "retained": lambda one: one["decision"].update(retain="yes"),
    "held for a shorter time": lambda one: one["frame"].update(expiry_seconds=1),
    "held for ever": lambda one: one["frame"].pop("expiry_seconds"),
    "a smaller message": lambda one: one["frame"].update(max_bytes=10),
    "a reader less": lambda one: one["decision"]["receivers"].remove("viewer"),
    "a field is gone": lambda one: _fields(one).pop("count"),
    "a field by another name": lambda one: _fields(one).update(number=_fields(one).pop("count")),
    "another type": lambda one: _fields(one)["count"].update(type="string"),
    "another default": lambda one: _fields(one)["count"].update(default=2),
    "a word is gone": lambda one: _fields(one)["reason"]["enum"].remove("cooldown"),
    "no null": lambda one: _fields(one)["by"]["anyOf"].pop(),
    "a new bound": lambda one: _fields(one)["count"].update(maximum=9),
    "a field that must be there": lambda one: one["decision"]["payload"]["required"].append("by"),
    "other templates under the seal": lambda one: one["gallery_shard"]["sealed"]["items"]["properties"].pop(
        "templates"
    ),
    "an answer somewhere else": lambda one: one["enrol"].update(replies=[]),
    "a user property is gone": lambda one: one["frame"]["user_properties"]["properties"].pop("frame_id"),
}


@pytest.mark.parametrize("edit", ADDITIVE.values(), ids=ADDITIVE)
def test_what_is_new_and_optional_asks_for_a_new_minor_version(edit: Edit) -> None:
    found = list(changes(NOW["channels"], _edited(edit), "channels"))

    assert {one.kind for one in found} == {Kind.ADDITIVE}
    assert asks_for("1.4", found) == "1.5"


@pytest.mark.parametrize("edit", BREAKING.values(), ids=BREAKING)
def test_what_others_would_stumble_over_asks_for_a_new_root(edit: Edit) -> None:
    found = list(changes(NOW["channels"], _edited(edit), "channels"))

    assert Kind.BREAKING in {one.kind for one in found}
    assert asks_for("1.4", found) == "2.0"


@given(st.lists(st.sampled_from([*ADDITIVE.values()]), unique=True, min_size=1))
def test_to_take_back_what_was_added_breaks_the_contract(edits: list[Edit]) -> None:
    after = _edited(lambda one: [edit(one) for edit in edits])

    assert list(changes(after, after)) == []
    assert {one.kind for one in changes(NOW["channels"], after, "channels")} == {Kind.ADDITIVE}
    assert Kind.BREAKING in {one.kind for one in changes(after, NOW["channels"], "channels")}


@pytest.mark.parametrize(
    ("edit", "version", "told"),
    [
        (ADDITIVE["an optional field"], "1.1", ""),
        (ADDITIVE["an optional field"], "1.0", 'additive: decision payload mood is new\nSet CONTRACT = "1.1"'),
        (ADDITIVE["an optional field"], "2.0", 'Set CONTRACT = "1.1" in bus/'),
        (BREAKING["a field is gone"], "2.0", ""),
        (BREAKING["a field is gone"], "1.0", "breaking: decision payload count is gone\n"),
        (BREAKING["a field is gone"], "1.1", 'Set CONTRACT = "2.0" and DEFAULT_ROOT = "doorbus/v2"'),
        (lambda _: None, "1.0", ""),
        (lambda _: None, "1.1", "asks for 1.0: nothing has"),
    ],
)
def test_the_developer_is_told_what_changed_and_what_to_do(edit: Edit, version: str, told: str) -> None:
    said = advice({"version": "1.0", "channels": NOW["channels"]}, {"version": version, "channels": _edited(edit)})

    assert told in said
    assert bool(told) == bool(said)
