"""``python -m benchmarks.speed``: every part, in processes of their own, into one report."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import torch

from .child import measured
from .findings import Findings
from .machine import load, machine
from .part import ON_GPU, THREADS, Plan
from .report import Measured, Report


def main() -> int:
    """Measure, write and print; 1 if a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description="time and memory of everything")
    parser.add_argument(
        "--only", nargs="+", choices=THREADS, default=list(THREADS), metavar="PART", help=", ".join(THREADS)
    )
    parser.add_argument("--reference", type=Path, help="a checkout of https://github.com/pals-ttic/sjc to compare with")
    parser.add_argument("--quick", action="store_true", help="only see whether everything runs, with tiny sizes")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="the tables go beside it, as .md")
    arguments = parser.parse_args()
    reference = arguments.reference.resolve() if arguments.reference else None
    if reference and not (reference / "voxnerf/render.py").is_file():
        parser.error(f"--reference: {reference} is no checkout of the authors' code, it has no voxnerf/render.py")
    report = Report(machine(), arguments.quick, _version(reference) if reference else "")
    for name in arguments.only:
        for device in ("cpu", "cuda") if name in ON_GPU and torch.cuda.is_available() else ("cpu",):
            print(f"{name}, {device} ...", file=sys.stderr, flush=True)
            report.parts.append(_measured(name, Plan(device, arguments.quick, reference)))
            # After each: whatever comes, what is measured is kept.
            readable = report.write(arguments.out)
    print(report.markdown())
    print(f"{arguments.out} and {readable} have it all.")
    for part in report.parts:
        if part.error:
            print(f"{part.name} ({part.device}) failed, see above.", file=sys.stderr)
    return int(any(part.error for part in report.parts))


def _measured(name: str, plan: Plan) -> Measured:
    threads = THREADS[name]
    environment = {"OMP_NUM_THREADS": str(threads) if threads else None}
    before, began = load(), time.perf_counter()
    findings, error = Findings(), ""
    try:
        found = measured("benchmarks.speed.part", name, *plan.arguments(), environment=environment)
        findings = Findings.decoded(found)
    except RuntimeError as failure:
        error = str(failure)
    return Measured(name, plan.device, time.perf_counter() - began, [before, load()], findings, error)


def _version(reference: Path) -> str:
    """The checkout's commit, if git can tell."""
    command = ["git", "-C", str(reference), "describe", "--always", "--dirty"]
    try:
        told = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        told = None
    commit = told.stdout.strip() if told and not told.returncode else ""
    return f"commit {commit}" if commit else "a checkout of unknown commit"


if __name__ == "__main__":
    sys.exit(main())
