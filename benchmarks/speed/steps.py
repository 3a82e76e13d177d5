"""Whole steps of the built-in prior, and how they divide into the network and everything else."""

from __future__ import annotations

from statistics import median

from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets

from .findings import Cell, Findings, Table
from .interleaved import Step, interleaved
from .network_share import TimedJob
from .part import Plan

PRESETS = ("standard", "draft")
WARM_UP = 3


def measure(plan: Plan) -> Findings:
    """Time the first steps of a job of either preset, in turns."""
    rounds = 3 if plan.quick else 60
    jobs = {}
    for preset in PRESETS:
        spec = presets.new_job("a red chair", preset=preset, model={"source": "builtin", "device": plan.device})
        jobs[preset] = TimedJob(spec, load_score_model(spec.model))
    samples = interleaved({preset: Step(job.step) for preset, job in jobs.items()}, rounds, warm_up=WARM_UP)
    findings = Findings()
    rows: list[list[Cell]] = []
    for preset, job in jobs.items():
        steps = samples[preset].clock
        networks = job.network[WARM_UP:]
        rests = [step - network for step, network in zip(steps, networks, strict=True)]
        findings.figures[f"{preset}_steps_per_second"] = 1 / median(steps)
        findings.figures[f"{preset}_rest_share"] = median(rests) / median(steps)
        milliseconds = [1e3 * median(values) for values in (steps, networks, rests)]
        rows.append([preset, 1 / median(steps), *milliseconds, f"{median(rests) / median(steps):.0%}"])
    columns = ("preset", "steps a second", "step, ms", "network, ms", "the rest, ms", "share of the rest")
    title = f"Steps of the built-in prior, {plan.device}, all cores"
    note = (
        f"Medians of {rounds} steps after the first {WARM_UP}, by the clock, the presets in turns; the rest is view, "
    )
    note += "render, noise, back-propagation, regularisation and update."
    findings.tables.append(Table(title, columns, rows, note))
    return findings
