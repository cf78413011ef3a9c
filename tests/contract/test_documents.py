"""The generated documents: equal to what is committed, and right in themselves."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from doorbus.site import acl, asyncapi
from doorbus.site.users import User
from doorbus.testing import matches
from doorbus.wire.channels import CHANNELS, HEALTH, HOMEASSISTANT_CONFIG, OPTIONAL, SERVICES, Channel, Role
from doorbus.wire.messages import Message, Reason
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from doorbus.wire.topics import Topics
from support.channels import topic_of


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi.document()


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _at(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), reference
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


def test_the_committed_access_rules_are_those_of_the_channel_table(repository: Path) -> None:
    assert (repository / "mosquitto" / "acl").read_text() == acl.text(), "doorbus acl > mosquitto/acl"


def test_the_committed_asyncapi_document_is_that_of_the_channel_table(repository: Path) -> None:
    assert (repository / "docs" / "asyncapi.yaml").read_text() == asyncapi.text(), (
        "doorbus asyncapi > docs/asyncapi.yaml"
    )


def test_the_access_rules_follow_a_root_of_ones_own() -> None:
    rules = [line for line in acl.text(Topics("site/7")).splitlines() if line.startswith("topic ")]

    assert rules
    assert all(line.split()[2].startswith(("site/7/", "homeassistant/")) for line in rules)


def test_the_access_rules_follow_the_prefix_that_home_assistant_looks_under() -> None:
    others = [line for line in acl.text(Topics(discovery="ha")).splitlines() if " doorbus/" not in line]

    assert "topic write ha/+/actuator/+/config" in others
    assert "topic read homeassistant/status" in others  # it says so there whatever the prefix is
    assert not any("homeassistant/+" in line for line in others)


def test_the_access_rules_have_one_section_for_each_role_and_nothing_for_anybody_else() -> None:
    lines = [line for line in acl.text().splitlines() if line and not line.startswith("#")]

    assert [line for line in lines if line.startswith("user ")] == [f"user {role}" for role in Role]
    assert lines[0].startswith("user ")
    assert all(line.startswith(("user ", "topic read ", "topic write ")) for line in lines)
    assert not any("#" in line or line.endswith(" +") for line in lines)


def test_the_access_rules_say_what_the_table_says() -> None:
    wrong = [
        f"{role} {'may' if allowed else 'may not'} {'send' if write else 'read'} {channel.name}"
        for role in Role
        for write in (True, False)
        for rules in [acl.filters(TOPICS, User(role.value, role), write=write)]
        for channel in CHANNELS
        for allowed in [any(matches(one, topic_of(channel, role)) for one in rules)]
        if allowed != (role in (channel.senders if write else channel.receivers))
    ]

    assert not wrong, "by the rules, and not by the table:\n" + "\n".join(wrong)


@pytest.mark.parametrize("channel", [HEALTH, HOMEASSISTANT_CONFIG], ids=lambda one: one.name)
@pytest.mark.parametrize("role", [*SERVICES, *OPTIONAL])
def test_a_service_speaks_for_itself_only(role: Role, channel: Channel[Any]) -> None:
    writes = acl.filters(TOPICS, User(role.value, role), write=True)

    for other in (*SERVICES, *OPTIONAL):
        ids = dict.fromkeys(channel.parameters, "some") | {"service": other.value}
        reaches = any(matches(one, TOPICS.topic(channel, **ids)) for one in writes)
        assert reaches == (other is role and role in channel.senders)


def test_every_reference_in_the_asyncapi_document_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(_references(document))

    assert references
    for reference in references:
        assert _at(document, reference) is not None


def test_the_asyncapi_document_has_every_channel_with_its_parameters(document: dict[str, Any]) -> None:
    assert list(document["channels"]) == [channel.name for channel in CHANNELS]
    for channel in CHANNELS:
        entry = document["channels"][channel.name]
        assert entry["address"] == TOPICS.address(channel)
        assert tuple(entry.get("parameters", {})) == channel.parameters
        assert (entry["x-qos"], entry["x-retain"], entry["x-max-bytes"]) == (
            channel.qos,
            channel.retain.value,
            channel.max_bytes,
        )
        assert entry.get("x-expiry-seconds") == channel.expiry


def test_the_asyncapi_document_has_an_operation_for_each_role_and_direction(document: dict[str, Any]) -> None:
    found = {
        (one["tags"][0]["name"], one["action"], one["channel"]["$ref"].removeprefix("#/channels/"))
        for one in document["operations"].values()
    }
    sends = {(role.value, "send", one.name) for one in CHANNELS for role in one.senders}
    receives = {(role.value, "receive", one.name) for one in CHANNELS for role in one.receivers}

    assert found == sends | receives


def test_the_asyncapi_document_says_who_may_answer_a_request(document: dict[str, Any]) -> None:
    reply = document["operations"]["enroller_receives_enrol"]["reply"]

    assert reply["channel"] == {"$ref": "#/channels/result_reply"}
    assert document["operations"]["enroller_sends_embed_request"]["reply"]["channel"]["$ref"].endswith("embed_reply")
    assert "reply" not in document["operations"]["viewer_receives_enrol"]


def test_the_asyncapi_document_explains_every_reason_that_the_source_explains(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["Reason"]["enum"] == [reason.value for reason in Reason]
    assert "low_margin: The runner-up is too similar." in schemas["Reason"]["description"]
    assert schemas["Face"]["properties"]["yaw"]["description"].startswith("Degrees;")
    assert schemas["RosterEntry"]["properties"]["doors"]["description"].startswith("Doors the person may use;")


def test_the_schemas_refuse_unknown_fields_as_the_codecs_do(document: dict[str, Any]) -> None:
    names = {one.__name__ for one in Message.__subclasses__()}
    objects = {name: one for name, one in document["components"]["schemas"].items() if name in names}

    assert objects
    assert all(one["additionalProperties"] is False for one in objects.values())


def test_examples_in_the_asyncapi_document_are_the_payloads_of_the_documentation(document: dict[str, Any]) -> None:
    payloads = [one["payload"] for one in document["components"]["messages"]["lock_command"]["examples"]]

    assert payloads == ["UNLOCK", {"action": "UNLOCK", "seconds": 5, "by": "reception"}]


def test_the_asyncapi_document_survives_yaml(document: dict[str, Any]) -> None:
    assert yaml.safe_load(asyncapi.text()) == document
