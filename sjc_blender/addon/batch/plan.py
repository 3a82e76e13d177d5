# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the jobs of a batch from rows and settings; all faults of all rows are found before any job starts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import unicodedata
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import bpy

from ...protocol import codec
from ...protocol.errors import InvalidSpec, SjcError
from ...protocol.job_folder import JobFolder, wanted_outputs
from ...protocol.outside_file import is_there
from ...protocol.overrides import merged, nested
from ...protocol.removed_settings import as_before
from ...protocol.slug import slug
from ...protocol.spec import JobSpec
from ..jobs.job_inputs import JobInputs
from ..jobs.job_request import OUTPUTS, STEERING, JobRequest
from ..jobs.resolve import resolved
from ..jobs.scene_view import SceneView
from ..results.placement import result_name
from ..rigs.rig_choice import RigChoice
from .batch_fault import BatchFault, InvalidBatch
from .chosen_folder import INSIDE, is_inside
from .columns import NUMBERS, PLAIN, TEXT
from .rows import MOST, Row, Rows
from .seed_ranges import ALLOWED
from .written_numbers import NUMBER

COLUMN_OF_CODE = {
    "no_cameras": "rig",
    "unusable_cameras": "rig",
    "bad_jitter": "rig",
    "bad_frames": "rig",
    "unknown_output": "outputs",
    "no_job": "edit",
    "no_checkpoint": "edit",
    "checkpoint_corrupt": "edit",
    "engine_busy": "edit",
    "result_folder_missing": "edit",
}
"""The column that an error of a job is about, by error code; that of any other is the first that the code names."""

NOT_EDITED = {"rig", "domain", "jitter", *STEERING}
"""Columns that a row with ``edit`` cannot have."""

COLUMN_OF_FIELD = {
    "model.source": "model",
    "cameras.jitter": "jitter",
    "field.proxy.looseness": "looseness",
    "guide.strength": "guide_strength",
    "guide.picture": "guide_picture",
    "model.control": "control",
    "picture.strength": "picture_strength",
    "model.ip_adapter": "ip_adapter",
}
"""Columns of fields of the spec that have another name."""

STAND_IN = "a red chair"
"""Replaces a missing prompt, so that the rest of its row can be checked."""


@dataclass(frozen=True)
class BatchRequest:
    """Settings for rows that do not set them.

    Attributes
    ----------
    shared : JobRequest
        Its prompt, preset, seed and rig do not count.
    seeds, presets, rigs : sequence
        Each row becomes a job for each combination of those that it does not name itself.
    """

    shared: JobRequest
    seeds: Sequence[int] = (0,)
    presets: Sequence[str] = ("standard",)
    rigs: Sequence[str | bpy.types.Collection | RigChoice] = ("ORBIT",)


@dataclass(frozen=True)
class Planned:
    """One job of a batch.

    Attributes
    ----------
    row : int
        Where it was asked for.
    name : str
        Of its object.
    named : bool
        Whether the row names it: another job of that name takes the place of its object, see `arrange`.
    spec : JobSpec
    folder : Path
        Where the job lies, or will.
    at_own_domain : bool
        Its row names a domain, or edits an object, so its result stands there and not in the batch's grid.
    inputs : JobInputs
        Files that it starts from.
    """

    row: int
    name: str
    named: bool
    spec: JobSpec
    folder: Path
    at_own_domain: bool
    inputs: JobInputs = field(default_factory=JobInputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of its outputs."""
        return wanted_outputs(self.spec)


def planning(
    rows: Rows, batch: BatchRequest, scene: bpy.types.Scene, folders: Sequence[Path]
) -> Generator[None, None, tuple[list[Planned], int]]:
    """Resolve every row, a step each, into its jobs: of its own seed, preset and rig, or of all of the batch's.

    What several jobs take from the scene is looked at once.

    Parameters
    ----------
    scene : bpy.types.Scene
        With the rigs and domains.
    folders : sequence of Path
        Where the batch's jobs may lie; new ones in the first.

    Returns
    -------
    jobs : list of Planned
        In the order of the rows.
    variants : int
        How many of them a row becomes that says nothing itself.

    Raises
    ------
    InvalidBatch
        With every fault; rows without jobs are one too.
    """
    faults = list(rows.faults)
    if not rows.rows and not faults:
        faults.append(BatchFault.of(None, "", None, "at least one prompt"))
    several = {"seed": batch.seeds, "preset": batch.presets, "rig": batch.rigs}
    faults += [BatchFault.of(None, name, None, "at least one") for name, values in several.items() if not values]
    view = SceneView(scene)
    jobs: list[Planned] = []
    for row in rows.rows:
        for job in _jobs_of(row, batch, view, folders, faults):
            if len(jobs) == MOST:
                raise InvalidBatch([BatchFault.of(row.number, "", None, f"up to {MOST} jobs in a batch")])
            jobs.append(job)
            yield
        yield
    faults += yield from _clashes(jobs)
    if faults:
        raise InvalidBatch(faults)
    return jobs, len(batch.seeds) * len(batch.presets) * len(batch.rigs)


def identity(spec: JobSpec) -> str:
    """Return the digest of what determines a result: not the domain's place, the preview's camera or the memory."""
    data = as_before(codec.encode(spec))
    del data["model"]["memory"]
    del data["outputs"]["preview_camera"]
    del data["domain"]["matrix_world"], data["domain"]["floor"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]


def _jobs_of(
    row: Row, batch: BatchRequest, view: SceneView, folders: Sequence[Path], faults: list[BatchFault]
) -> Iterator[Planned]:
    wrong = {name: allowed for name in row.values if (allowed := _allowed_instead(name, row.values[name], folders))}
    faults += [BatchFault.of(row.number, name, row.values[name], allowed) for name, allowed in wrong.items()]
    values = {name: value for name, value in row.values.items() if name not in wrong}
    if not str(values.get("prompt", "")).strip():
        faults.append(BatchFault.of(row.number, "prompt", None, 'a description of the object, such as "a red chair"'))
        values.pop("prompt", None)
    several = {"preset": batch.presets, "rig": batch.rigs, "seed": batch.seeds}
    if "edit" in values:
        # The rest is the edited job's, unless the row itself says otherwise.
        several = {"seed": batch.seeds}
        faults += [
            BatchFault.of(row.number, name, values.pop(name), "nothing, where a finished job is edited")
            for name in NOT_EDITED & values.keys()
        ]
    choices = [_several(values[name]) if name in values else list(several[name]) for name in several]
    for choice in product(*choices):
        made = _judged(row, values, dict(zip(several, choice, strict=True)), batch, view, faults)
        if made is None:
            continue
        spec, inputs = made
        named = "name" in values
        labels = [_label(name, value) for name, value, of in zip(several, choice, choices, strict=True) if len(of) > 1]
        name = " ".join([values["name"], *labels]) if named else f"{result_name(spec.prompt)} seed {spec.seed}"
        own_domain = "domain" in values or "edit" in values
        yield Planned(row.number, name, named, spec, _folder(spec, values.get("folder"), folders), own_domain, inputs)


def _label(column: str, value: Any) -> str:
    """Return the part of a name that distinguishes the jobs of a row."""
    return f"{column} {value}" if column == "seed" else str(getattr(value, "name", value))


def _allowed_instead(name: str, value: Any, folders: Sequence[Path]) -> str:
    """Return what a plain column accepts where its value is something else; empty if it is right.

    The job spec checks the rest.
    """
    named = (value,) if isinstance(value, str) else value
    if name in TEXT and not isinstance(value, str):
        return "text"
    if name == "outputs" and not (isinstance(named, (list, tuple)) and named and set(map(str, named)) <= set(OUTPUTS)):
        return " or ".join(OUTPUTS) + ", or both"
    if name in NUMBERS and (isinstance(value, bool) or not isinstance(value, (int, float))):
        return NUMBER
    if name == "folder" and not is_inside(value, folders):
        return INSIDE
    return ALLOWED if name == "seed" and not _several(value) else ""


def _several(value: Any) -> list[Any]:
    """Return a tuple for one value or several."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _judged(
    row: Row,
    values: Mapping[str, Any],
    choice: Mapping[str, Any],
    batch: BatchRequest,
    view: SceneView,
    faults: list[BatchFault],
) -> tuple[JobSpec, JobInputs] | None:
    """Make the spec. A column with a fault is left out and the rest tried again, so that all are found."""
    left = {**values, **choice}
    sound = True
    while True:
        try:
            made = resolved(_request(left, batch), view)
            return made if sound and "prompt" in left else None
        except SjcError as error:
            sound = False
            found = _told(row, left, error)
            if not (error.code == "prompt_outside_vocabulary" and "prompt" not in left):
                faults += found
            wrong = {fault.column for fault in found} & left.keys()
            if not wrong or wrong == {"prompt"}:
                return None
            left = {name: value for name, value in left.items() if name not in wrong}


def _request(columns: Mapping[str, Any], batch: BatchRequest) -> JobRequest:
    """Return a row's request; what it leaves out is the batch's, or that of the edited job."""
    own = {name: value for name, value in columns.items() if name in PLAIN and name not in ("name", "folder")}
    dotted = nested({name: value for name, value in columns.items() if name not in PLAIN})
    shared = batch.shared
    if "edit" in columns:
        return JobRequest(**own, overrides=dotted, memory=shared.memory)
    overrides = merged(nested(shared.overrides), dotted)
    return dataclasses.replace(shared, **{"prompt": STAND_IN, **own, "overrides": overrides})


def _told(row: Row, columns: Mapping[str, Any], error: SjcError) -> list[BatchFault]:
    """Convert an error to faults of the row's columns, or of the batch's settings for what the columns leave out."""
    if isinstance(error, InvalidSpec):
        found = [(_column(fault.field, columns), fault.value, fault.allowed) for fault in error.faults]
    else:
        named = (word for word in error.code.split("_") if word in TEXT)
        column = COLUMN_OF_CODE.get(error.code) or next(named, "")
        value = columns.get(column)
        found = [(column, value if isinstance(value, str) else None, f"{error.message} {error.hint}".strip())]
    shared = {name for name in columns if name not in row.values}
    return [
        BatchFault.of(None if column in shared or column not in columns else row.number, column, value, allowed)
        for column, value, allowed in found
    ]


def _column(spec_field: str, columns: Mapping[str, Any]) -> str:
    """Return the column of an invalid field of the spec; the field's name if there is none."""
    if spec_field in columns:
        return spec_field
    parents = [name for name in columns if spec_field.startswith((f"{name}.", f"{name}["))]
    if parents:
        return max(parents, key=len)
    return COLUMN_OF_FIELD.get(spec_field, spec_field)


def _folder(spec: JobSpec, chosen: str | None, folders: Sequence[Path]) -> Path:
    """Return the job's existing folder, else a new one in the first folder, with a name of its own."""
    name = chosen or f"{slug(spec.prompt)}-seed{spec.seed}-{identity(spec)}"
    return next(
        (folder / name for folder in folders if is_there(JobFolder(folder / name).spec_path)), folders[0] / name
    )


def _clashes(jobs: Sequence[Planned]) -> Generator[None, None, list[BatchFault]]:
    """Return the faults of jobs that are equal, or share a folder or an object."""
    faults = []
    first_in: dict[str, Planned] = {}  # letter case and form left out, as disks of other systems do
    first_of: dict[str, Planned] = {}
    first_called: dict[str, Planned] = {}
    for job in jobs:
        yield
        namesake = first_called.setdefault(job.name, job) if job.named else job
        if namesake is not job:
            allowed = f"another name: row {namesake.row} has it too, and an object of one name is one object"
            faults.append(BatchFault.of(job.row, "name", job.name, allowed))
        key = identity(job.spec)
        same = first_of.setdefault(key, job)
        neighbour = first_in.setdefault(unicodedata.normalize("NFC", str(job.folder)).casefold(), job)
        if same is not job:
            allowed = f"another prompt, seed or setting: row {same.row} is the same job"
            faults.append(BatchFault.of(job.row, "", job.name, allowed))
        elif neighbour is not job:
            allowed = f"a folder for each job: one of row {neighbour.row} has it too"
            faults.append(BatchFault.of(job.row, "folder", job.folder.name, allowed))
        elif is_there(JobFolder(job.folder).spec_path) and not _is_its_own(job, key):
            faults.append(BatchFault.of(job.row, "folder", job.folder.name, "a folder that holds no other job"))
    return faults


def _is_its_own(job: Planned, key: str) -> bool:
    """Return whether the job's folder contains this job."""
    try:
        return identity(JobFolder(job.folder).read_spec()) == key
    except SjcError:
        return False
