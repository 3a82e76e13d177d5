"""The step without the network on one thread: the authors', PyTorch's operations, the fused kernels."""

from __future__ import annotations

from statistics import median

import torch

from .child import measured
from .findings import Cell, Findings, Table, ratio
from .interleaved import interleaved
from .part import Plan
from .renderer_step import STATES, contender_step

VIEWS = 4


def measure(plan: Plan) -> Findings:
    """Time both states, the contenders in turns, and the memory of each contender in a process of its own."""
    torch.set_num_threads(1)
    rounds, resolution, size = (2, 24, 16) if plan.quick else (15, 100, 64)
    with_authors = plan.reference is not None and plan.device == "cpu"
    contenders = ["authors", "torch", "fused"] if with_authors else ["torch", "fused"]
    # A quick trial sees one state's memory: every process takes its seconds.
    remembered = STATES[-1:] if plan.quick else STATES
    findings = Findings()
    rows: list[list[Cell]] = []
    peaks: dict[str, list[int]] = {name: [] for name in contenders}
    for state in STATES:
        steps = {
            name: contender_step(name, state, plan.reference, resolution, size, device=plan.device)
            for name in contenders
        }
        samples = interleaved(steps, rounds, VIEWS)
        del steps
        for name in contenders:
            clock, processor = samples[name].clock, samples[name].processor
            findings.figures[f"renderer_{state}_{name}_seconds"] = median(clock)
            rows.append([state, name, 1e3 * median(clock), 1e3 * median(processor)])
            if state not in remembered:
                rows[-1].append("-")
                continue
            given = ["--state", state, "--resolution", resolution, "--size", size, "--device", plan.device]
            given += ["--reference", plan.reference] if name == "authors" else []
            peaks[name].append(measured("benchmarks.speed.renderer_step", name, *given)["peak_over_base"])
            rows[-1].append(peaks[name][-1] / 1e6)
        for name, key in named_ratios(contenders):
            findings.figures[f"renderer_{state}{key}_ratio"] = ratio(samples[name].clock, samples["fused"].clock)
            processor_ratio = ratio(samples[name].processor, samples["fused"].processor)
            findings.figures[f"renderer_{state}{key}_processor_ratio"] = processor_ratio
    for name, key in named_ratios(contenders):
        findings.figures[f"renderer_memory{key}_ratio"] = max(peaks["fused"]) / max(peaks[name])
    columns = ("state", "renderer", "ms by the clock", "ms of the processor", "peak of memory over base, MB")
    findings.tables.append(
        Table(
            f"Render, back-propagate, update: {resolution}^3 voxels, {size} x {size} pixels, {plan.device}, one thread",
            columns,
            rows,
            f"Medians of {rounds} rounds over {VIEWS} views, the renderers in turns; every step from the same state.",
        )
    )
    return findings


def named_ratios(contenders: list[str]) -> list[tuple[str, str]]:
    """Whom the fused renderer is compared with, and the word for that in a figure's name."""
    return [(name, "" if name == "authors" else f"_{name}") for name in contenders if name != "fused"]
