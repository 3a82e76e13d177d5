"""What an engine does before its second step, with and without compiled kernels."""

from __future__ import annotations

import tempfile
from statistics import median

from .child import measured
from .findings import Cell, Findings, Table
from .part import Plan

CACHES = ("empty", "warm")


def measure(plan: Plan) -> Findings:
    """Start engines, each pair with a new cache: the first one finds it empty, the second one warm."""
    rounds = 1 if plan.quick else 3
    laps: dict[str, list[dict[str, float]]] = {cache: [] for cache in CACHES}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for cache in CACHES:
                environment = {"WARP_CACHE_PATH": folder}
                laps[cache].append(
                    measured("benchmarks.speed.first_step", "--device", plan.device, environment=environment)
                )
    medians = {
        cache: {name: median(found[name] for found in founds) for name in founds[0]} for cache, founds in laps.items()
    }
    rows: list[list[Cell]] = [[name, *(medians[cache][name] for cache in CACHES)] for name in medians["warm"]]
    rows.append(["all of it", *(sum(medians[cache].values()) for cache in CACHES)])
    imports = sum(seconds for name, seconds in medians["warm"].items() if name.startswith("import"))
    figures = {
        "import_seconds": imports,
        "load_seconds": medians["warm"]["load the model"],
        **{f"first_step_{cache}_cache_seconds": medians[cache]["first step"] for cache in CACHES},
    }
    columns = ("built-in prior, Standard", "no compiled kernels, s", "compiled kernels, s")
    note = f"Medians of {rounds} by the clock. Kernels are compiled by the first engine that needs them."
    return Findings(figures, [Table(f"The start of an engine, {plan.device}", columns, rows, note)])
