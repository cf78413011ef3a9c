"""Whether the memory of a process grows, from samples of it over time. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Samples = Sequence[tuple[float, float]]
"""Seconds since the beginning, and MiB."""

MINUTE = 60.0


@dataclass(frozen=True)
class Growth:
    """Memory in MiB: medians of the minute after the warm-up and of the last one, and the peak."""

    before: float
    after: float
    peak: float
    slope: float
    """MiB an hour, of a line fitted through all samples after the warm-up."""

    @property
    def percent(self) -> float:
        """How much more it is at the end than after the warm-up."""
        return (self.after / self.before - 1) * 100


def growth(samples: Samples, warm_up: float) -> Growth:
    """How memory grew after `warm_up` seconds; `ValueError` when the samples do not reach two minutes beyond."""
    warm = [sample for sample in samples if sample[0] >= warm_up]
    if not warm or warm[-1][0] - warm[0][0] < 2 * MINUTE:
        raise ValueError(f"two minutes of samples are needed after the {warm_up:g} s of warm-up")
    first, last = warm[0][0], warm[-1][0]
    slope, _ = statistics.linear_regression([at for at, _ in warm], [mib for _, mib in warm])
    return Growth(
        before=statistics.median(mib for at, mib in warm if at <= first + MINUTE),
        after=statistics.median(mib for at, mib in warm if at >= last - MINUTE),
        peak=max(mib for _, mib in samples),
        slope=slope * 60 * MINUTE,
    )
