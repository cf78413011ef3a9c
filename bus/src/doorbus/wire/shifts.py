"""Opening hours over midnight, each shift to the day on which it begins. Pure.

The library that reads opening hours cuts a shift at midnight and judges its second half by the next day: with
`Mo-Fr 22:00-06:00; PH off` a holiday on Friday would end Thursday's shift at midnight, and leave Friday's own second
half on Saturday. So an expression is split in two, `begun` for the day itself and `carried` for the morning after, and
neither has a span that passes midnight. It is open when `begun` says so of the moment, or `carried` of the same time
of the day before.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SEPARATOR = re.compile(r"(; |, | \|\| )")
_SPAN = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)\+?")
_STATE = re.compile(r' ?(closed|unknown)?(?: ?"[^"]*")?$')
_DAY = 24 * 60


class FallbackError(ValueError):
    """A fallback rule (||) stands beside a span over midnight: whether it holds at night depends on two days."""


@dataclass(frozen=True)
class Shifts:
    """Three expressions without a span over midnight; `None` is one that is never open."""

    begun: str
    """When it is open by what begins on the day itself."""
    carried: str | None
    """When the day after is open by what began on this day: its spans count from that midnight."""
    cut: str | None
    """When a rule that names hours closes it, whatever was carried over from the day before."""
    cut_carried: str | None
    """The same for the day after: what such a rule carries over midnight, whatever begins there."""


def split(canonical: str) -> Shifts:
    """The shifts of an expression as the library prints it; raises `FallbackError`."""
    pieces = _SEPARATOR.split(re.sub(r'"[^"]*"', '"-"', canonical))
    rules = [_Rule.of(separator, text) for separator, text in zip(["; ", *pieces[1::2]], pieces[::2], strict=True)]
    if not any(rule.carried for rule in rules):
        return Shifts(canonical, None, None, None)
    if any(rule.separator == " || " for rule in rules):
        raise FallbackError
    return Shifts(
        begun=_joined((rule.separator, rule.with_spans(rule.begun)) for rule in rules) or "closed",
        carried=_joined((rule.separator, text) for rule in rules if (text := rule.on_the_morning_after()) is not None),
        cut=_joined((", ", rule.hours(rule.begun)) for rule in rules if rule.cuts),
        cut_carried=_joined((", ", rule.hours(rule.carried)) for rule in rules if rule.cuts and rule.carried),
    )


@dataclass(frozen=True)
class _Rule:
    """One rule: its days, the parts of its spans before and after midnight, and what it says (`closed`, or open)."""

    separator: str
    days: str
    begun: tuple[str, ...]
    carried: tuple[str, ...]
    state: str

    @classmethod
    def of(cls, separator: str, text: str) -> "_Rule":
        state = _STATE.search(text)
        assert state is not None, "it may match nothing"
        rest = text[: state.start()]
        spans = list(_SPAN.finditer(rest))
        begun, carried = [], []
        for span in spans:
            begin, end = (60 * int(span[one]) + int(span[one + 1]) for one in (1, 3))
            end += _DAY if end <= begin else 0
            begun.append(_span(begin, min(end, _DAY)))
            if end > _DAY:
                carried.append(_span(0, end - _DAY))
        days = rest[: spans[0].start()] if spans else rest
        return cls(separator, days.strip(), tuple(begun), tuple(carried), state[0].strip())

    @property
    def cuts(self) -> bool:
        return bool(self.begun) and self.state.startswith(("closed", "unknown"))

    def hours(self, spans: tuple[str, ...]) -> str:
        return " ".join(filter(None, (self.days, ",".join(spans))))

    def with_spans(self, spans: tuple[str, ...]) -> str:
        return " ".join(filter(None, (self.hours(spans), self.state)))

    def on_the_morning_after(self) -> str | None:
        """This rule as one of the morning after; None when it says nothing of it."""
        if self.carried:
            return self.with_spans(self.carried)
        if self.begun and (self.separator == ", " or self.state.startswith("closed")):
            return None  # it adds to its day, or takes from it, before midnight
        if self.begun or self.days == "24/7":  # it takes the place of what stood before: nothing is carried over
            return f"{'' if self.days == '24/7' else self.days} closed".strip()
        return self.with_spans(()) if self.state.startswith(("closed", "unknown")) else f"{self.days} closed".strip()


def _span(begin: int, end: int) -> str:
    return f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"


def _joined(rules: Iterable[tuple[str, str]]) -> str | None:
    text = "".join(separator + rule for separator, rule in rules)
    return re.sub(r"^(; |, )", "", text) or None
