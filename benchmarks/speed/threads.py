"""The fused step with one thread and with two."""

from __future__ import annotations

from statistics import median

import torch

from .findings import Cell, Findings, Table, ratio
from .interleaved import Step, interleaved
from .part import Plan
from .renderer_step import STATES, contender_step


def measure(plan: Plan) -> Findings:
    """Time the same step with either number of threads, in turns."""
    rounds, resolution, size = (2, 24, 16) if plan.quick else (15, 100, 64)
    findings = Findings()
    rows: list[list[Cell]] = []
    for state in STATES:
        step = contender_step("fused", state, None, resolution, size)
        samples = interleaved({str(count): with_threads(step, count) for count in (1, 2)}, rounds, views=4)
        one, two = samples["1"].clock, samples["2"].clock
        findings.figures[f"two_threads_ratio_{state}"] = ratio(one, two)
        rows.append([state, 1e3 * median(one), 1e3 * median(two), ratio(one, two)])
    findings.tables.append(
        Table(
            f"Threads of the fused renderer: {resolution}^3 voxels, {size} x {size} pixels",
            ("state", "1 thread, ms", "2 threads, ms", "ratio"),
            rows,
            "Medians by the clock. The second thread gains nothing where other programs have the second core.",
        )
    )
    return findings


def with_threads(step: Step, count: int) -> Step:
    """The step with so many threads; the kernels use as many as PyTorch may."""

    def run(index: int) -> None:
        torch.set_num_threads(count)
        step.run(index)

    return Step(run, step.parameters)
