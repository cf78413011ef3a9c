"""Where things may stand. import-linter (pyproject.toml) watches who imports whom; this watches what it cannot see."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp

from doorbus.wire.channels import CHANNELS, DEFAULT_ROOT, HOMEASSISTANT_PREFIX, Under

IMPURE = {
    *("asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "pydantic_settings", "random"),
    *("secrets", "shutil", "signal", "socket", "sqlite3", "ssl", "structlog", "subprocess", "sys", "threading", "time"),
    "uuid",
}
"""What no pure module imports, neither itself nor through another of ours."""
IMPURE_CALLS = {
    "getLogger",
    "input",
    "now",
    "open",
    "print",
    "read_bytes",
    "read_text",
    "today",
    "utcnow",
    "write_text",
}

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {path.parent.name: path.parent for path in REPOSITORY.glob("*/**/src/doorbus*/__init__.py")}


def _module(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {_module(path, package): path for package in PACKAGES.values() for path in sorted(package.rglob("*.py"))}


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _texts(path: Path) -> Iterator[str]:
    """All strings of `path` that are not documentation."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def _pure() -> Iterator[str]:
    """The modules that say so in their documentation ("Pure."), and all modules of a package that says so."""
    said = {
        name
        for name, path in SOURCES.items()
        if re.search(r"\bPure[.:;]", ast.get_docstring(ast.parse(path.read_text())) or "")
    }
    for name in SOURCES:
        if said & {name, *(name[: dot.start()] for dot in re.finditer(r"\.", name))}:
            yield name


def _impure_acts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield f"{node.lineno}: is asynchronous"
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in IMPURE_CALLS:
                yield f"{node.lineno}: calls {called}()"


def test_import_linter_watches_every_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())

    assert set(PACKAGES) == set(project["tool"]["importlinter"]["root_packages"])


def test_what_calls_itself_pure_does_no_io_and_reads_no_clock_or_setting() -> None:
    graph = grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)
    pure = list(_pure())
    acts = [f"{_name(SOURCES[name])}:{act}" for name in pure for act in _impure_acts(SOURCES[name])]
    chains = [
        f"{name} imports {' -> '.join(chain[1:])}"
        for name in pure
        for impure in sorted(IMPURE & graph.modules)
        if (chain := graph.find_shortest_chain(name, impure))
    ]

    assert "doorbus_actuator.policy" in pure
    assert not acts + chains, "\n".join([*acts, *chains])


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
        for path in SOURCES.values()
        if not _name(path).startswith("bus/src/doorbus/wire/channels/")
        for text in _texts(path)
        if topic.search(text)
    ]

    assert not wrong, "\n".join(wrong)


def test_a_main_only_wires() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in SOURCES.values() if path.stem == "__main__"}

    assert lengths
    assert {name: length for name, length in lengths.items() if length > 30} == {}


def test_only_the_runner_goes_on_after_any_exception_whatever() -> None:
    broad = [
        f"{_name(path)}:{node.lineno}"
        for path in SOURCES.values()
        if _name(path) not in ("bus/src/doorbus/runtime/runner.py", "bus/src/doorbus/runtime/process.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and not isinstance(node.body[-1], ast.Raise)
    ]

    assert not broad, "\n".join(broad)
