"""What a larger grid, a larger image and more views cost."""

from __future__ import annotations

from statistics import median

import torch

from .child import measured
from .findings import Cell, Findings, Table, ratio
from .interleaved import interleaved
from .part import Plan
from .renderer_step import STATES, contender_step

SIZES = {"voxels": (64, 100, 128, 160, 256), "pixels": (32, 64, 128), "views": (1, 2, 4)}
QUICK_SIZES = {"voxels": (12, 16, 32), "pixels": (8, 16), "views": (1, 2)}
BASE = {"voxels": 100, "pixels": 64, "views": 1}
QUICK_BASE = {"voxels": 16, "pixels": 16, "views": 1}
COPIES_OF_PARAMETERS = 4
"""Themselves, their gradients and Adamax's two moments: what a step cannot do without."""


def measure(plan: Plan) -> Findings:
    """Time the fused step where one size at a time differs from the published ones; and the largest grid's memory."""
    torch.set_num_threads(1)
    base, sizes = (QUICK_BASE, QUICK_SIZES) if plan.quick else (BASE, SIZES)
    rounds = 1 if plan.quick else 4
    settings = [base | {name: value} for name, values in sizes.items() for value in values]
    labels = [f"{s['voxels']}^3, {s['pixels']} x {s['pixels']}, {s['views']}" for s in settings]
    findings = Findings()
    times: dict[str, dict[str, list[float]]] = {}
    for state in STATES:
        steps = {
            label: contender_step("fused", state, None, s["voxels"], s["pixels"], s["views"], plan.device)
            for label, s in zip(labels, settings, strict=True)
        }
        times[state] = {label: samples.clock for label, samples in interleaved(steps, rounds, views=4).items()}
        del steps
        of_grid = dict(zip(sizes["voxels"], labels, strict=False))
        large, small = sizes["voxels"][-1], sizes["voxels"][-3]
        of_large, of_small = (times[state][of_grid[count]] for count in (large, small))
        findings.figures[f"step_{large}_over_{small}_{state}"] = ratio(of_large, of_small)
    peaks = [
        measured(
            "benchmarks.speed.renderer_step", "fused", "--state", s, "--resolution", large, "--device", plan.device
        )
        for s in STATES
    ]
    held = COPIES_OF_PARAMETERS * peaks[0]["parameters"]
    peak = max(found["peak_over_base"] for found in peaks)
    findings.figures[f"memory_{large}_over_parameters"] = peak / held
    rows: list[list[Cell]] = [
        [label, *(1e3 * median(times[state][label]) for state in STATES)] for label in dict.fromkeys(labels)
    ]
    note = (
        f"Medians of {4 * rounds} steps by the clock, all sizes in turns. {large}^3 voxels need {peak / 1e6:,.0f} MB "
        f"at most: parameters, gradients and Adamax's moments are {held / 1e6:,.0f} MB of it."
    )
    title = f"Growth of the fused step, {plan.device}, one thread"
    findings.tables.append(Table(title, ("voxels, pixels, views", "start, ms", "converged, ms"), rows, note))
    return findings
