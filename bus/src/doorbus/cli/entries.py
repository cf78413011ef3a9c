"""Entries of a journal: which are wanted, and how they look as a line, as JSON and as CSV."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rich.text import Text

from doorbus.cli.lines import clean, line
from doorbus.wire.journal import text_of
from doorbus.wire.messages import JournalEntry, JournalKind, Outcome, utc

COLUMNS = (
    *("number", "at", "kind", "outcome", "reason", "trigger", "person", "camera", "by", "command_id", "action"),
    *("seconds", "state", "why", "version", "count", "lockdown"),
    *("input", "alarm", "on", "since", "reader", "credential"),
)
_TOLD = ("reason", "action", "state", "lockdown", "input", "alarm", "on", "person", "version", "why")
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet would take for a formula."""


class Format(StrEnum):
    """How entries are told."""

    TEXT = "text"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True)
class Wanted:
    """Which entries are told; what is None or empty bounds nothing."""

    kinds: frozenset[JournalKind] = frozenset()
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def has(self, entry: JournalEntry) -> bool:
        """Whether this one is."""
        return (
            (not self.kinds or entry.kind in self.kinds)
            and (self.person is None or self.person in {entry.person, entry.decision and entry.decision.person})
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


def row_of(entry: JournalEntry) -> tuple[str, ...]:
    """The values of `COLUMNS`; what an entry does not have is empty."""
    known = {**_flat(entry), "number": str(entry.number), "at": utc(entry.at), "kind": entry.kind.value}
    return tuple(known.get(column, "") for column in COLUMNS)


def told_as(entry: JournalEntry, form: Format) -> str:
    """An entry as one line, without its end."""
    if form is Format.JSONL:
        return text_of(entry).decode()
    if form is Format.CSV:
        return csv_line(tuple(clean(f"'{value}" if value.startswith(_FORMULA) else value) for value in row_of(entry)))
    return sentence(entry).plain


def csv_line(values: tuple[str, ...]) -> str:
    """One line of CSV, without its end."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(values)
    return written.getvalue()


def sentence(entry: JournalEntry) -> Text:
    """An entry for a terminal."""
    flat = _flat(entry)
    told = [flat.get(name, "") for name in _TOLD]
    details = [f"{name} {flat[name]}" for name in ("camera", "reader", "credential", "by", "seconds") if name in flat]
    count = f"x{flat['count']}" if flat.get("count", "1") != "1" else ""
    granted = entry.decision is not None and entry.decision.outcome is Outcome.GRANTED
    style = "green" if granted else "red" if entry.decision is not None else "cyan"
    return line(f"{entry.number:>6} {entry.at:%Y-%m-%d %H:%M:%S}Z", (entry.kind.value, style), *told, *details, count)


def _flat(entry: JournalEntry) -> dict[str, str]:
    parts = entry.model_dump(mode="json", exclude_none=True)
    command = parts.pop("command", {})
    if "id" in command:
        command["command_id"] = command.pop("id")
    flat = {**parts.pop("decision", {}), **command, **parts}
    return {name: _text(value) for name, value in flat.items()}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return f"{value:g}" if isinstance(value, float) else str(value)
