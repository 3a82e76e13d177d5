"""How much a row differs from another on the same objects, colours and seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.quality.interval import interval
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.measure import MEASURES

REFERENCE = "paper"
"""The row that the others are compared with."""


def differences(jobs: Sequence[QualityJob], row: str, reference: str = REFERENCE) -> dict[str, dict[str, float]]:
    """Mean of a row's measures less those of the reference, pair by pair, with its 95 % interval.

    Only objects, colours and seeds that both have count, so that neither gains by easier ones.
    """
    theirs = {_key(job): job.figures() for job in jobs if job.row == reference}
    pairs = [(job.figures(), theirs.get(_key(job))) for job in jobs if job.row == row]
    found = {}
    for name in MEASURES:
        values = [
            mine[name] - other[name]
            for mine, other in pairs
            if mine is not None and other is not None and _has(mine, name) and _has(other, name)
        ]
        if values:
            found[name] = interval(values).rounded()
    return found


def _key(job: QualityJob) -> tuple[str, str, int]:
    return job.name, job.colour, job.spec.seed


def _has(figures: dict[str, Any], name: str) -> bool:
    value = figures.get(name)
    return value is not None and not math.isnan(value)
