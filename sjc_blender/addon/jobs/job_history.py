"""What is known of the jobs in folders, without running them: for the history and the offers. Knows no bpy."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...protocol import events
from ...protocol.job_folder import JobFolder
from ...protocol.spec import subject_of

TAIL_BYTES = 1 << 14
"""Of the end of ``events.jsonl``: a checkpoint at least every few hundred events lies in it."""


class RecordState(StrEnum):
    """How far the job in a folder came."""

    DONE = "done"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True)
class JobRecord:
    """A job as its folder tells of it.

    Attributes
    ----------
    folder : JobFolder
    subject : str
        As of a spec: the prompt, or the model's name.
    preset, model : str
    seed : int
    state : RecordState
        ``WAITING``: never begun; ``BUSY``: an engine is at work in the folder.
    step, steps : int
        Where the checkpoint stands, and the whole; the step is 0 where there is none.
    created : float
        Seconds since 1970.
    picture : Path or None
        The newest preview.
    offered : bool
        Whether the job waits for its user to decide: it was not he who stopped it.
    """

    folder: JobFolder
    subject: str
    preset: str
    model: str
    seed: int
    state: RecordState
    step: int
    steps: int
    created: float
    picture: Path | None
    offered: bool = False

    @property
    def resumable(self) -> bool:
        """Whether there is something to go on with, or to begin."""
        return self.state not in {RecordState.DONE, RecordState.BUSY}


def read_record(path: Path, is_open: bool | None = None) -> JobRecord | None:
    """Look into a folder; None if it holds no job.

    Parameters
    ----------
    path : Path
    is_open : bool or None
        What the index says of it (see `sjc_blender.addon.jobs.job_index`), None if it does not know the folder.
    """
    folder = JobFolder(path)
    try:
        data = json.loads(folder.spec_path.read_text(encoding="utf-8"))
        created = folder.spec_path.stat().st_mtime
        # Not decoded as a spec: a job of another release is still part of the history.
        steps = int(data["optimisation"]["steps"])
        subject = subject_of(str(data["prompt"]), str(data["model"]["source"]))
        preset, model, seed = str(data["preset"]), str(data["model"]["source"]), int(data["seed"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    told = _last_events(folder.events_path)
    step = max((event.step for event in told if isinstance(event, events.CheckpointSaved)), default=0)
    state = _state(folder, told)
    step = step if folder.checkpoint.is_file() else 0
    # A closed Blender lets its engine cancel; only the index knows that this was not its user's wish.
    unsettled = {RecordState.INTERRUPTED, RecordState.WAITING, RecordState.CANCELLED}
    offered = state in unsettled if is_open else is_open is None and state is RecordState.INTERRUPTED and step > 0
    picture = _newest_picture(folder.previews)
    return JobRecord(folder, subject, preset, model, seed, state, step, steps, created, picture, offered)


def read_records(indexed: Mapping[Path, bool], parents: Iterable[Path]) -> list[JobRecord]:
    """Look at the folders of an index and at those inside `parents`; newest first."""
    paths: dict[Path, bool | None] = dict.fromkeys(_folders_in(parents))
    paths.update(indexed)
    records = [record for path, is_open in paths.items() if (record := read_record(path, is_open)) is not None]
    return sorted(records, key=lambda record: record.created, reverse=True)


class Scan:
    """Reads the records in a thread of its own, for there may be hundreds on a slow disk.

    Parameters
    ----------
    indexed, parents
        As for `read_records`.
    """

    def __init__(self, indexed: Mapping[Path, bool], parents: Iterable[Path]) -> None:
        self._found: list[JobRecord] | None = None
        self._thread = threading.Thread(
            target=self._read, args=(dict(indexed), list(parents)), name="SJC history", daemon=True
        )
        self._thread.start()

    @property
    def found(self) -> list[JobRecord] | None:
        """The records; None as long as they are being read."""
        return None if self._thread.is_alive() else self._found or []

    def _read(self, indexed: Mapping[Path, bool], parents: list[Path]) -> None:
        self._found = read_records(indexed, parents)


def _state(folder: JobFolder, told: list[Any]) -> RecordState:
    if folder.busy:
        return RecordState.BUSY
    if any((folder.result / name).is_file() for name in ("field.npz", "mesh.npz")):
        return RecordState.DONE
    if not told:
        return RecordState.WAITING
    match told[-1]:
        case events.Cancelled():
            return RecordState.CANCELLED
        case events.Failed():
            return RecordState.FAILED
    return RecordState.INTERRUPTED


def _last_events(path: Path) -> list[events.Event]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [event for event in map(events.from_line, lines) if event is not None]


def _newest_picture(previews: Path) -> Path | None:
    try:
        names = [entry.name for entry in os.scandir(previews) if entry.name.endswith(".png")]
    except OSError:
        return None
    pictures = [name for name in names if not name.startswith(".")]
    return previews / max(pictures) if pictures else None


def _folders_in(parents: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for parent in parents:
        try:
            found += [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir()]
        except OSError:
            continue
    return found
