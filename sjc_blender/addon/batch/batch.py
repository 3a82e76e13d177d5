# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of jobs, which can be started, watched, cancelled and retried; finished ones are not repeated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import overload

import bpy

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ..jobs import job_import, job_queue, pump
from ..jobs.destination import Destination
from ..jobs.job import Job, JobState
from ..jobs.start import start
from ..process.farm_process import Farm
from ..process_keeper import PROCESSES
from ..results.replacement import remove_result
from ..run_to_end import run_to_end
from . import arrangement
from .arrangement import Arrangement
from .entry import DONE, ELSEWHERE, MISSING, NOT_IN_SCENE, Entry
from .plan import Planned
from .table import counted, table

REDONE = {"no_result", "broken_result"}
"""Errors of an import that running the job again can fix."""


latest: Batch | None = None
"""The latest batch, for the panel."""


class Batch(Sequence[Entry]):
    """A sequence of jobs and their states. ``print(batch)`` shows them all.

    Parameters
    ----------
    jobs : sequence of Planned
    variants : int
        How many jobs a row becomes, for the grid.
    destination : Destination
        The scene that the results belong to.
    interpreter : callable
        Finds the engine's Python; asked only if a job has to run.
    progress : callable, optional
        Called with a job after every change of it.
    farm : Farm or None
        Where its jobs run; None: on this computer.
    """

    def __init__(
        self,
        name: str,
        jobs: Sequence[Planned],
        variants: int,
        how: Arrangement,
        destination: Destination,
        interpreter: Callable[[], Path],
        progress: Callable[[Job], None] | None = None,
        farm: Farm | None = None,
    ) -> None:
        self.name = name
        self.destination = destination
        self.entries = [Entry(*pair) for pair in zip(jobs, arrangement.job_offsets(jobs, how, variants), strict=True)]
        self._how = how
        self._interpreter = interpreter
        self._progress = progress
        self._farm = farm

    @property
    def states(self) -> dict[str, str]:
        """Folder name to state.

        ``done`` (made, and in the scene), ``queued``, ``running``, ``busy elsewhere`` (another session
        makes it; its result is imported then), ``cancelling``, ``failed``, ``cancelled``,
        ``not in the scene`` (made, but its object is gone) or ``missing``.
        """
        standing = self._standing()
        return {entry.planned.folder.name: _state(entry, standing) for entry in self.entries}

    @property
    def live(self) -> bool:
        """Whether any job runs or waits."""
        return any(entry.live for entry in self.entries)

    @property
    def ended(self) -> int:
        """Number of jobs that neither run nor wait."""
        return sum(not entry.live for entry in self.entries)

    @property
    def unfinished(self) -> int:
        """Number of jobs that have failed or were cancelled."""
        states = {JobState.FAILED, JobState.CANCELLED}
        stopped = (entry.job is not None and entry.job.state in states for entry in self.entries)
        return sum(stopped) + sum(entry.trouble is not None for entry in self.entries)

    @property
    def errors(self) -> dict[str, SjcError]:
        """Folder name to what went wrong."""
        return {entry.planned.folder.name: entry.error for entry in self.entries if entry.error is not None}

    @property
    def headline(self) -> str:
        """A sentence about its progress."""
        return f"SJC batch {self.name!r}: {self._standing_told()}."

    def start(self) -> str:
        """Import or start whatever is missing; see `starting`."""
        return run_to_end(self.starting())

    def starting(self) -> Generator[None, None, str]:
        """Import finished results that are not in the scene, and queue the other jobs, one per step.

        Returns
        -------
        str
            What that was, in a sentence.

        Raises
        ------
        SjcError
            ``scene_missing``, or a job has to run and there is no usable engine's Python; nothing
            is started then.
        """
        self.destination.require("run the batch anew in this one")
        global latest
        latest = self
        entries = [entry for entry in self.entries if not entry.live]
        for entry in entries:
            self._adopt(entry)
        missing = [entry for entry in entries if not entry.made]
        interpreter = self._interpreter() if missing else None
        standing = dict.fromkeys(self._standing())  # names alone: objects may be freed between two steps
        imported = 0
        for entry in entries:
            yield
            entry.trouble = None
            absent = _absent(entry, standing)
            if entry.live or entry in missing or not absent:
                continue
            if self._import(entry, absent):
                imported += 1
            elif entry.trouble is not None and entry.trouble.code in REDONE:
                missing.append(entry)
        started = [entry for entry in missing if not entry.live]
        for entry in started:
            yield
            self._run(entry, interpreter or self._interpreter(), bool(_absent(entry, standing)))
        return self._said(imported, len(started))

    def prepare(self) -> list[Path]:
        """Write the folders of the jobs that are not made, for another machine; none is started, no engine is needed.

        There ``python -m sjc_blender.engine resume FOLDER`` makes each; brought back, the same batch imports them.

        Returns
        -------
        list of Path
            Every folder that waits to be run.

        Raises
        ------
        SjcError
            ``folder_not_writable``, ``disk_full``.
        """
        waiting = [entry for entry in self.entries if not entry.made and not entry.live]
        for entry in waiting:
            _folder(entry)
        return [entry.planned.folder for entry in waiting]

    def wait(self, timeout: float | None = None) -> Batch:
        """Block until every job has ended and is imported, for `timeout` seconds at most; Ctrl-C cancels them."""
        pump.run_until_ended(*(entry.job for entry in self.entries if entry.job is not None), timeout=timeout)
        return self

    def cancel(self, *, now: bool = False) -> None:
        """Stop the running job after its current step (or at once), and those that wait."""
        # Waiting jobs first, or the next one would start.
        for entry in reversed(self.entries):
            if entry.job is not None:
                job_queue.QUEUE.cancel(entry.job, now=now)
        PROCESSES.ensure_running()

    def retry(self) -> str:
        """Run failed, cancelled and missing jobs again, from their checkpoints."""
        return self.start()

    @property
    def stale(self) -> list[bpy.types.Object]:
        """Objects of rows that are no longer in the list."""
        scene = self.destination.scene()
        names = {entry.planned.folder.name for entry in self.entries}
        return [] if scene is None else arrangement.stale(scene, self._how.collection, names)

    def prune(self) -> list[str]:
        """Remove the `stale` objects from the file and return their names; the job folders are kept."""
        stale = self.stale
        names = [obj.name for obj in stale]
        for obj in stale:
            remove_result(obj)
        return names

    def results(self) -> list[bpy.types.Object]:
        """Return its objects in the scene, in the order of its jobs."""
        standing = self._standing()
        keys = [(entry.planned.folder.name, output) for entry in self.entries for output in entry.planned.outputs]
        return [standing[key] for key in keys if key in standing]

    def objects(self, entry: Entry) -> list[bpy.types.Object]:
        """Return the objects of one of its jobs in the scene."""
        standing, name = self._standing(), entry.planned.folder.name
        return [standing[name, output] for output in entry.planned.outputs if (name, output) in standing]

    def __str__(self) -> str:
        lines = [self.headline, table(self.entries, list(self.states.values()))]
        stale = [obj.name for obj in self.stale]
        if stale:
            lines.append(f"  not in the list any more: {', '.join(stale)}; prune() removes them")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Batch {self.name!r}: {counted(list(self.states.values()))}>"

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Entry: ...

    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        return self.entries[index]

    def _standing(self) -> dict[tuple[str, str], bpy.types.Object]:
        """Results in the scene, see `arrangement.results_in`."""
        scene = self.destination.scene()
        return arrangement.results_in(scene) if scene is not None else {}

    def _standing_told(self) -> str:
        states = list(self.states.values())
        if set(states) != {DONE}:
            return f"of {len(states)} jobs {counted(states)}"
        return f"all {len(states)} objects are made and in the scene"

    def _adopt(self, entry: Entry) -> None:
        """Take over the job that works in the entry's folder already, started by an earlier call."""
        for job in job_queue.QUEUE.jobs:
            if job.live and job.folder.path == entry.planned.folder:
                entry.job = job

    def _import(self, entry: Entry, outputs: Sequence[str]) -> bool:
        scene = self.destination.scene()
        assert scene is not None  # asked for before anything starts
        try:
            objects = job_import.import_outputs(JobFolder(entry.planned.folder), outputs, scene)
        except SjcError as error:
            entry.trouble = error
            return False
        objects = arrangement.arrange(objects, entry.planned, entry.way, self._how, scene)
        job_import.settle(objects, entry.planned.spec, scene)
        entry.job = None
        return True

    def _run(self, entry: Entry, interpreter: Path, wanted: bool) -> None:
        scene = self.destination.scene()
        assert scene is not None
        try:
            folder = _folder(entry)
            # As it was described at first: only its place and its preview's camera may differ by now.
            spec = folder.read_spec()
            entry.job = start(
                folder,
                spec,
                interpreter,
                scene,
                import_results=wanted,
                on_change=self._progress,
                arrange=lambda job: self._arrange(entry, job),
                way=entry.way,
                patient=True,
                farm=self._farm,
            )
            entry.trouble = None
        except SjcError as error:
            entry.trouble = error

    def _arrange(self, entry: Entry, job: Job) -> None:
        scene = self.destination.scene()
        if scene is not None:
            objects = [scene.objects[name] for name in job.imported if name in scene.objects]
            objects = arrangement.arrange(objects, entry.planned, entry.way, self._how, scene)
            job.imported = tuple(obj.name for obj in objects)

    def _said(self, imported: int, started: int) -> str:
        if not imported and not started:
            return f"SJC batch {self.name!r}: nothing to do, {self._standing_told()}."
        parts = []
        if started:
            parts.append(f"{started} of {len(self.entries)} jobs to run")
        if imported:
            parts.append(f"{imported} imported from {'their folders' if imported > 1 else 'its folder'}")
        return f"SJC batch {self.name!r}: {', '.join(parts)}."


def _folder(entry: Entry) -> JobFolder:
    """The entry's folder with its job in it."""
    folder = JobFolder(entry.planned.folder)
    if not folder.has(folder.spec_path):
        JobFolder.create(folder.path, entry.planned.spec)
    entry.planned.inputs.lay(folder)  # also where another session has made the folder, and gets no further
    return folder


def _state(entry: Entry, standing: Mapping[tuple[str, str], object]) -> str:
    """State of a job, see `Batch.states`."""
    job = entry.job
    if job is not None and job.elsewhere:
        return ELSEWHERE
    if job is not None and job.state is not JobState.DONE:
        return str(job.state)
    if entry.trouble is not None:
        return str(JobState.FAILED)
    if not entry.made:
        return MISSING
    return NOT_IN_SCENE if _absent(entry, standing) else DONE


def _absent(entry: Entry, standing: Mapping[tuple[str, str], object]) -> list[str]:
    """Outputs that the scene does not have."""
    name = entry.planned.folder.name
    return [output for output in entry.planned.outputs if (name, output) not in standing]
