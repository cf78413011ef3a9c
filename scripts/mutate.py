#!/usr/bin/env python3
"""Changes code that decides, one thing at a time, and counts the changes that its tests notice.

scripts/mutate.py [MODULE... TEST...]

What lies in tests/ is a test, the rest is changed; without arguments the actuator's policy. Each module is changed by
cosmic-ray in a copy of its own, so that the working tree stays as it is. Prints the changes that no test noticed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).resolve().parents[1]
TOOL = REPOSITORY / "var/mutation"
DECIDES = REPOSITORY / "services/actuator/src/doorbus_actuator/policy"
POLICY = (
    *(str(path) for path in sorted(DECIDES.glob("*.py")) if path.stem != "rules"),  # it says what may be set
    "tests/unit/test_policy.py",
    "tests/unit/test_policy_codes.py",
    "tests/unit/test_policy_entries.py",
    "tests/unit/test_policy_histories.py",
)
OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Mod_Mul)",
    "ReplaceBreakWithContinue",
    "ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)",
    "ReplaceComparisonOperator_(Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|LtE_Eq|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|GtE_Eq)",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceUnaryOperator_(Delete_Not|Delete_USub|USub_UAdd)",
    "ZeroIterationForLoop",
)
"""What is changed: at each place what a slip would make of it. Not True: it stands for frozen, slots and strict."""


@dataclass(frozen=True)
class Mutant:
    """One change, and whether a test noticed it."""

    where: str
    operator: str
    noticed: bool
    change: tuple[str, ...]


def installed() -> Path:
    """The directory of cosmic-ray's commands, installed once from the lock file: it is no part of the workspace."""
    requirements = REPOSITORY / "requirements/mutation.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = TOOL / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"== cosmic-ray ({TOOL})")
        subprocess.run([sys.executable, "-m", "venv", "--clear", TOOL], check=True)
        pip = (str(TOOL / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements))
        subprocess.run(pip, check=True)
        stamp.write_text(digest)
    return TOOL / "bin"


def mutants(commands: Path, tests: Sequence[str], module: Path) -> list[Mutant]:
    """Try all changes of one module."""
    with TemporaryDirectory(prefix="doorbus-mutants-") as directory:
        copy = Path(directory)
        for part in ("bus", "services", "tests"):
            shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        (copy / "cosmic-ray.toml").write_text(_configuration(module, tests))
        run = partial(subprocess.run, cwd=copy, check=True, capture_output=True, text=True, env=_environment(copy))
        run([commands / "cosmic-ray", "baseline", "cosmic-ray.toml"])
        run([commands / "cosmic-ray", "init", "cosmic-ray.toml", "session.sqlite"])
        run([commands / "cr-filter-operators", "session.sqlite", "cosmic-ray.toml"])
        run([commands / "cosmic-ray", "exec", "cosmic-ray.toml", "session.sqlite"])
        return list(_read(run([commands / "cosmic-ray", "dump", "session.sqlite"]).stdout))


def _configuration(module: Path, tests: Sequence[str]) -> str:
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {' '.join(tests)}"
    kept = "|".join(OPERATORS)
    return f"""
[cosmic-ray]
module-path = "{module.relative_to(REPOSITORY)}"
timeout = 120.0
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = ['(?!core/({kept})$)']
"""


def _environment(copy: Path) -> dict[str, str]:
    sources = (copy / "bus/src", *copy.glob("services/*/src"))
    # CI: the same examples of every property each time, so that the figure can be had again.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources)), "CI": "1"}


def _read(dump: str) -> Iterator[Mutant]:
    for line in dump.splitlines():
        item, result = json.loads(line)
        if result["worker_outcome"] == "skipped":
            continue
        (mutation,) = item["mutations"]
        yield Mutant(
            f"{mutation['module_path']}:{mutation['start_pos'][0]}",
            mutation["operator_name"],
            result["test_outcome"] != "survived",
            tuple(one for one in result["diff"].splitlines()[2:] if one.startswith(("-", "+"))),
        )


def main(arguments: Sequence[str]) -> int:
    """Print what went unnoticed, and the figure; the exit status."""
    chosen = arguments or POLICY
    tests = [one for one in chosen if one.startswith("tests/")]
    modules = [REPOSITORY / one for one in chosen if one not in tests]
    commands = installed()
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [one for some in pool.map(partial(mutants, commands, tests), modules) for one in some]
    except subprocess.CalledProcessError as error:  # most often the tests fail before anything is changed
        print(error.stdout, error.stderr, error, file=sys.stderr)
        return 1
    for one in found:
        if not one.noticed:
            print(one.where, one.operator, *one.change, sep="\n  ")
    print(f"{sum(one.noticed for one in found)} of {len(found)} changes were noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
