"""`scripts/setting`, which scripts ask where there is no Python yet, reads .env as the services do."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorbus.runtime.settings import CommonSettings

SETTING = Path(__file__).parents[2] / "scripts/setting"
DEFAULT = "nothing was said"


class Told(CommonSettings):
    """A setting that may be any text."""

    word: str = DEFAULT


def said(folder: Path, *, environment: dict[str, str] | None = None) -> str:
    """What the script says of DOORBUS_WORD in `folder`."""
    done = subprocess.run(
        [SETTING, "DOORBUS_WORD", DEFAULT],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.removesuffix("\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", DEFAULT),
        ("#DOORBUS_WORD=x", DEFAULT),
        ("DOORBUS_WORD=", ""),
        ("DOORBUS_WORD", DEFAULT),
        ("DOORBUS_WORD=/srv/door bus", "/srv/door bus"),
        ("  DOORBUS_WORD = x  ", "x"),
        ("DOORBUS_WORD='x y'", "x y"),
        ('DOORBUS_WORD="x y"  # why', "x y"),
        ("DOORBUS_WORD=x # why", "x"),
        ("DOORBUS_WORD=x#y", "x#y"),
        ("DOORBUS_WORD= # why", ""),
        ("DOORBUS_WORD='x # y'", "x # y"),
        ("export DOORBUS_WORD=x", "x"),
        ("DOORBUS_WORD=x\r\nDOORBUS_ROOT=y\r\n", "x"),
        ("DOORBUS_WORD=x\nDOORBUS_WORD=y", "y"),
        ("DOORBUS_WORD=x=y", "x=y"),
        ('DOORBUS_WORD="x\\ty\\"z"', 'x\ty"z'),
        ("DOORBUS_WORD='x\\ty\\'z'", "x\\ty'z"),
        ('DOORBUS_WORD="x\ny"', "x\ny"),
        ('DOORBUS_WORD="x', DEFAULT),
        ('DOORBUS_WORD="x" y', DEFAULT),
        ('OTHER="a\nDOORBUS_WORD=x\n"', DEFAULT),
        ("BASE=/srv\nDOORBUS_WORD=${BASE}/doorbus", "/srv/doorbus"),
        ("DOORBUS_WORD=${THERE_IS_NO_SUCH_THING:-/srv}/doorbus", "/srv/doorbus"),
        ("doorbus_word=x", "x"),
        ("\ufeffDOORBUS_WORD=x", "x"),
    ],
)
def test_a_line_means_to_a_script_what_it_means_to_a_service(text: str, word: str, folder: Path) -> None:
    (folder / ".env").write_text(text, newline="")

    assert (said(folder), Told().word) == (word, word)


PIECES = (
    *("DOORBUS_WORD", "OTHER", "=", "=", "'", '"', "#", " ", "\t", "\n", "\r\n", "\\", "n", "x", "export ", "${OTHER}"),
    *("${MISSING:-d}", "${", "}", "$", "é", "a b", "'q'", '"q"', "\\n", "\\'", ":", "-", "*", "%s"),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_means_the_same_to_both(folder: Path, text: str) -> None:
    (folder / ".env").write_text(f"OTHER=1\nDOORBUS_WORD={text}", newline="")

    assert said(folder) == Told().word


def test_the_environment_wins_over_the_file_as_it_does_for_a_service(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("DOORBUS_WORD=file\n")
    monkeypatch.setenv("DOORBUS_WORD", "")

    assert (said(folder), Told().word) == ("", "")


def test_without_a_default_the_status_says_that_nobody_said_anything(folder: Path) -> None:
    done = subprocess.run([SETTING, "DOORBUS_WORD"], cwd=folder, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
