# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, run and outcome of the subcommands that make one job."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.overrides import merged, parse_overrides
from .. import api
from .outcome import Outcome
from .progress import Progress
from .result_options import add_result_options, import_and_save, save_scene


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--steps``, ``--override``, ``--folder``, ``--engine-python``, and those of results."""
    parser.add_argument("--steps", type=int, metavar="N", help="the same as --set optimisation.steps=N")
    add_run_options(
        parser,
        "any setting of the job",
        "job folder (default: a new one beside the .blend); the same command again continues the job there",
    )
    add_result_options(parser)


def add_run_options(parser: argparse.ArgumentParser, changes: str, folder: str) -> None:
    """Add ``--override``, ``--folder`` and ``--engine-python``, with the help of the first two."""
    parser.add_argument(
        "--override",
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="FIELD=VALUE",
        help=f"{changes} (repeatable)",
    )
    parser.add_argument("--folder", "--out", dest="out", metavar="FOLDER", help=folder)
    parser.add_argument("--engine-python", metavar="PATH", help="default: the preferences, or SJC_ENGINE_PYTHON")


def chosen(arguments: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return what was chosen by options that are called as arguments of the API, by these names."""
    return {name: getattr(arguments, name) for name in names}


def run_job(make: Callable[..., api.Job], arguments: argparse.Namespace, **options: Any) -> Outcome:
    """Make a job by `api.generate` or `api.edit`, wait for it, and import and save its result if that is wanted.

    Raises
    ------
    SjcError
        ``bad_usage``, ``not_saved``, or as `make`.
    """
    steps = {} if arguments.steps is None else {"optimisation": {"steps": arguments.steps}}
    overrides = merged(steps, parse_overrides(arguments.changes))
    _save_first(arguments)
    progress = Progress(arguments).of_job()
    job = make(
        **options,
        overrides=overrides,
        folder=arguments.out,
        import_results=False,
        wait=True,
        progress=progress,
        engine_python=arguments.engine_python,
    )
    progress.close()
    return _outcome(job, arguments)


def _save_first(arguments: argparse.Namespace) -> None:
    """Save the scene before the job: the job's folder and the volume's file lie beside it."""
    if arguments.outputs and not arguments.save:
        raise SjcError("bad_usage", "--import has no effect without --save.", "Add --save OUT.blend.")
    if arguments.save:
        save_scene(arguments.save)


def _outcome(job: api.Job, arguments: argparse.Namespace) -> Outcome:
    """Return a job's outcome; import and save its result if `--save` was given."""
    facts: dict[str, Any] = {"folder": str(job.folder.path), "warnings": job.warnings}
    if job.result is None:
        again = f"Cancelled; the same command with --out {job.folder.path} goes on."
        return Outcome(str(job.state), facts, [again] if job.error is None else [], job.error)
    facts["files"] = {name: str(job.folder.path / path) for name, path in job.result.files.items()}
    facts["metrics"] = job.result.metrics
    lines = [f"folder: {job.folder.path}"]
    if arguments.save:
        try:
            saved, more = import_and_save(job, arguments)
        except SjcError as error:
            return Outcome("failed", facts, error=error)
        facts |= saved
        lines += more
    return Outcome("done", facts, lines)
