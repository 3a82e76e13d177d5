# SPDX-License-Identifier: GPL-3.0-or-later
"""``batch``: the objects of a list in one scene; the same command again continues."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.outside_file import is_there
from ...protocol.overrides import parse_overrides
from .. import api
from ..batch.batch_fault import InvalidBatch
from ..batch.entry import DONE
from ..batch.layout import PLACES
from ..jobs.job_request import STEERING, absolute
from .farm_options import add_farm_options, chosen_farm
from .guide_options import add_guide_options
from .job_options import add_run_options, chosen
from .outcome import Outcome, told
from .progress import JobProgress, Progress
from .result_options import add_result_options, save_scene
from .saved_file import only_one_writes

NAME = "batch"
HELP = "make many objects from a CSV, JSON or text file"
EXAMPLES = (
    "-b scene.blend --command sjc batch chairs.csv --check",
    "-b scene.blend --command sjc batch chairs.csv --seeds 1,2 --preset draft --save chairs.blend --json",
    "-b scene.blend --command sjc batch chairs.csv --seeds 1,2 --preset draft --save chairs.blend --status --json",
    "-b scene.blend --command sjc batch chairs.csv --prepare --out jobs",
    "-b scene.blend --command sjc batch prompts.txt --rig Cameras --import volume,mesh --place row \\\n"
    "      --set optimisation.steps=500 --save chairs.blend",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `api.batch` takes."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a file, or a Text block of the .blend; columns: prompt, seed, preset, rig, domain, "
        "model, proxy, guide, edit, region, name, folder, ..., "
        "and any field of a job such as optimisation.steps",
    )
    parser.add_argument("--check", action="store_true", help="only list the faults of the file; start nothing")
    parser.add_argument(
        "--status", action="store_true", help="only list which rows are made and which are left; start and save nothing"
    )
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="only write the job folders, for `python -m sjc_blender.engine resume FOLDER` on other machines",
    )
    parser.add_argument("--seeds", default="0", metavar="0-7", help="for rows without a seed; also 0,1,5")
    parser.add_argument("--preset", action="append", metavar="NAME", help="for rows without one (repeatable)")
    parser.add_argument("--rig", action="append", metavar="COLLECTION", help="for rows without one (repeatable)")
    parser.add_argument("--domain", metavar="OBJECT", help="for rows without one")
    parser.add_argument("--model", default="builtin", metavar="SOURCE", help="for rows without one")
    parser.add_argument("--negative-prompt", default="", metavar="TEXT", help="for rows without one")
    parser.add_argument("--jitter", type=float, default=0.0, metavar="DEGREES", help="for rows without one")
    add_guide_options(parser, ", for rows without one")
    parser.add_argument("--place", choices=PLACES, default="grid", help="arrangement of the results (default: grid)")
    parser.add_argument(
        "--spacing",
        type=float,
        metavar="UNITS",
        help="distance between neighbours (default: from the size of the domain)",
    )
    parser.add_argument(
        "--collection", metavar="NAME", help="collection for the results (default: one with the file's name)"
    )
    parser.add_argument("--no-assets", action="store_false", dest="assets", help="do not mark the results as assets")
    parser.add_argument("--versions", action="store_true", help="keep the previous result of a changed row, hidden")
    parser.add_argument("--prune", action="store_true", help="remove objects whose rows are no longer in the file")
    add_run_options(
        parser, "a setting of every job", "folder for the job folders (default: sjc_jobs beside the saved scene)"
    )
    add_farm_options(parser)
    add_result_options(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """Check the file, run missing jobs, and save after every object."""
    if not (arguments.check or arguments.status or arguments.prepare or arguments.save):
        raise SjcError(
            "bad_usage",
            "The batch has no scene to be saved in.",
            "Add --save OUT.blend, --prepare, --check or --status.",
        )
    source = arguments.file if arguments.file in bpy.data.texts else absolute(arguments.file)
    try:
        # In the scene as it was opened, before anything is written.
        batch = _batch(arguments, source)
        if arguments.check:
            lines = [f"{arguments.file}: {len(batch.entries)} jobs, no faults."]
            return Outcome("done", {"jobs": len(batch.entries), "faults": []}, lines)
        if arguments.prepare:
            folders = [str(folder) for folder in batch.prepare()]
            return Outcome("done", {"folders": folders}, folders or [batch.headline])
        say = Progress(arguments)
        if arguments.status:
            if arguments.save and is_there(arguments.save):
                _open(arguments.save)
                batch = _batch(arguments, source)
            return _status(batch)
        with only_one_writes(arguments.save, say):
            return _made(arguments, source, say)
    except InvalidBatch as error:
        return Outcome("failed", {"faults": [fault.as_json() for fault in error.faults]}, error=error)


def _made(arguments: argparse.Namespace, source: str, say: Progress) -> Outcome:
    _go_on_in(arguments.save, say)
    progress = _BatchProgress(say, arguments.save)
    batch = progress.batch = _batch(arguments, source, progress)
    pruned = batch.prune() if arguments.prune else []
    said = batch.start()
    say.say(said, "batch", jobs=len(batch.entries), said=said)
    batch.wait()
    progress.close()
    save_scene(arguments.save)
    return _outcome(batch, said, arguments.save, pruned)


def _batch(arguments: argparse.Namespace, source: str, progress: Any = None) -> api.Batch:
    settings = ("seeds", "domain", "model", "negative_prompt", "jitter", "engine_python", *STEERING)
    arrangement = ("place", "spacing", "collection", "assets", "versions", "show")
    return api.batch(
        source,
        presets=arguments.preset or "standard",
        rigs=arguments.rig or "ORBIT",
        outputs=arguments.outputs or api.OUTPUTS,
        overrides=parse_overrides(arguments.changes),
        folder=arguments.out,
        start=False,
        progress=progress,
        farm=chosen_farm(arguments),
        **chosen(arguments, *settings, *arrangement),
    )


def _go_on_in(path: Path, say: Progress) -> None:
    """Open the file of an earlier run, so that nothing in it is lost; else save the scene there."""
    if not is_there(path):
        save_scene(path)
    else:
        # Also where it is open: another process may have saved it since.
        say.say(f"{path} is there: the batch goes on in it.", "opened", blend=str(path))
        _open(path)


def _open(path: Path) -> None:
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path))
    except RuntimeError as error:
        raise SjcError(
            "not_opened",
            f"{path} is there, but cannot be opened: {str(error).strip()}",
            "Name another file for --save, or move this one away.",
        ) from error


def _status(batch: api.Batch) -> Outcome:
    """List the remaining rows; none is started."""
    left = [
        entry.planned.row for entry, state in zip(batch.entries, batch.states.values(), strict=True) if state != DONE
    ]
    return Outcome("done", {"jobs": _jobs(batch), "left": left}, [str(batch)])


def _outcome(batch: api.Batch, said: str, path: Path, pruned: Sequence[str]) -> Outcome:
    states = batch.states
    ended = set(states.values())
    state = "cancelled" if "cancelled" in ended else "done" if ended == {"done"} else "failed"
    lines = [said, str(batch), *(f"removed: {name}" for name in pruned), f"blend: {path}"]
    if state != "done":
        lines.append("The same command again makes what is missing.")
    stale = [obj.name for obj in batch.stale]
    facts = {"said": said, "jobs": _jobs(batch), "stale": stale, "removed": list(pruned), "blend": str(path)}
    return Outcome(state, facts, lines)


def _jobs(batch: api.Batch) -> list[dict[str, Any]]:
    jobs = []
    for entry, state in zip(batch.entries, batch.states.values(), strict=True):
        planned = entry.planned
        objects = [obj.name for obj in batch.objects(entry)]
        job: dict[str, Any] = {"row": planned.row, "name": planned.name, "state": state}
        job |= {"folder": str(planned.folder), "objects": objects}
        jobs.append(job | ({"error": told(entry.error)} if entry.error is not None else {}))
    return jobs


class _BatchProgress:
    """Reports the running job and its progress; saves the scene when its object was imported."""

    def __init__(self, say: Progress, path: Path) -> None:
        self.batch: api.Batch | None = None
        self._say = say
        self._path = path
        self._of: api.Job | None = None
        self._lines: JobProgress | None = None

    def __call__(self, job: api.Job) -> None:
        """Print what has changed of a job."""
        assert self.batch is not None  # nothing is reported before it starts
        if job is not self._of and job.phase and not job.imported and not (job.farm and job.live):
            self.close()
            entries = self.batch.entries
            number = next(number for number, entry in enumerate(entries, 1) if entry.job is job)
            planned = entries[number - 1].planned
            about = {"number": number, "count": len(entries), "row": planned.row, "name": planned.name}
            # A farm runs many at a time: each is reported at its end.
            ended = f": {job.state}" if job.farm else ""
            self._say.say(
                f"[{number}/{len(entries)}] {planned.name}{ended}", "job", **about, folder=str(planned.folder)
            )
            self._of, self._lines = job, None if job.farm else self._say.of_job(**about)
        if job is self._of and self._lines is not None:
            self._lines(job)
        if job.error is not None:
            self._say.say(f"Error: {job.error}", "error", name=job.id, **told(job.error))
        if job.imported:
            # A batch that is ended hard goes on from here.
            save_scene(self._path)

    def close(self) -> None:
        """End an unfinished line."""
        if self._lines is not None:
            self._lines.close()
