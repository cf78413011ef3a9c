"""Every setting of every service stands in .env.example, found by reflection."""

from pathlib import Path

import pytest

from doorbus.cli import env
from doorbus.runtime.settings import CommonSettings
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
