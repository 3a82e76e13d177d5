"""From the scene and a caller's settings to a job in line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...protocol import codec, presets
from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.overrides import merged
from ...protocol.spec import Camera, CameraRig, DomainSpec, JobSpec, OrbitRig, ProxySpec
from ...protocol.validation import validated
from ..rigs.domain import domain_object, domain_spec
from ..rigs.evaluated_scene import evaluated
from ..rigs.proxy import FilledGrid, filled_grid, named_shape
from ..rigs.rig import cameras_from_scene, preview_camera
from ..rigs.rig_choice import RigChoice, rig_choice
from ..rigs.scene_rig import rig_warnings
from . import job_queue, known_jobs, pump
from .job_import import OUTPUTS
from .job_inputs import JobInputs
from .job_queue import Job


@dataclass(frozen=True)
class Surroundings:
    """What a job takes from the scene; `cameras` is None for the model's own orbit."""

    domain: DomainSpec
    cameras: CameraRig | OrbitRig | None
    preview: Camera | None


def surroundings(
    scene: bpy.types.Scene,
    rig: str | bpy.types.Collection | RigChoice,
    domain: bpy.types.Object | str | None,
    jitter: float,
) -> Surroundings:
    """Look at the scene; arguments and errors as of `sjc_blender.addon.api.generate`."""
    chosen, box_object = rig_choice(rig), domain_object(domain)
    with evaluated(scene) as depsgraph:
        box = domain_spec(box_object, depsgraph)
        cameras = cameras_from_scene(chosen, box, scene, depsgraph, jitter=jitter)
        return Surroundings(box, cameras, preview_camera(scene, box, depsgraph))


def job_spec(
    around: Surroundings, *, overrides: Mapping[str, Any], model: str, outputs: Sequence[str], **settings: Any
) -> JobSpec:
    """Describe the scene and the settings as a job; see `sjc_blender.addon.api.generate`."""
    settings["model"] = {"source": absolute(model) if model.startswith("//") else model}
    settings["domain"] = around.domain
    wanted = checked_outputs(outputs)
    settings["outputs"] = {name: name in wanted for name in OUTPUTS} | {"preview_camera": around.preview}
    if around.cameras is not None:
        settings["cameras"] = around.cameras
    return presets.new_job(**merged(codec.encode(settings), overrides))


def proxy_shape(
    spec: JobSpec, proxy: bpy.types.Object | bpy.types.Collection | str, scene: bpy.types.Scene
) -> FilledGrid:
    """Fill the voxels of a job's domain with a proxy, see `sjc_blender.addon.api.generate`; errors of `filled_grid`."""
    with evaluated(scene) as depsgraph:
        return filled_grid(named_shape(proxy, "proxy"), spec.domain, spec.field.resolution, depsgraph)


def holding(spec: JobSpec, shape: FilledGrid, looseness: float) -> tuple[JobSpec, JobInputs]:
    """Give a job a shape to keep to; InvalidSpec if it cannot have one, or not so."""
    field = dataclasses.replace(spec.field, proxy=ProxySpec(shape.digest, looseness))
    return validated(dataclasses.replace(spec, field=field)), JobInputs(proxy=shape)


def start(
    folder: JobFolder,
    spec: JobSpec,
    interpreter: Path,
    scene: bpy.types.Scene,
    import_results: bool,
    wait: bool,
    progress: Callable[[Job], None] | None,
    arrange: Callable[[Job], None] | None = None,
    notes: Sequence[str] = (),
) -> Job:
    """Put a job in line, and wait for its end if that is wanted."""
    started = Job(
        folder=folder,
        spec=spec,
        interpreter=interpreter,
        online=bpy.app.online_access,
        scene_name=scene.name,
        import_results=import_results,
        arrange=arrange,
        on_change=progress,
        warnings=[*notes, *rig_warnings(spec)],
    )
    job_queue.QUEUE.submit(started)
    known_jobs.index().open(folder.path)
    pump.ensure_running()
    if wait:
        pump.run_until_ended(started)
    return started


def checked_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Give the outputs' names; SjcError ``unknown_output``."""
    named = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    unknown = [name for name in named if name not in OUTPUTS]
    if unknown or not named:
        found = ", ".join(map(repr, unknown)) or "nothing"
        raise SjcError("unknown_output", f"The outputs name {found}; known are {', '.join(OUTPUTS)}.")
    return named


def absolute(path: str | Path) -> str:
    """Resolve Blender's ``//`` and ``~``."""
    return str(Path(bpy.path.abspath(str(path))).expanduser().absolute())
