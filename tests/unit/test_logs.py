"""One event a line, and nothing that must not be read."""

import json

import pytest
import structlog

from doorbus.runtime.logs import LogFormat, LogLevel, configure


@pytest.fixture(autouse=True)
def _put_back() -> object:
    yield
    structlog.reset_defaults()


def test_an_event_is_one_line_of_keys_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, LogFormat.LOGFMT)

    structlog.get_logger().warning("refused", topic="a/b", detail="two lines\nof text", frame_id=None)

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "level=warning event=refused topic=a/b" in line
    assert "two lines" in line
    assert "frame_id" not in line


@pytest.mark.parametrize("form", LogFormat)
@pytest.mark.parametrize(
    "sign", ["\x1b[2J", "\r", "\n", "\x00", "\x85", "\u202e", "\u2028", "\u200b", "\ud800", "\x7f"]
)
def test_a_sign_that_a_terminal_would_obey_is_escaped(
    sign: str, form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(LogLevel.INFO, form)

    structlog.get_logger().info("command", by=f"bob{sign}level=error", ids=[f"x{sign}"])

    line = capsys.readouterr().err.removesuffix("\n")
    assert line.isprintable()
    assert "bob" in line


def test_an_event_may_be_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, LogFormat.JSON)

    structlog.get_logger().info("started", service="capture")

    event = json.loads(capsys.readouterr().err)
    assert (event["event"], event["level"], event["service"]) == ("started", "info", "capture")
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize("form", LogFormat)
def test_an_exception_stays_on_the_line_of_its_event(form: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.INFO, form)

    try:
        _fail()
    except ValueError:
        structlog.get_logger().exception("handler_failed")

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "no such thing" in line


def test_what_is_less_severe_than_asked_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogLevel.WARNING, LogFormat.LOGFMT)

    structlog.get_logger().info("started")

    assert capsys.readouterr().err == ""


def _fail() -> None:
    raise ValueError("no such thing")
