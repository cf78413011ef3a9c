"""Where things may stand. import-linter watches the layers; this watches what it cannot see."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from doorbus.wire.channels import CHANNELS, DEFAULT_ROOT, HOMEASSISTANT_PREFIX, Under

ADAPTERS = {
    "RPi": {"services/actuator/src/doorbus_actuator/rpi.py"},
    "ai_edge_litert": {"services/recognizer/src/doorbus_recognizer/models/tflite.py"},
    "aiomqtt": {"bus/src/doorbus/runtime/mqtt.py"},
    "cryptography": {"bus/src/doorbus/site/certificates.py", "bus/src/doorbus/wire/seal.py"},
    "cv2": {
        "services/capture/src/doorbus_capture/imaging.py",
        "services/capture/src/doorbus_capture/sources/video.py",
        "services/recognizer/src/doorbus_recognizer/models/imaging.py",
    },
    "deepface": {"services/recognizer/src/doorbus_recognizer/models/registry.py"},
    "h11": {"services/capture/src/doorbus_capture/webhook.py"},
    "multipart": {"services/capture/src/doorbus_capture/forms.py"},
    "onnxruntime": {"services/recognizer/src/doorbus_recognizer/models/onnx.py"},
    "opening_hours": {"bus/src/doorbus/wire/hours.py"},
    "paho": {"bus/src/doorbus/runtime/mqtt.py"},
    "rich": {"bus/src/doorbus/cli/"},
    "sqlite3": {"services/enroller/src/doorbus_enroller/store.py"},
    "tensorflow": {"services/recognizer/src/doorbus_recognizer/models/registry.py"},
    "typer": {"bus/src/doorbus/cli/"},
    "yaml": {"bus/src/doorbus/site/asyncapi.py"},
}
"""Each foreign library, and the files (or the folder) that alone may import it."""

POLICY = ("challenge", "clock", "commands", "deciding", "events", "rules", "state", "tables", "telling", "votes")
PURE = (
    "bus/src/doorbus/site/acl.py",
    "bus/src/doorbus/cli/checks.py",
    "bus/src/doorbus/cli/scene.py",
    "bus/src/doorbus/homeassistant.py",
    *(f"services/actuator/src/doorbus_actuator/policy/{name}.py" for name in POLICY),
    "services/capture/src/doorbus_capture/bridge.py",
    "services/capture/src/doorbus_capture/posting.py",
    "services/capture/src/doorbus_capture/sampling.py",
    "services/enroller/src/doorbus_enroller/enrolment.py",
    "services/enroller/src/doorbus_enroller/sitting.py",
    "services/recognizer/src/doorbus_recognizer/matching.py",
)
"""Modules that decide: plain data in, plain data out."""

IMPURE = {
    *("asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "shutil"),
    *("signal", "socket", "ssl", "structlog", "subprocess", "sys", "threading", "time", "urllib", "uuid"),
}

REPOSITORY = Path(__file__).parents[2]
SOURCES = sorted([*REPOSITORY.glob("bus/src/**/*.py"), *REPOSITORY.glob("services/*/src/**/*.py")])


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _imports(path: Path) -> Iterator[str]:
    """Whole names of all modules that `path` imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _texts(path: Path) -> Iterator[str]:
    """All strings of `path` that are not documentation."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def _distribution(path: Path) -> str:
    return path.relative_to(REPOSITORY).parts[1] if _name(path).startswith("services/") else "bus"


def test_there_are_sources_to_look_at() -> None:
    assert {_distribution(path) for path in SOURCES} == {"bus", "capture", "recognizer", "actuator", "enroller"}


@pytest.mark.parametrize("library", ADAPTERS)
def test_a_foreign_library_is_imported_by_its_adapters_only(library: str) -> None:
    importers = {_name(path) for path in SOURCES if any(one.split(".")[0] == library for one in _imports(path))}
    allowed = ADAPTERS[library]

    assert {one for one in importers if not one.startswith(tuple(allowed))} == set()


def test_topics_stand_in_the_channel_table_only() -> None:
    pieces = {
        re.escape(piece) for one in CHANNELS for piece in re.split(r"{\w+}", one.template) if "/" in piece.strip("/")
    }
    starts = {
        re.escape(f"{HOMEASSISTANT_PREFIX}/" if one.under is not Under.ROOT else one.template.split("{")[0])
        for one in CHANNELS
        if one.under is not Under.ROOT or one.template.split("/")[1].startswith("{")
    }
    topic = re.compile("|".join([*pieces, *(f"^/?{start}" for start in starts), re.escape(DEFAULT_ROOT)]))
    wrong = [
        f"{_name(path)}: {text}"
        for path in SOURCES
        if _name(path) != "bus/src/doorbus/wire/channels.py"
        for text in _texts(path)
        if topic.search(text)
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__main__.py"], ids=_name)
def test_a_main_only_wires(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize("name", PURE)
def test_a_module_that_decides_touches_nothing(name: str) -> None:
    tree = ast.parse((REPOSITORY / name).read_text())
    called = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert {one.split(".")[0] for one in _imports(REPOSITORY / name)} & IMPURE == set()
    assert not any(one.startswith("doorbus.runtime.s") for one in _imports(REPOSITORY / name)), (
        "settings, session or service"
    )
    assert called & {"now", "utcnow", "today", "getLogger", "open", "read_text"} == set()
    assert not any(isinstance(node, ast.AsyncFunctionDef | ast.Await) for node in ast.walk(tree))


def test_the_actuator_runs_where_there_is_no_numpy() -> None:
    heavy = {"numpy", "cv2", "tensorflow", "deepface", "onnxruntime", "cryptography", "typer", "rich", "yaml"}
    files = [path for path in SOURCES if _distribution(path) == "actuator"]

    assert files
    assert {one.split(".")[0] for path in files for one in _imports(path)} & heavy == set()


def test_only_the_runner_goes_on_after_any_exception_whatever() -> None:
    broad = [
        f"{_name(path)}:{node.lineno}"
        for path in SOURCES
        if _name(path) not in ("bus/src/doorbus/runtime/runner.py", "bus/src/doorbus/runtime/process.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
    ]

    assert not broad, "\n".join(broad)
