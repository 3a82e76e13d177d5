"""A mean, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

RESAMPLES = 4000


@dataclass(frozen=True)
class Interval:
    """The mean of some measurements with its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
    count : int
        Measurements.
    """

    mean: float
    low: float
    high: float
    count: int

    def rounded(self, digits: int = 4) -> dict[str, float]:
        """For JSON."""
        return {name: round(value, digits) for name, value in asdict(self).items()}


def interval(values: Sequence[float]) -> Interval:
    """Bootstrap the mean of independent measurements (Efron 1979, https://doi.org/10.1214/aos/1176344552).

    The percentiles 2.5 and 97.5 of the means of resamples; with few measurements it is too narrow rather than too wide.
    """
    measured = np.asarray(values, dtype=np.float64)
    picks = np.random.default_rng(0).integers(len(measured), size=(RESAMPLES, len(measured)))
    low, high = np.percentile(measured[picks].mean(axis=1), [2.5, 97.5])
    return Interval(float(measured.mean()), float(low), float(high), len(measured))
