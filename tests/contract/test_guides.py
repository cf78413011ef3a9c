"""The documents that people read, held to the code that they speak of."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorbus.cli import env
from doorbus.wire.channels import CHANNELS, OPTIONAL, SERVICES, Role
from doorbus.wire.messages import ErrorCode, Reason
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS

REPOSITORY = Path(__file__).parents[2]
GUIDES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *REPOSITORY.glob("docs/*.md"),
        *REPOSITORY.glob("docs/decisions/*.md"),
        *REPOSITORY.glob("examples/*/README.md"),
        *REPOSITORY.glob("mosquitto/README.md"),
        *REPOSITORY.glob("services/*/README.md"),
    ]
)
SOURCES = [REPOSITORY / name for name in ("bench", "bus/src", "scripts", "services", "tests")]
PEOPLE = {Role.OPERATOR, Role.CONSOLE, Role.HOMEASSISTANT, Role.NODERED}


def rows(path: Path, heading: str) -> Iterator[tuple[str, ...]]:
    """Cells of the table whose first line begins with `heading`."""
    lines = path.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return
        yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def who(cell: str) -> set[Role]:
    groups = {"people": PEOPLE, "readers": PEOPLE | {Role.VIEWER}}
    return {role for word in cell.split(", ") for role in groups.get(word) or {Role(word)}}


def anchors(path: Path) -> set[str]:
    """What a link may name behind its `#`: the headings of a document, as forges write them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def leads_somewhere(path: Path, link: str) -> bool:
    """Whether a link in the document `path` names a file that is there, and a heading of it."""
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    return target.exists() and (not anchor or anchor in anchors(target))


def test_the_readme_is_a_front_door_and_no_house() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 130


def test_every_reason_of_a_decision_is_explained() -> None:
    text = (REPOSITORY / "docs/troubleshooting.md").read_text()
    explained = {name for line in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE) for name in names_in(line)}

    assert explained == {reason.value for reason in Reason}


def test_the_table_of_topics_is_the_channel_table() -> None:
    told = {cells[0]: cells[1:] for cells in rows(REPOSITORY / "docs/architecture.md", "| channel |")}

    assert list(told) == [channel.name for channel in CHANNELS]
    for channel in CHANNELS:
        topic, _, delivery, sent_by, read_by = told[channel.name]
        expiry = f", {channel.expiry} s" if channel.expiry else ""
        assert names_in(topic) == [TOPICS.address(channel).removeprefix(f"{TOPICS.root}/")]
        assert delivery == f"{channel.qos}, {channel.retain}{expiry}"
        assert who(sent_by) == channel.senders
        assert who(read_by) == channel.receivers


def test_the_architecture_shows_the_rooms_of_the_bus_and_no_module_that_is_gone() -> None:
    bus = REPOSITORY / "bus/src/doorbus"
    shown = {
        room: names_in(holds)
        for rooms, holds in rows(REPOSITORY / "docs/architecture.md", "| room of")
        for room in names_in(rooms)
    }

    assert set(shown) == {path.stem for path in bus.iterdir() if re.fullmatch(r"[a-z]+(\.py)?", path.name)}
    modules = {
        path.relative_to(bus).with_suffix("").as_posix() for path in bus.glob("*/*") if path.suffix in ("", ".py")
    }

    assert {f"{room}/{name}" for room, names in shown.items() for name in names} - modules == set()


def test_every_python_file_that_a_guide_names_exists() -> None:
    sources = [f"/{path.relative_to(REPOSITORY).as_posix()}" for top in SOURCES for path in top.rglob("*.py")]
    named = {(path.name, name) for path in GUIDES for name in re.findall(r"`([\w/]+\.py)`", path.read_text())}

    assert named
    assert {
        (guide, name) for guide, name in named if not any(source.endswith(f"/{name}") for source in sources)
    } == set()


def test_the_readmes_of_enroller_and_recorder_explain_every_error() -> None:
    paths = [REPOSITORY / f"services/{service}/README.md" for service in (Role.ENROLLER, Role.RECORDER)]
    explained = {name for path in paths for cells in rows(path, "| code |") for name in names_in(cells[0])}

    assert explained == {code.value for code in ErrorCode}


@pytest.mark.parametrize("service", [*SERVICES, *OPTIONAL])
def test_the_readme_of_a_service_ends_with_its_settings_and_their_defaults(service: Role) -> None:
    text = (REPOSITORY / "services" / service / "README.md").read_text()
    settings = env.of_service(service, env.installed())

    assert settings.count("\n") > 1
    assert text.partition("\n## Settings\n")[2].endswith(f"\n\n{settings}"), "make docs"


def test_every_link_within_the_repository_leads_somewhere() -> None:
    links = {
        (path.relative_to(REPOSITORY).as_posix(), link)
        for path in GUIDES
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text())
        if "://" not in link
    }

    assert links
    assert {(guide, link) for guide, link in links if not leads_somewhere(REPOSITORY / guide, link)} == set()


def test_every_decision_has_a_number_of_its_own_in_name_and_heading() -> None:
    files = sorted(REPOSITORY.glob("docs/decisions/*.md"))
    numbers = [int(path.name[:4]) for path in files]

    assert len(set(numbers)) == len(numbers)
    assert [path.name for path, number in zip(files, numbers, strict=True) if not _is_headed(path, number)] == []


def _is_headed(path: Path, number: int) -> bool:
    return path.read_text().startswith(f"# {number}. ")


def test_every_setting_that_a_guide_names_exists() -> None:
    existing = env.names(env.installed())
    named = {
        (path.name, name)
        for path in GUIDES
        for name in re.findall(r"\bDOORBUS_[A-Z_]*[A-Z]\b", path.read_text())
        if not name.endswith(("NAME", "TLS_"))
    }

    assert {(guide, name) for guide, name in named if name not in existing} == set()
