"""From rows and the batch's own settings to jobs; every fault of every row is found before any starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import bpy

from ...protocol import codec
from ...protocol.errors import Fault, InvalidSpec, SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.overrides import merged
from ...protocol.spec import JobSpec
from ..jobs.job_edit import Changes, edited
from ..jobs.job_import import OUTPUTS, outputs_of
from ..jobs.job_inputs import JobInputs
from ..jobs.job_location import slug
from ..jobs.start import Surroundings, absolute, holding, job_spec, proxy_shape, surroundings
from ..results.placement import result_name
from ..rigs.proxy import FilledGrid
from ..rigs.rig_choice import RigChoice
from .batch_fault import BatchFault, InvalidBatch
from .columns import PLAIN, TEXT, nested
from .rows import Row, Rows

COLUMN_OF_CODE = {
    "unknown_rig": "rig",
    "no_cameras": "rig",
    "unusable_cameras": "rig",
    "bad_jitter": "rig",
    "bad_frames": "rig",
    "unknown_domain": "domain",
    "domain_zero_size": "domain",
    "domain_sheared": "domain",
    "domain_without_box": "domain",
    "bad_model_profile": "model",
    "unknown_output": "outputs",
    "prompt_outside_vocabulary": "prompt",
    "unknown_proxy": "proxy",
    "proxy_without_surface": "proxy",
    "proxy_outside_domain": "proxy",
    "unknown_region": "region",
    "region_without_surface": "region",
    "region_outside_domain": "region",
    "region_other_samples": "region",
    "region_other_grid": "region",
    "no_job": "edit",
    "no_checkpoint": "edit",
    "checkpoint_corrupt": "edit",
    "engine_busy": "edit",
    "result_folder_missing": "edit",
}
"""Which column an error of a job that cannot start is about."""

EDITED = {"prompt", "negative_prompt", "model", "preset", "seed", "outputs"}
NOT_EDITED = {"rig", "domain", "jitter", "proxy", "proxy_looseness"}
"""Columns of a row that edits a finished job, and those that it cannot have."""

STAND_IN = "a red chair"
"""For a missing prompt, so that the rest of its row can be judged."""


@dataclass(frozen=True)
class Settings:
    """What holds for every row that does not say otherwise; as the arguments of `sjc_blender.addon.api.batch`."""

    seeds: Sequence[int] = (0,)
    presets: Sequence[str] = ("standard",)
    rigs: Sequence[str | bpy.types.Collection | RigChoice] = ("ORBIT",)
    negative_prompt: str = ""
    domain: bpy.types.Object | str | None = None
    model: str = "builtin"
    outputs: Sequence[str] = ("volume",)
    jitter: float = 0.0
    proxy: bpy.types.Object | bpy.types.Collection | str | None = None
    proxy_looseness: float = 0.5
    overrides: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """One job of a batch.

    Attributes
    ----------
    row : int
        Where it was asked for.
    name : str
        Of its object.
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
    spec: JobSpec
    folder: Path
    at_own_domain: bool
    inputs: JobInputs = field(default_factory=JobInputs)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what it makes."""
        return outputs_of(self.spec)


def planning(
    rows: Rows, settings: Settings, scene: bpy.types.Scene, folders: Sequence[Path]
) -> Generator[None, None, tuple[list[Planned], int]]:
    """Resolve every row, a step each, into its jobs: of its own seed, preset and rig, or of all of the batch's.

    What several jobs take from the scene is looked at once.

    Parameters
    ----------
    rows : Rows
    settings : Settings
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
    several = {"seed": settings.seeds, "preset": settings.presets, "rig": settings.rigs}
    faults += [BatchFault.of(None, name, None, "at least one") for name, values in several.items() if not values]
    views, jobs = _Views(scene), []
    for row in rows.rows:
        for job in _jobs_of(row, settings, views, folders, faults):
            jobs.append(job)
            yield
        yield
    faults += yield from _clashes(jobs)
    if faults:
        raise InvalidBatch(faults)
    return jobs, len(settings.seeds) * len(settings.presets) * len(settings.rigs)


class _Views:
    """The scene as jobs look at it, each rig and domain once."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        self._shapes: dict[tuple[Any, ...], FilledGrid] = {}
        self._seen: dict[tuple[Any, ...], Surroundings] = {}

    def of(self, *, rig: Any, domain: Any, jitter: Any) -> Surroundings:
        """Look, or give what was seen."""
        key = rig, domain, repr(jitter)
        if key not in self._seen:
            self._seen[key] = surroundings(self.scene, rig, domain, jitter)
        return self._seen[key]

    def with_proxy(self, spec: JobSpec, proxy: Any, looseness: Any) -> tuple[JobSpec, JobInputs]:
        """Give a job its proxy, of which each is filled once."""
        if not isinstance(looseness, (int, float)) or not 0 <= looseness <= 1:
            raise InvalidSpec([Fault("proxy_looseness", looseness, "0 (held) to 1 (free)")])
        key = proxy, spec.domain, spec.field.resolution
        if key not in self._shapes:
            self._shapes[key] = proxy_shape(spec, proxy, self.scene)
        return holding(spec, self._shapes[key], looseness)


def identity(spec: JobSpec) -> str:
    """Digest of what determines a result: without its place in the world, its preview's camera and its memory."""
    data = codec.encode(spec)
    del data["model"]["memory"]
    del data["outputs"]["preview_camera"]
    del data["domain"]["matrix_world"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:10]


def _jobs_of(
    row: Row, settings: Settings, views: _Views, folders: Sequence[Path], faults: list[BatchFault]
) -> Iterator[Planned]:
    values = {name: value for name, value in row.values.items() if not _ill_typed(row, name, faults)}
    if not str(values.get("prompt", "")).strip():
        faults.append(BatchFault.of(row.number, "prompt", None, 'a description of the object, such as "a red chair"'))
        values.pop("prompt", None)
    several = {"preset": settings.presets, "rig": settings.rigs, "seed": settings.seeds}
    if "edit" in values:
        # The rest is the edited job's, unless the row itself says otherwise.
        several = {"seed": settings.seeds}
        faults += [
            BatchFault.of(row.number, name, values.pop(name), "nothing, where a finished job is edited")
            for name in NOT_EDITED & values.keys()
        ]
    choices = [[values[name]] if name in values else list(several[name]) for name in several]
    for choice in product(*choices):
        resolved = _resolved(row, values, dict(zip(several, choice, strict=True)), settings, views, faults)
        if resolved is None:
            continue
        spec, inputs = resolved
        name = values.get("name") or f"{result_name(spec.prompt)} seed {spec.seed}"
        own_domain = "domain" in values or "edit" in values
        yield Planned(row.number, name, spec, _folder(spec, values.get("folder"), folders), own_domain, inputs)


def _ill_typed(row: Row, name: str, faults: list[BatchFault]) -> bool:
    """Whether a plain column holds what the API cannot take; the job spec judges the rest itself."""
    value = row.values[name]
    if name in TEXT and not isinstance(value, str):
        faults.append(BatchFault.of(row.number, name, value, "text"))
        return True
    named = (value,) if isinstance(value, str) else value
    if name == "outputs" and not (isinstance(named, (list, tuple)) and named and set(map(str, named)) <= set(OUTPUTS)):
        faults.append(BatchFault.of(row.number, name, value, " or ".join(OUTPUTS) + ", or both"))
        return True
    return False


def _resolved(
    row: Row,
    values: Mapping[str, Any],
    choice: Mapping[str, Any],
    settings: Settings,
    views: _Views,
    faults: list[BatchFault],
) -> tuple[JobSpec, JobInputs] | None:
    """Make the spec. A column with a fault is left out and the rest tried again, so that all are found."""
    left = {**choice, **values}
    sound = True
    while True:
        try:
            resolved = _spec(left, settings, views)
            return resolved if sound and "prompt" in left else None
        except SjcError as error:
            sound = False
            found = _told(row, left, error)
            if not (error.code == "prompt_outside_vocabulary" and "prompt" not in left):
                faults += found
            wrong = {fault.column for fault in found} & left.keys()
            if not wrong or wrong == {"prompt"}:
                return None
            left = {name: value for name, value in left.items() if name not in wrong}


def _spec(columns: Mapping[str, Any], settings: Settings, views: _Views) -> tuple[JobSpec, JobInputs]:
    dotted = nested({name: value for name, value in columns.items() if name not in PLAIN})
    if "edit" in columns:
        changes = Changes(**{name: columns[name] for name in EDITED & columns.keys()}, overrides=dotted)
        return edited(columns["edit"], changes, columns.get("region"), views.scene)
    plain: dict[str, Any] = {
        "prompt": STAND_IN,
        "negative_prompt": settings.negative_prompt,
        "domain": settings.domain,
        "model": settings.model,
        "jitter": settings.jitter,
        "outputs": settings.outputs,
        "rig": "ORBIT",
        "proxy": settings.proxy,
        "proxy_looseness": settings.proxy_looseness,
    }
    plain |= {
        name: value for name, value in columns.items() if name in PLAIN and name not in ("name", "folder", "region")
    }
    around = views.of(**{name: plain.pop(name) for name in ("rig", "domain", "jitter")})
    proxy, looseness = plain.pop("proxy"), plain.pop("proxy_looseness")
    spec = job_spec(around, overrides=merged(settings.overrides, dotted), **plain)
    return (spec, JobInputs()) if proxy is None else views.with_proxy(spec, proxy, looseness)


def _told(row: Row, columns: Mapping[str, Any], error: SjcError) -> list[BatchFault]:
    """Say an error in terms of the row's columns; what its columns do not say is the batch's own."""
    if isinstance(error, InvalidSpec):
        found = [(_column(fault.field, columns), fault.value, fault.allowed) for fault in error.faults]
    else:
        column = COLUMN_OF_CODE.get(error.code, "")
        value = columns.get(column)
        found = [(column, value if isinstance(value, str) else None, f"{error.message} {error.hint}".strip())]
    shared = {name for name in columns if name not in row.values}
    return [
        BatchFault.of(None if column in shared or column not in columns else row.number, column, value, allowed)
        for column, value, allowed in found
    ]


def _column(spec_field: str, columns: Mapping[str, Any]) -> str:
    """Which column has said what a field of the spec has wrong; the field's own name if none has."""
    if spec_field in columns:
        return spec_field
    parents = [name for name in columns if spec_field.startswith((f"{name}.", f"{name}["))]
    if parents:
        return max(parents, key=len)
    return {"model.source": "model", "cameras.jitter": "jitter"}.get(spec_field, spec_field)


def _folder(spec: JobSpec, chosen: str | None, folders: Sequence[Path]) -> Path:
    """Where the job lies already, else where it will: in the first folder, under a name that tells it from others."""
    name = chosen or f"{slug(spec.prompt)}-seed{spec.seed}-{identity(spec)}"
    if chosen is not None and (chosen.startswith(("//", "~")) or Path(chosen).is_absolute()):
        return Path(absolute(chosen))
    return next((folder / name for folder in folders if JobFolder(folder / name).spec_path.exists()), folders[0] / name)


def _clashes(jobs: Sequence[Planned]) -> Generator[None, None, list[BatchFault]]:
    """Faults of jobs that would be made twice, or would lie in one folder."""
    faults = []
    first_in: dict[Path, Planned] = {}
    first_of: dict[str, Planned] = {}
    for job in jobs:
        yield
        key = identity(job.spec)
        same = first_of.setdefault(key, job)
        neighbour = first_in.setdefault(job.folder, job)
        if same is not job:
            allowed = f"another prompt, seed or setting: row {same.row} is the same job"
            faults.append(BatchFault.of(job.row, "", job.name, allowed))
        elif neighbour is not job:
            allowed = f"a folder for each job: one of row {neighbour.row} has it too"
            faults.append(BatchFault.of(job.row, "folder", job.folder.name, allowed))
        elif JobFolder(job.folder).spec_path.exists() and not _is_its_own(job, key):
            faults.append(BatchFault.of(job.row, "folder", job.folder.name, "a folder that holds no other job"))
    return faults


def _is_its_own(job: Planned, key: str) -> bool:
    """Whether what lies in the job's folder is this job."""
    try:
        return identity(JobFolder(job.folder).read_spec()) == key
    except SjcError:
        return False
