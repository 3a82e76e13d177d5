"""Whole jobs of the built-in prior, from the command line to the result."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sjc_blender.protocol.job_folder import JobFolder

from .child import REPOSITORY, measured
from .findings import Cell, Findings, Table
from .part import Plan

PRESETS = ("standard", "draft")
PHASES = ("optimising", "colouring", "meshing", "writing")
QUICK = ("--set", "optimisation.steps=10", "--set", "field.resolution=16", "--set", "outputs.colour_views=4")


def measure(plan: Plan) -> Findings:
    """Run a job of either preset as a user would, on all cores."""
    measured("benchmarks.speed.first_step", "--device", plan.device)  # the kernels are compiled once and for all
    findings = Findings()
    rows: list[list[Cell]] = []
    for preset in PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            seconds, phases = _job(preset, plan, Path(folder) / "job")
        findings.figures[f"{preset}_job_seconds"] = seconds
        rows.append([preset, seconds, *phases.values(), seconds - sum(phases.values())])
    columns = ("preset", "seconds", *PHASES, "start and end")
    title = f"A whole job of the built-in prior, {plan.device}, all cores"
    note = "`python -m sjc_blender.engine generate`, by the clock, one run each; kernels were compiled before."
    findings.tables.append(Table(title, columns, rows, note))
    return findings


def _job(preset: str, plan: Plan, folder: Path) -> tuple[float, dict[str, float]]:
    command = [sys.executable, "-m", "sjc_blender.engine", "generate", "--prompt", "a red chair", "--preset", preset]
    command += ["--device", plan.device, "--out", str(folder), *(QUICK if plan.quick else ())]
    began = time.perf_counter()
    answer = subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if answer.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {answer.returncode}:\n{answer.stderr[-2000:]}")
    return seconds, _phases(JobFolder(folder))


def _phases(folder: JobFolder) -> dict[str, float]:
    """Seconds of each phase, as the engine itself tells them in the result."""
    metrics = json.loads((folder.result / "metrics.json").read_text(encoding="utf-8"))
    return {name: metrics[f"seconds_{name}"] for name in PHASES}
