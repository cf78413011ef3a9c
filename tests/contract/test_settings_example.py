"""Every setting of every service stands in .env.example, found by reflection."""

import re
from pathlib import Path

import pytest

from doorbus.cli import env
from doorbus.runtime.settings import CommonSettings
from doorbus.wire.channels import SERVICES

KINDS = env.installed()


def test_the_settings_of_every_service_are_found() -> None:
    modules = {kind.__module__.split(".")[0] for kind in KINDS}

    assert modules == {"doorbus", *(f"doorbus_{role}" for role in SERVICES)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_means(kind: type[CommonSettings]) -> None:
    silent = [name for name, field in env.settings_of(kind) if not field.description]

    assert silent == []


def test_the_example_names_every_setting_and_no_other(repository: Path) -> None:
    text = (repository / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE))
    existing = env.names(KINDS)
    generated = env.example(KINDS)
    missing = [
        line for line in generated.splitlines() if line.startswith(tuple(f"#{one}=" for one in existing - named))
    ]

    assert missing == [], "add to .env.example, or write it anew: doorbus env-example > .env.example"
    assert named - existing == set()
