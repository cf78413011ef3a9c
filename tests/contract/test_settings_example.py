"""Every setting of every service stands in .env.example, found by reflection."""

import re
from pathlib import Path

import pytest

from doorbus.cli import env
from doorbus.runtime.settings import CommonSettings
from doorbus.runtime.strays import strays_among
from doorbus.wire.channels import OPTIONAL, SERVICES

KINDS = env.installed()


def test_the_settings_of_every_service_are_found() -> None:
    modules = {kind.__module__.split(".")[0] for kind in KINDS}

    assert modules == {"doorbus", *(f"doorbus_{role}" for role in (*SERVICES, *OPTIONAL))}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_means(kind: type[CommonSettings]) -> None:
    silent = [name for name, field in env.settings_of(kind) if not field.description]

    assert silent == []


def test_each_container_gets_the_settings_that_are_generated_from_the_settings(repository: Path) -> None:
    assert (repository / "deploy/compose/settings.yaml").read_text() == env.of_containers(KINDS), "make docs"


def test_the_example_is_what_is_generated_from_the_settings(repository: Path) -> None:
    assert (repository / ".env.example").read_text() == env.example(KINDS), "make docs"


def test_no_service_takes_a_name_that_anything_reads_for_a_misspelt_one(repository: Path) -> None:
    scripts = [one for one in (*repository.glob("scripts/*"), repository / "compose.yaml") if one.is_file()]
    written = {
        name for one in scripts for name in re.findall(r"\bDOORBUS_[A-Z_]*[A-Z]\b", one.read_text(errors="replace"))
    }

    assert [name for kind in KINDS for name, _ in strays_among(written | env.names(KINDS), kind)] == []
