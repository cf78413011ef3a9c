"""Structured logs: one event a line on standard error."""

import logging
import sys
from enum import StrEnum

import structlog


class LogLevel(StrEnum):
    """The least severe event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line looks."""

    LOGFMT = "logfmt"
    JSON = "json"


def configure(level: LogLevel, form: LogFormat) -> None:
    """Set up logging for this process."""
    renderer = structlog.processors.JSONRenderer() if form is LogFormat.JSON else _Logfmt()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _drop_none,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _drop_none(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: value for key, value in event.items() if value is not None}


class _Logfmt:
    """key=value, time, level and event first; whatever would move the cursor or turn the line around is escaped."""

    def __init__(self) -> None:
        self._render = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])

    def __call__(self, logger: object, method: str, event: structlog.typing.EventDict) -> str:
        values = {key: value if isinstance(value, bool) else _escaped(str(value)) for key, value in event.items()}
        return str(self._render(logger, method, values))


def _escaped(text: str) -> str:
    """`text` with every sign that does not print, such as a line break or U+202E, as Python writes it."""
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
