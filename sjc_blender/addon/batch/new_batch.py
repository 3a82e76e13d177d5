# SPDX-License-Identifier: GPL-3.0-or-later
"""``api.batch``: making a batch from a list of any form."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import bpy

from ...protocol.errors import SjcError
from ...protocol.slug import slug
from ...protocol.spec import LOOSENESS
from .. import user_preferences
from ..job_location import first_writable, jobs_folders
from ..jobs.destination import Destination
from ..jobs.job import Job
from ..jobs.job_request import OUTPUTS, JobRequest, Shape, absolute
from ..process.farm_process import Farm, farm_of
from ..results.placement import target_scene
from ..rigs.rig_choice import RigChoice
from ..run_to_end import run_to_end
from .arrangement import Arrangement
from .batch import Batch
from .batch_file import read_batch_file
from .plan import BatchRequest, planning
from .rows import MOST, Rows, rows_of_list
from .seed_ranges import seeds_of
from .text_rows import rows_of_text
from .written_numbers import NotANumber

Rig = str | bpy.types.Collection | RigChoice
Source = str | Path | bpy.types.Text | Sequence[str | Mapping[str, Any]]


def batch(
    source: Source,
    *,
    seeds: int | str | Iterable[int] = 0,
    presets: str | Iterable[str] = "standard",
    rigs: Rig | Iterable[Rig] = "ORBIT",
    domain: bpy.types.Object | str | None = None,
    model: str | Path = "builtin",
    negative_prompt: str = "",
    outputs: str | Sequence[str] = OUTPUTS,
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
    name: str | None = None,
    folder: str | Path | None = None,
    place: str = "grid",
    spacing: float | None = None,
    collection: str | None = None,
    assets: bool = True,
    versions: bool = False,
    prune: bool = False,
    show: str = "mesh",
    scene: bpy.types.Scene | str | None = None,
    start: bool = True,
    wait: bool = False,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
    tell: Callable[[str], object] | None = print,
) -> Batch:
    """Make many objects: every prompt with every seed, preset and rig; what is done is not done again.

    A job is done when its result lies in its folder and its object is in the scene. The same call
    again makes what is missing: of a deleted object the result is imported again, a deleted job
    folder is computed again.

    Parameters
    ----------
    source : sequence, path or Text block
        Prompts, or mappings of columns to values; or a file or Text block (or its name) as a table (CSV, tabs),
        JSON, JSON Lines or a prompt a line. Columns: prompt, negative_prompt, seed, preset, rig, domain,
        model, outputs, jitter, proxy, looseness, guide, guide_strength, guide_picture, control, picture,
        picture_strength, ip_adapter, edit, region, name, folder, and any field of the job spec by its dotted name, such
        as ``optimisation.steps``. What a row says goes before what follows here. A row with ``edit`` (a finished job's
        folder, or the name of its result) edits that as `edit` does, by its own columns and seeds alone.
    seeds, presets, rigs : one or several
        Each row becomes a job for each combination of those that it does not name itself. Seeds may be a text
        such as ``"0-7"``, as in a cell.
    domain, model, negative_prompt, jitter, proxy, looseness, guide, guide_strength, guide_picture, control, picture,
    picture_strength, ip_adapter, overrides
        As in `generate`.
    outputs : sequence of str
        ``"volume"``, ``"mesh"`` or both, of which one is seen (`show`).
    name : str, optional
        Of the batch; None: the file's or Text block's, else ``"batch"``.
    folder : str or Path, optional
        Holds the jobs' folders; None: one of the batch's name in ``sjc_jobs`` beside the .blend,
        else in the user's folder.
    place : "grid", "row" or "domain"
        How results stand beside each other; ``"domain"``: all where their domain is. A row that
        names a domain has its result there in any case.
    spacing : float, optional
        World units between neighbours; None: a little more than the domain's longest side.
    collection : str, optional
        Where the objects go; None: one with the batch's name.
    assets : bool
        Make each object an asset, with the words of its prompt as tags and its picture as preview; of mesh and Volume
        the one that is shown.
    show : str
        As which of them objects are seen that have both, ``"mesh"`` or ``"volume"``; the other one is hidden.
    versions : bool
        A named row that has changed leaves its older object, hidden, beside the new ``NAME_v002``. Else the older
        object shows the new result.
    prune : bool
        Remove objects of this batch that its list does not have any more.
    scene : Scene or its name, optional
        None: the active one.
    start : bool
        False: only judge the rows; ``batch.start()`` starts.
    wait : bool
        Block until all have ended. In background mode nothing moves without it, or ``batch.wait()``.
    progress : callable, optional
        Called with a job after every change of it, on the main thread.
    engine_python : str or Path, optional
        Goes before the preferences.
    farm : Farm or str, optional
        As of `generate`: its jobs run there, as many at a time as the farm has workers.
    tell : callable, optional
        Told in one sentence what there is to do.

    Returns
    -------
    Batch
        With ``states``, ``wait()``, ``cancel()``, ``retry()``, ``results()``; print it.

    Raises
    ------
    InvalidBatch
        With every fault of every row; nothing is started then.
    SjcError
        ``no_batch_file``, ``bad_usage``, or there is no usable engine's Python.
    """
    shared = JobRequest(
        negative_prompt=negative_prompt,
        model=model,
        outputs=outputs,
        overrides=overrides or {},
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
    steps = batching(
        source,
        BatchRequest(shared, chosen_seeds(seeds), _several(presets), _several(rigs)),
        target_scene(scene),
        Arrangement(place, spacing, collection or "", assets, versions, show),
        name=name,
        folder=folder,
        prune=prune,
        start=start,
        progress=progress,
        engine_python=engine_python,
        farm=farm,
        tell=tell,
    )
    made = run_to_end(steps)
    return made.wait() if start and wait else made


def batching(
    source: Source,
    request: BatchRequest,
    scene: bpy.types.Scene,
    how: Arrangement,
    *,
    start: bool,
    prune: bool = False,
    name: str | None = None,
    folder: str | Path | None = None,
    progress: Callable[[Job], None] | None = None,
    engine_python: str | Path | None = None,
    farm: Farm | str | None = None,
    tell: Callable[[str], object] | None = None,
) -> Generator[None, None, Batch]:
    """Do what `batch` does, with its arguments and errors, one row or job per step.

    A collection that is not named is called after the batch.
    """
    source_name, rows = _read(source)
    name = name or source_name
    how = dataclasses.replace(how, collection=how.collection or f"SJC {name}")
    places = jobs_folders()
    places = list(dict.fromkeys([first_writable(places), *places]))
    folders = [Path(absolute(folder))] if folder is not None else [parent / slug(name) for parent in places]
    jobs, variants = yield from planning(rows, request, scene, folders)
    interpreter = partial(user_preferences.engine_python, engine_python)
    made = Batch(name, jobs, variants, how, Destination(scene), interpreter, progress, farm_of(farm))
    if start and prune:
        made.prune()
    if start:
        said = yield from made.starting()
        if tell is not None:
            tell(said)
    return made


def _read(source: Source) -> tuple[str, Rows]:
    """Return the batch's name and its rows."""
    if isinstance(source, bpy.types.Text):
        return Path(source.name).stem, rows_of_text(source.as_string(), source.name)
    if isinstance(source, str) and source in bpy.data.texts:
        return _read(bpy.data.texts[source])
    if isinstance(source, (str, Path)):
        path = Path(absolute(source))
        return path.stem, rows_of_text(read_batch_file(path), path.name)
    if isinstance(source, Iterator):
        source = list(islice(source, MOST + 1))
    if not isinstance(source, Sequence) or isinstance(source, bytes):
        raise SjcError(
            "bad_usage",
            f"A batch cannot be made of a {type(source).__name__}.",
            "Give a list of prompts or dictionaries, a file or a Text block; of a table of pandas, "
            "table.to_dict('records').",
        )
    return "batch", rows_of_list(source)


def chosen_seeds(seeds: int | str | Iterable[int]) -> tuple[int, ...]:
    """Return a tuple of seeds for one seed, several, or a text such as ``0-7``.

    Raises
    ------
    SjcError
        ``bad_usage``.
    """
    if not isinstance(seeds, str):
        return _several(seeds)
    try:
        return seeds_of(seeds)
    except NotANumber as error:
        raise SjcError("bad_usage", f"The seeds are {seeds!r}.", f"Allowed: {error}.") from error


def _several(values: Any) -> tuple[Any, ...]:
    """Return a tuple for one value or several; an endless iterable is cut where it makes too many jobs."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return (values,)
    return tuple(islice(values, MOST + 1))
