"""What a user of Blender waits for: the add-on's registration, a job's first progress, the import of its result."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from .child import REPOSITORY, measured
from .findings import Cell, Findings, Table
from .part import Plan

BLENDERS = {"4.5": Path("build/bpy45/bin/python"), "5.2": Path("build/bpy52/bin/python")}


def measure(plan: Plan) -> Findings:
    """Measure with every Blender at hand, with a user's folder of its own."""
    findings = Findings()
    rows: list[list[Cell]] = []
    imports: list[list[Cell]] = []
    for version, python in BLENDERS.items():
        if not (REPOSITORY / python).exists():
            continue
        with tempfile.TemporaryDirectory() as home:
            environment: dict[str, str | None] = {
                "BLENDER_USER_RESOURCES": home,
                "XDG_DATA_HOME": home,
                "LOCALAPPDATA": home,
                "SJC_ENGINE_PYTHON": sys.executable,
                # As installed: Blender's Python keeps what it has compiled, whatever is usual where this runs.
                "PYTHONDONTWRITEBYTECODE": None,
                "PYTHONPYCACHEPREFIX": str(Path(home, "bytecode")),
            }
            rows.append([version, *_clicks(plan, python, environment)])
            imports += [[version, *row] for row in _imports(plan, python, environment)]
    if rows:
        _tell_clicks(findings, rows)
        _tell_imports(findings, imports)
    _tell_package(findings)
    return findings


def _tell_clicks(findings: Findings, rows: list[list[Cell]]) -> None:
    for row in rows:
        findings.figures[f"register_seconds_{str(row[0]).replace('.', '_')}"] = float(row[1])
    # Of the slower Blender.
    findings.figures["register_seconds"] = max(float(row[1]) for row in rows)
    findings.figures["click_to_progress_seconds"] = max(float(row[4]) for row in rows)
    columns = ("Blender", "register, s", "of the processor, s", "click, s", "first progress after the click, s")
    note = (
        "Medians by the clock. The add-on is read and registered in a Blender that has just started; then a job of "
        "the built-in prior (Standard) is begun, and its engine heard four times a second, as a window's timer does."
    )
    findings.tables.append(Table("Blender: registration and the first progress", columns, rows, note))


def _tell_imports(findings: Findings, rows: list[list[Cell]]) -> None:
    for resolution in dict.fromkeys(row[1] for row in rows):
        seconds = [float(row[2]) + float(row[3]) for row in rows if row[1] == resolution]
        findings.figures[f"import_{resolution}_seconds"] = max(seconds)
    columns = ("Blender", "voxels a side", "Volume, s", "mesh, s")
    note = "Processor time of the main thread, one import each, of a hollow ball that fills the domain."
    findings.tables.append(Table("Blender: import of a result", columns, rows, note))


def _tell_package(findings: Findings) -> None:
    """The size of the extension's zip, if `make package` has built one."""
    zips = sorted((REPOSITORY / "build").glob("sjc_blender-*.zip"), key=lambda path: path.stat().st_mtime)
    if zips:
        size = zips[-1].stat().st_size
        findings.figures["package_bytes"] = size
        findings.tables.append(Table("The extension", ("zip", "bytes"), [(zips[-1].name, size)]))


def _clicks(plan: Plan, python: Path, environment: Mapping[str, str | None]) -> list[float]:
    def medians(program: str, times: int) -> dict[str, float]:
        found: list[Any] = [measured(program, python=python, environment=environment) for _ in range(times)]
        return {name: median(one["seconds"][name] for one in found) for name in found[0]["seconds"]}

    program = "benchmarks.in_blender.register"
    measured(program, python=python, environment=environment)  # Python compiles the add-on once
    register = medians(program, 1 if plan.quick else 7)
    progress = medians("benchmarks.in_blender.first_progress", 1 if plan.quick else 3)
    return [register["clock"], register["processor"], progress["returned"], progress["progress"]]


def _imports(plan: Plan, python: Path, environment: Mapping[str, str | None]) -> list[list[float]]:
    sizes = [16] if plan.quick else [128, 256]
    arguments = ["--texture", 64 if plan.quick else 1024, "--resolutions", *sizes]
    found = measured("benchmarks.in_blender.import_results", *arguments, python=python, environment=environment)
    return [[row["voxels"], row["volume"], row["mesh"]] for row in found]
