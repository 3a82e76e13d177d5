# SPDX-License-Identifier: GPL-3.0-or-later
"""``forecast``: memory, disk and time of a job before it is started."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...protocol import codec, events
from ...protocol.amounts import duration, gigabytes
from ...protocol.errors import SjcError
from ...protocol.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from ...protocol.job_folder import JobFolder
from ...protocol.spec import JobSpec
from .job_options import add_job_options, job_of


def add_forecast_command(commands: Any) -> None:
    """Add ``forecast`` to the engine's subcommands."""
    parser = commands.add_parser(
        "forecast",
        help="estimate the memory, disk space and time that a job needs",
        epilog='example: python -m sjc_blender.engine forecast --prompt "a red chair" --preset paper --probe',
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="JOB_DIR", help="an existing job folder, instead of settings"
    )
    add_job_options(parser)
    parser.add_argument("--probe", action="store_true", help="load the model and run some steps to measure the time")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    # What libraries print goes to stderr.
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        folder = JobFolder(arguments.folder or Path.cwd())
        spec = job_of(arguments) if arguments.folder is None else folder.read_spec()
        found = _forecast(spec, folder, probe=arguments.probe)
    except SjcError as error:
        print(f"Error: {error}", file=sys.stderr)
        return EXIT_USAGE
    finally:
        sys.stdout = answer
    print(json.dumps(found, indent=1) if arguments.json else "\n".join(_lines(found)))
    return EXIT_FAILED if found["error"] else EXIT_OK


def _forecast(spec: JobSpec, folder: JobFolder, *, probe: bool) -> dict[str, Any]:
    """Return the needs at every level, what is free, and the level that `run` would choose."""
    from ..forecast.choice import choose_level, require_disk
    from ..forecast.free import what_is_free
    from ..forecast.needs import needs_of
    from ..score_models.placement import choose_device, first_level, levels_after

    device = choose_device(spec.model.device)
    needs, free = needs_of(spec, device), what_is_free(device, folder.path)
    first = first_level(spec.model)
    levels = [first, *levels_after(first, device)]
    found: dict[str, Any] = {"device": device.type, "error": None, "warnings": [], "level": None, "seconds": 0.0}
    found["levels"] = [{**codec.encode(needs.forecast(level, device)), **codec.encode(level)} for level in levels]
    found["free"] = codec.encode(free)
    try:
        require_disk(needs, free, folder.path, 0)
        choice = choose_level(spec.model, needs, free, device)
    except SjcError as error:
        found["error"] = codec.encode(events.Failed.of(error))
        return found
    found["warnings"] = list(choice.warnings)
    found["level"] = levels.index(choice.level)
    if probe:
        found["seconds"] = _probe(spec, folder)
    return found


def _probe(spec: JobSpec, folder: JobFolder) -> float:
    """Run the first steps of the job in a temporary folder to estimate its time."""
    from ..job import run_job

    with tempfile.TemporaryDirectory() as place:
        copy = JobFolder.create(Path(place) / "job", spec)
        for old, new in zip(folder.inputs, copy.inputs, strict=True):
            if folder.has(old):
                shutil.copyfile(old, new)
        seconds: list[float] = []

        def listen(event: events.Event) -> None:
            if isinstance(event, events.Forecast) and event.seconds:
                seconds.append(event.seconds)

        run_job(copy, listen, lambda: bool(seconds))
    return seconds[0]


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """Return the forecast as text."""
    free = found["free"]
    memory = f"{gigabytes(free['memory']['free'])} free" if free["memory"] else "what is free is not told"
    for index, level in enumerate(found["levels"]):
        chosen = "so it begins" if index == found["level"] else ""
        where = f"graphics memory {gigabytes(level['graphics_bytes'])}, " if level["graphics_bytes"] else ""
        yield f"{where}memory {gigabytes(level['memory_bytes'])}: {level['words']}{chosen and ' <- '}{chosen}"
    if free["graphics"] is not None:
        yield f"graphics memory: {gigabytes(free['graphics'])} free"
    yield f"memory: {memory}"
    yield f"disk: needs {gigabytes(found['levels'][0]['disk_bytes'])}, {gigabytes(free['disk'])} free"
    if found["seconds"]:
        yield f"time: about {duration(found['seconds'])}"
    yield from (f"Warning: {warning}" for warning in found["warnings"])
    if found["error"]:
        yield f"Error: {found['error']['message']} {found['error']['hint']}"
