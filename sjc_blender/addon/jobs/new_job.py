# SPDX-License-Identifier: GPL-3.0-or-later
"""``api.generate`` and ``api.edit``: starting new jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy

from ...protocol.spec import LOOSENESS
from ..process.farm_process import Farm
from ..rigs.rig_choice import RigChoice
from .job import Job
from .job_request import OUTPUTS, JobRequest, Shape
from .start import submit


def generate(
    prompt: str,
    *,
    rig: str | bpy.types.Collection | RigChoice = "ORBIT",
    domain: bpy.types.Object | str | None = None,
    preset: str = "standard",
    seed: int = 0,
    model: str | Path = "builtin",
    negative_prompt: str = "",
    outputs: Sequence[str] | str = OUTPUTS,
    jitter: float = 0.0,
    proxy: Shape | None = None,
    looseness: float = LOOSENESS,
    guide: Shape | None = None,
    guide_strength: float = 1.0,
    guide_picture: str = "auto",
    control: str | Path = "",
    picture: bpy.types.Image | str | Path | None = None,
    picture_strength: float = 0.6,
    ip_adapter: str | Path = "",
    overrides: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    import_results: bool = True,
    scene: bpy.types.Scene | str | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
) -> Job:
    """Make an object of a prompt, looked at through the rig's cameras.

    Parameters
    ----------
    prompt, negative_prompt : str
        What to make, and what guidance leads away from; without words for the view.
    rig : str, collection or RigChoice
        Where the viewpoints come from: ``"ORBIT"``, the model's own around the domain; a collection or its name, its
        cameras; ``"REGION:<collection>"``, anywhere between its cameras; ``"ANIMATION"`` or ``"ANIMATION:1-48"``, the
        path of the scene's camera.
    domain : object, its name, or None
        The box the result fills. None: 2 m that stand on the 3D cursor, and the result is set down there; with cameras,
        which see it where they stand, the box [-1, 1]^3 at the world's origin.
    preset : str
        ``"draft"``, ``"standard"``, ``"high"``, ``"paper"``, or a published recipe such as ``"rose"``, which has a
        prompt of its own for an empty `prompt` (`sjc_blender.protocol.recipes`).
    seed : int
        0 or more. The same settings and seed repeat a result.
    model : str or Path
        ``"builtin"``, a folder, a .safetensors or .gguf file, or a Hugging Face id that is in the local
        cache. A path may begin with ``//``: beside the .blend.
    outputs : sequence of str
        ``"volume"``, ``"mesh"`` or both.
    jitter : float
        Degrees, 0 to 90, by which each draw may turn a camera (of a collection, of a path) about the domain.
    proxy : object, collection, the name of one, or None
        A coarse shape to start from and keep to: what of the domain it fills.
    looseness : float
        How freely the object may leave that shape: 0, not at all, to 1, as if there were none.
    guide : object, collection, the name of one, or None
        Objects whose shape the model follows, seen from each step's camera; they need a `control`.
    guide_strength : float
        Above 0, to 2: factor of what the ControlNet adds.
    guide_picture : str
        What the ControlNet was trained on: ``"depth"``, ``"normal"`` or ``"canny"``; ``"auto"``: its name tells.
    control : str or Path
        The ControlNet for depth, normals or edges through which a `guide` acts: a folder in diffusers format, or a
        Hugging Face id that is in the local cache; empty: none. A path may begin with ``//``.
    picture : Image, its name, the path of a PNG, or None
        A picture of the object's front, which the model sees beside the prompt; it needs an `ip_adapter`.
    picture_strength : float
        Above 0, to 2: factor of what it adds, seen from the front; at 1 it counts as much as the prompt.
    ip_adapter : str or Path
        The IP-Adapter that shows it to the model: a .safetensors file, beside which lies the folder ``image_encoder``;
        empty: none. A path may begin with ``//``.
    overrides : mapping, optional
        Any field of the job spec, with dots, ``{"optimisation.steps": 200}``, or nested,
        ``{"optimisation": {"steps": 200}}``.
    folder : str or Path, optional
        The job's folder; a job with the same settings that lies there goes on from its checkpoint.
        None: a new folder in ``sjc_jobs`` beside the saved .blend, else in the user's folder.
    import_results : bool
        Whether the results come into the scene by themselves.
    scene : Scene or its name, optional
        None: the active one.
    wait : bool
        Block until the job has ended. In background mode nothing moves without it. Ctrl-C
        cancels the job, which is returned all the same.
    progress : callable, optional
        Called with the job after every change of it, on the main thread.
    engine_python : str or Path, optional
        Goes before the preferences.
    farm : Farm or str, optional
        The farm, or the address of its scheduler, that runs the job; None: this computer. The job goes on there when
        Blender ends; `resume` with the same farm follows it again.

    Returns
    -------
    Job
        With `wait`, look at its ``state`` and ``error``: a job that fails later does not raise here.

    Raises
    ------
    SjcError
        If it cannot start: settings with faults, an unusable rig or domain, no usable interpreter,
        a folder that cannot be written. Nothing is left behind then.
    """
    request = JobRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        preset=preset,
        model=model,
        seed=seed,
        outputs=outputs,
        overrides=overrides or {},
        rig=rig,
        domain=domain,
        jitter=jitter,
        proxy=proxy,
        looseness=looseness,
        guide=guide,
        guide_strength=guide_strength,
        guide_picture=guide_picture,
        control=control,
        picture=picture,
        picture_strength=picture_strength,
        ip_adapter=ip_adapter,
    )
    return submit(
        request,
        folder=folder,
        import_results=import_results,
        scene=scene,
        wait=wait,
        progress=progress,
        engine_python=engine_python,
        farm=farm,
    )


def edit(
    source: Any,
    prompt: str | None = None,
    *,
    region: Shape | None = None,
    anew: bool = False,
    model: str | Path | None = None,
    preset: str | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    outputs: Sequence[str] | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    folder: str | Path | None = None,
    import_results: bool = True,
    scene: bpy.types.Scene | str | None = None,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
) -> Job:
    """Make a new object of a finished one: change it in a region and keep the rest, or refine all of it.

    The new job starts from the old one's field and leaves the old one as it is.

    Parameters
    ----------
    source : Job, or what names one
        A result that was moved is edited where it stands.
    prompt : str, optional
        For the whole object, such as ``"a chair with a round back"``; None: the old one. Another one begins on the
        coarse grids of the preset (`field.stages`), where what is there can give way; the old one goes on on the
        finest, unless its colours are made anew.
    region : object, collection, the name of one, or None
        Where it may change: the inside of meshes, or the box of an empty. All else of the field is kept exactly. The
        colours of the result are fitted over the whole object, so they may differ a little elsewhere. None: everywhere.
    anew : bool
        Whether what is in the region begins anew, for quite another object in its place, and not as what is there.
    model, preset : str, optional
        As of `generate`. With either, the settings are those of the preset and the model instead of the old job's; the
        viewpoints (of cameras), the domain and the outputs stay. Of a model with other latents the shape is taken and
        the colours are made anew.
    seed, negative_prompt, outputs : optional
        None: the old ones.
    overrides, folder, import_results, scene, wait, progress, engine_python, farm
        As of `generate`. Without a region `field.resolution` may be another.

    Raises
    ------
    SjcError
        ``no_job``, ``no_checkpoint``, ``engine_busy``, ``region_other_grid``, ``region_other_samples``,
        ``unknown_region``, ``region_without_surface``, ``region_outside_domain``; or as `generate`.
    """
    request = JobRequest(
        prompt=prompt,
        negative_prompt=negative_prompt,
        preset=preset,
        model=model,
        seed=seed,
        outputs=outputs,
        overrides=overrides or {},
        edit=source,
        region=region,
        anew=anew,
    )
    return submit(
        request,
        folder=folder,
        import_results=import_results,
        scene=scene,
        wait=wait,
        progress=progress,
        engine_python=engine_python,
        farm=farm,
    )
