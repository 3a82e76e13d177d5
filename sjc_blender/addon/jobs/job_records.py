# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the state of jobs from their folders, for the history and the list of interrupted jobs. Knows no bpy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...protocol import events, plain_files
from ...protocol.errors import SjcError
from ...protocol.job_folder import LARGEST_SPEC, OUTPUT_FILES, JobFolder
from ...protocol.json_text import from_bytes
from ...protocol.shown import shown
from ...protocol.spec import subject_of

TAIL_BYTES = 1 << 14
"""Bytes read at the end of ``events.jsonl``, which contain a checkpoint's event."""


LATEST = 4e9
"""Seconds since 1970, in the year 2096."""

LONGEST_TEXT = 200
"""Characters of a prompt or name in a list."""


class RecordState(StrEnum):
    """State of the job in a folder."""

    DONE = "done"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DAMAGED = "damaged"
    BUSY = "busy"


@dataclass(frozen=True, repr=False)
class JobRecord:
    """A job's state, read from its folder.

    Attributes
    ----------
    folder : JobFolder
    subject : str
        As of a spec: the prompt, or the model's name.
    preset, model : str
    seed : int
    state : RecordState
        ``WAITING``: never begun; ``BUSY``: an engine is at work in the folder; ``DAMAGED``: nothing is known of it.
    step, steps : int
        Where the checkpoint stands, and the whole; the step is 0 where there is none.
    created : float
        Seconds since 1970.
    picture : Path or None
        The newest preview.
    offered : bool
        Whether the job waits for its user to decide: it was not he who stopped it.
    trouble : SjcError or None
        What is wrong with a damaged folder.
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
    trouble: SjcError | None = None

    def __repr__(self) -> str:
        return f"<JobRecord {self.folder.path.name!r}: {self.state}, step {self.step} of {self.steps}>"

    @property
    def resumable(self) -> bool:
        """Whether the job can be resumed or started."""
        return self.state not in {RecordState.DONE, RecordState.BUSY, RecordState.DAMAGED}


def read_record(path: Path, is_open: bool | None = None) -> JobRecord | None:
    """Read the state of the job in a folder; None if there is none.

    Parameters
    ----------
    is_open : bool or None
        What the index says of it (see `sjc_blender.addon.jobs.job_index`), None if it does not know the folder.
    """
    folder = JobFolder(path)
    if not plain_files.kind_of(folder.spec_path):
        return None
    try:
        return _read(folder, is_open)
    except SjcError as error:
        return _damaged(folder, is_open, error)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        told = SjcError(
            "bad_job_file", f"{folder.spec_path} cannot be read as a job ({type(error).__name__}: {error})."
        )
        return _damaged(folder, is_open, told)


def read_records(indexed: Mapping[Path, bool], parents: Iterable[Path]) -> list[JobRecord]:
    """Read the jobs in the folders of an index and in those inside `parents`; newest first."""
    paths: dict[Path, bool | None] = dict.fromkeys(_folders_in(parents))
    paths.update(indexed)
    records = [record for path, is_open in paths.items() if (record := read_record(path, is_open)) is not None]
    return sorted(records, key=lambda record: record.created, reverse=True)


def _read(folder: JobFolder, is_open: bool | None) -> JobRecord:
    folder.require_plain()
    data = from_bytes(folder.read(folder.spec_path, LARGEST_SPEC))
    created = _changed(folder.spec_path)
    # Not decoded as a spec: a job of another release is still part of the history.
    steps, seed = _whole(data["optimisation"]["steps"]), _whole(data["seed"])
    prompt, preset, model = (_text(value) for value in (data["prompt"], data["preset"], data["model"]["source"]))
    told = _last_events(folder)
    step = max((event.step for event in told if isinstance(event, events.CheckpointSaved)), default=0)
    state = _state(folder, told, [name for name in OUTPUT_FILES if data["outputs"].get(name, True) is True])
    step = min(step, steps) if folder.has(folder.checkpoint) else 0
    # A closed Blender lets its engine cancel; only the index knows that this was not its user's wish. A folder that it
    # does not know may be anyone's.
    unsettled = {RecordState.INTERRUPTED, RecordState.WAITING, RecordState.CANCELLED}
    offered = bool(is_open) and state in unsettled
    picture = folder.newest_preview()
    subject = subject_of(prompt, model)
    return JobRecord(folder, subject, preset, model, seed, state, step, steps, created, picture, offered)


def _damaged(folder: JobFolder, is_open: bool | None, trouble: SjcError) -> JobRecord:
    name = shown(folder.path.name, LONGEST_TEXT)
    return JobRecord(
        folder, name, "", "", 0, RecordState.DAMAGED, 0, 0, _changed(folder.spec_path), None, False, trouble
    )


def _changed(path: Path) -> float:
    """Return a plausible time in seconds since 1970; a file may contain anything."""
    try:
        return min(max(path.lstat().st_mtime, 0.0), LATEST)
    except OSError:
        return 0.0


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError("a number in it is no whole number, or far too large")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text in it is none")
    return shown(value, LONGEST_TEXT)


def _state(folder: JobFolder, told: list[Any], outputs: list[str]) -> RecordState:
    if folder.busy:
        return RecordState.BUSY
    if folder.is_done(outputs):
        return RecordState.DONE
    if not told:
        return RecordState.WAITING
    match told[-1]:
        case events.Cancelled():
            return RecordState.CANCELLED
        case events.Failed():
            return RecordState.FAILED
    return RecordState.INTERRUPTED


def _last_events(folder: JobFolder) -> list[events.Event]:
    try:
        lines = plain_files.read_tail(folder.path, folder.events_path, TAIL_BYTES).split(b"\n")
    except OSError:
        return []
    return [event for event in map(events.from_bytes, lines) if event is not None]


def _folders_in(parents: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for parent in parents:
        try:
            # A link may lead anywhere; folders of the index are known by their own path.
            found += [Path(entry.path) for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
    # Blender's lists hold no names that are not UTF-8.
    return [folder for folder in found if os.fsencode(folder).decode("utf-8", "replace") == str(folder)]
