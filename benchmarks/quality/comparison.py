"""How much a row differs from another on the same objects, colours and seeds."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.quality.interval import interval
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.measure import MEASURES, value_of

REFERENCES = ("paper", "paper-48")
"""The row that the others are compared with: the first of these that there is."""


def differences(jobs: Sequence[QualityJob], row: str, reference: str) -> dict[str, dict[str, float]]:
    """Mean of a row's measures less those of the reference, pair by pair, with its 95 % interval.

    Only objects, colours and seeds that both have count, so that neither gains by easier ones.
    """
    theirs = {_key(job): job.figures() or {} for job in jobs if job.row == reference}
    pairs = [(job.figures() or {}, theirs.get(_key(job), {})) for job in jobs if job.row == row]
    found = {}
    for name in MEASURES:
        both = [(value_of(mine, name), value_of(other, name)) for mine, other in pairs]
        values = [mine - other for mine, other in both if mine is not None and other is not None]
        if values:
            found[name] = interval(values).rounded()
    return found


def _key(job: QualityJob) -> tuple[str, str, int]:
    return job.name, job.colour, job.spec.seed
