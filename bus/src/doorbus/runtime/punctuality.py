"""Whether the times that arrive fit one's own clock. Clocks that disagree show here first, and open no door. Pure."""

from doorbus.wire.records import dataclass

_FIGURES = ((86400.0, "a day"), (3000.0, "50 minutes"), (600.0, "10 minutes"), (60.0, "a minute"), (10.0, "10 s"))


@dataclass(frozen=True, slots=True)
class _Misfit:
    age: float
    at: float


class Punctuality:
    """Remembers the last moment that did not fit, until one does or `remember` seconds have passed."""

    def __init__(self, what: str, *, max_age: float, tolerance: float, remember: float = 10.0) -> None:
        self._what = what
        self._max_age = max_age
        self._tolerance = tolerance
        self._remember = remember
        self._misfit: _Misfit | None = None

    def note(self, age: float, at: float) -> None:
        """Something arrived that is `age` seconds old (below 0: from the future), at the monotonic time `at`."""
        fits = -self._tolerance <= age <= self._max_age
        self._misfit = None if fits else _Misfit(age, at)

    def problem(self, now: float) -> str | None:
        """What is wrong at the monotonic time `now`, in words for people."""
        misfit = self._misfit
        if misfit is None or now - misfit.at > self._remember:
            return None
        if misfit.age < 0:
            by = _roughly(-misfit.age, self._tolerance)
            return f"{self._what} come from more than {by} in the future; do the clocks of the machines agree?"
        by = _roughly(misfit.age, self._max_age)
        return f"{self._what} are more than {by} old; do the clocks of the machines agree, is something too slow?"


def _roughly(seconds: float, limit: float) -> str:
    """The largest round figure below: a problem that is told in health must not read differently every second."""
    return next((text for figure, text in _FIGURES if seconds >= figure > limit), f"{limit:g} s")
