"""Whether the times that arrive fit one's own clock. Clocks that disagree show here first, and open no door."""

from dataclasses import dataclass


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
            return f"{self._what} come from {-misfit.age:.1f} s in the future; do the clocks of the machines agree?"
        return (
            f"{self._what} are {misfit.age:.1f} s old, at most {self._max_age:g} s are let pass; do the clocks of the "
            "machines agree, is something too slow?"
        )
