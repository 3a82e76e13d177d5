"""Command line of the quality benchmark, see the package."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.quality import worker
from benchmarks.quality.contact_sheet import write_sheet
from benchmarks.quality.glance import write_glance
from benchmarks.quality.jobs import QualityJob, planned, weights_digest
from benchmarks.quality.rows import Row, read_rows
from benchmarks.quality.table import markdown, summary
from sjc_blender.protocol.model_profile import load_profile

SMOKE_OBJECTS = ("duck", "car", "mug", "snowman", "mushroom", "rocket")
SMOKE_RECOGNISED = 5
"""Of these, so many must be recognised with the Draft preset."""


def main() -> int:
    """Make what is missing, measure it, sum it up; 1 if the smoke test fails, 130 if stopped."""
    arguments = _arguments()
    rows = _rows(arguments)
    vocabulary = load_profile(arguments.model).vocabulary
    if vocabulary is None:
        raise SystemExit(f"{arguments.model} has no vocabulary of objects")
    jobs = planned(
        rows,
        vocabulary,
        arguments.out,
        objects=arguments.objects or vocabulary.objects,
        colours=arguments.colours,
        seeds=range(arguments.first_seed, arguments.first_seed + arguments.seeds),
        model=arguments.model,
    )
    whole = _run(jobs, arguments.workers)
    found = summary(rows, jobs, arguments.model, weights_digest(arguments.model))
    text = json.dumps(found, indent=1) + "\n"
    (arguments.out / "quality.json").write_text(text, encoding="utf-8")
    if arguments.json is not None:
        arguments.json.write_text(text, encoding="utf-8")
    (arguments.out / "quality.md").write_text(markdown(found), encoding="utf-8")
    for row in rows:
        of_row = [job for job in jobs if job.row == row.name]
        write_sheet(of_row, arguments.out / f"{row.name}.png")
        write_glance(of_row, arguments.out / f"{row.name}-glance.png")
    print(markdown(found))
    if not whole:
        return 130
    return _smoke(jobs) if arguments.smoke else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    known = ", ".join(read_rows())
    parser.add_argument("--rows", nargs="+", default=["standard"], help=f"which settings: {known}")
    parser.add_argument("--set", action="append", default=[], help="a row more: the first one with these overrides")
    parser.add_argument("--objects", nargs="+", help="only these")
    parser.add_argument("--colours", type=int, default=1, help="how many colours an object and seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of one thread each")
    parser.add_argument("--model", default="builtin", help="builtin, or the folder of a prior of this repository")
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--smoke", action="store_true", help="six objects with Draft; fails if they are not recognised")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rows, arguments.objects = ["draft"], list(SMOKE_OBJECTS)
    return arguments


def _rows(arguments: argparse.Namespace) -> list[Row]:
    known = read_rows()
    unknown = [name for name in arguments.rows if name not in known]
    if unknown:
        raise SystemExit(f"no such row: {', '.join(unknown)}; there are {', '.join(known)}")
    rows = [known[name] for name in arguments.rows]
    if arguments.set:
        first = rows[0]
        changes = ", ".join(arguments.set)
        rows.append(
            Row("changed", f"{first.name} with {changes}", first.preset, first.as_in, (*first.set, *arguments.set))
        )
    return rows


def _run(jobs: Sequence[QualityJob], workers: int) -> bool:
    """Do all jobs that are not done; False if Ctrl-C or an end signal came first."""
    missing = [job for job in jobs if not job.measured()]
    print(f"{len(jobs)} jobs, {len(jobs) - len(missing)} of them done before", flush=True)
    if not missing:
        return True
    # One thread a process: several that wait for each other are many times slower beside any other work.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    began = time.monotonic()
    with ProcessPoolExecutor(
        min(workers, len(missing)), mp_context=context, initializer=worker.begin, initargs=(stop,)
    ) as pool:
        running = {pool.submit(worker.make, job): job for job in missing}
        for count, future in enumerate(as_completed(running), 1):
            future.result()
            _tell(running[future], count, len(missing), time.monotonic() - began)
    return not stop.is_set()


def _tell(job: QualityJob, count: int, total: int, seconds: float) -> None:
    figures = job.figures()
    if figures is None:
        return
    iou = "failed" if figures["failed"] else f"IoU {figures['iou']:.2f}"
    recognised = "recognised" if figures["recognition"] else "not recognised"
    print(f"{count}/{total} {job.row}: {job.spec.prompt}, seed {job.spec.seed}: {iou}, {recognised} ({seconds:.0f} s)")
    sys.stdout.flush()


def _smoke(jobs: Sequence[QualityJob]) -> int:
    figures = [job.figures() or {} for job in jobs]
    recognised = sum(bool(of_job.get("recognition")) for of_job in figures)
    invalid = [job.spec.prompt for job, of_job in zip(jobs, figures, strict=True) if of_job.get("mesh_valid") != 1]
    print(f"{recognised} of {len(jobs)} are recognised" + (f"; no valid mesh: {', '.join(invalid)}" if invalid else ""))
    return 0 if recognised >= SMOKE_RECOGNISED and not invalid else 1


if __name__ == "__main__":
    sys.exit(main())
