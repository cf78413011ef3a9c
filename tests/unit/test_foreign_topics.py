"""Other programs on the same broker: their topics, and never ours."""

from pathlib import Path

import pytest

from doorbus.site import acl
from doorbus.site.secrets import Site
from doorbus.site.users import User, UserError, named
from doorbus.wire.channels import Role
from doorbus.wire.topics import Topics
from doorbus_capture.sources.address import Kind, parse

FRIGATE = named("frigate", None, {}, ["frigate/#"])
PORCH = named("capture-porch", Role.CAPTURE, {"camera": "porch"}, ["frigate/porch/person/snapshot"])


def _section(text: str, user: str) -> list[str]:
    return text.partition(f"\nuser {user}\n")[2].partition("\nuser ")[0].split("\n")[:-1]


def test_another_program_reads_and_writes_its_own_topics_and_nothing_else() -> None:
    text = acl.text(named=[FRIGATE, PORCH])
    assert _section(text, "frigate") == ["topic write frigate/#", "topic read frigate/#"]


def test_a_user_with_a_role_reads_the_topic_besides() -> None:
    text = acl.text(named=[FRIGATE, PORCH])
    assert "topic read frigate/porch/person/snapshot" in _section(text, "capture-porch")
    assert not [line for line in _section(text, "capture-porch") if line.startswith("topic write frigate")]
    assert "topic write doorbus/v1/door/+/frame/porch" in _section(text, "capture-porch")
    assert "frigate" not in "".join(_section(text, "capture"))


@pytest.mark.parametrize(
    "topic",
    [
        *(
            "",
            "#",
            "+/x",
            "/x",
            "doorbus/v1/door/front/lock/set",
            "doorbus/#",
            "$SYS/#",
            "a/#/b",
            "a/b#",
            "a/+b",
            "x" * 600,
        ),
        "a\ntopic readwrite #",
    ],
)
def test_a_topic_that_is_ours_or_covers_ours_or_is_none_is_given_to_nobody(topic: str) -> None:
    with pytest.raises(UserError, match="the topic"):
        User("frigate", None, topics=(topic,))


def test_a_topic_below_a_root_of_ones_own_is_given_to_nobody(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", topics=Topics("home/7"))
    site.make()
    with pytest.raises(UserError, match="home"):
        site.add(named("home", None, {}, ["home/#"]))
    assert site.named() == ()


def test_somebody_without_role_and_topics_is_nobody() -> None:
    with pytest.raises(UserError, match="give it a role, or topics"):
        named("frigate", None, {})
    with pytest.raises(UserError, match="cannot be narrowed"):
        named("frigate", None, {"camera": "porch"}, ["frigate/#"])


def test_a_site_remembers_the_topics_of_its_users(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.make()
    site.add(FRIGATE)
    site.add(PORCH)
    assert Site(site.directory).named() == (FRIGATE, PORCH)
    assert "topic write frigate/#" in (site.directory / "broker" / "acl").read_text()
    site.revoke("frigate")
    assert "topic write frigate/#" not in (site.directory / "broker" / "acl").read_text()


def test_a_source_names_one_topic() -> None:
    address = parse("mqtt:frigate/porch/person/snapshot")
    assert (address.kind, address.topic) == (Kind.MQTT, "frigate/porch/person/snapshot")
    assert address.shown == "mqtt:frigate/porch/person/snapshot"
    assert not address.kind.live


@pytest.mark.parametrize(
    "text", ["mqtt:", "mqtt://broker/topic", "mqtt:frigate/+/person/snapshot", "mqtt:frigate/#", "mqtt:doorbus/v1/x"]
)
def test_a_source_that_is_no_topic_of_another_program_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give one topic of another program"):
        parse(text)
