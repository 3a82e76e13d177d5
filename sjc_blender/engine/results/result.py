# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the result folder."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...protocol import atomic_write, events
from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from ...protocol.job_folder import FIELD_VERSION, JobFolder
from ...protocol.spec import JobSpec
from ...surface.surface import Surface
from ..image_files.srgb import write_png
from ..radiance.radiance_grid import RadianceGrid
from ..reporter import Report
from .mesh_files import write_glb, write_ply
from .opacity import voxel_opacity
from .turntable import Turntable, render_turntable
from .video import write_video

FRAMES_PER_SECOND = 24


def write_result(
    folder: JobFolder,
    spec: JobSpec,
    grid: RadianceGrid,
    mesh: Surface | None,
    measurements: Mapping[str, float],
    report: Report,
) -> events.Result:
    """Write the files that the spec asks for, and pictures and figures always.

    ========================  ====================================================================
    ``field.npz``             `field`: density per domain unit (float32) and linear RGB (float16)
                              at voxel centres, half_extents, voxel_size, matrix_world, version
    ``mesh.npz``              `mesh`: vertices, quads, normals, linear colours, threshold, for the add-on
    ``mesh.ply, mesh.glb``    `mesh_ply`, `mesh_glb`: for other programs
    ``turntable.png, .mp4``   `turntable`, `turntable_video`
    ``metrics.json``          `metrics`
    ========================  ====================================================================

    Parameters
    ----------
    mesh : Surface or None
        None where the spec asks for no mesh.
    measurements : mapping
        What the job measured before; it becomes part of the metrics.
    report : callable
        Told when field and mesh are whole; warned if the video cannot be made.

    Returns
    -------
    events.Result
        Names as above to paths relative to the folder, and the metrics.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``; every file is then an old one or a whole new one.
    """
    started = time.perf_counter()
    folder.begin_results()
    written = _Written(folder)
    _write_field(written.path("field"), spec, grid)
    if mesh is not None:
        _write_mesh(written, spec, mesh)
    # What is imported; the pictures may take as long again.
    report(events.ObjectWhole())
    turntable = render_turntable(grid)
    write_png(written.path("turntable"), turntable.sheet)
    _write_video(written, turntable, report)
    metrics = dict(measurements) | _metrics(grid, mesh, turntable)
    metrics["seconds_writing"] = time.perf_counter() - started
    text = json.dumps({name: metrics[name] for name in sorted(metrics)}, indent=2)
    # The last one marks the result as complete.
    atomic_write.write_text(written.path("metrics"), text + "\n")
    return events.Result(written.files, metrics)


class _Written:
    """The files of the result, by name."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.files: dict[str, str] = {}

    def path(self, name: str) -> Path:
        path = self.folder.to_write(self.folder.results[name])
        self.files[name] = self.folder.relative(path)
        return path


def _write_field(path: Path, spec: JobSpec, grid: RadianceGrid) -> None:
    _write_arrays(
        path,
        version=np.int32(FIELD_VERSION),
        density=grid.density_grid.cpu().numpy().astype(np.float32),
        # Half precision has eleven bits even for the darkest colours, and halves the file.
        rgb=grid.rgb_grid.cpu().numpy().astype(np.float16),
        half_extents=grid.half_extents.cpu().numpy().astype(np.float64),
        voxel_size=np.float64(grid.voxel_size),
        matrix_world=np.array(spec.domain.matrix_world, dtype=np.float64),
    )


def _write_mesh(written: _Written, spec: JobSpec, mesh: Surface) -> None:
    arrays = {"vertices": mesh.vertices, "faces": mesh.faces, "normals": mesh.normals, "colours": mesh.colours}
    threshold = np.float64(mesh.threshold)
    _write_arrays(written.path("mesh"), version=np.int32(FIELD_VERSION), threshold=threshold, **arrays)
    write_ply(written.path("mesh_ply"), mesh)
    write_glb(written.path("mesh_glb"), mesh, spec.prompt)


def _write_arrays(path: Path, **arrays: Any) -> None:
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def _write_video(written: _Written, turntable: Turntable, report: Report) -> None:
    try:
        path = written.folder.to_write(written.folder.results["turntable_video"])
        write_video(path, turntable.frames, FRAMES_PER_SECOND)
        written.path("turntable_video")
    except SjcError as error:
        if error.code != "video_failed":
            raise
        report(events.Warned(str(error)))


def _metrics(grid: RadianceGrid, mesh: Surface | None, turntable: Turntable) -> dict[str, float]:
    density = grid.density_grid.cpu().numpy()
    metrics = {
        "density_mean": float(density.mean()),
        "density_max": float(density.max()),
        "occupied_share": float((density > 0).mean()),
        "opacity_max": float(voxel_opacity(density, grid.voxel_size).max()),
        "fog_share": turntable.fog,
    }
    if mesh is not None:
        metrics |= {
            "mesh_vertices": float(len(mesh.vertices)),
            "mesh_faces": float(len(mesh.faces)),
            "mesh_components": float(mesh.components),
            "mesh_watertight": float(mesh.watertight),
            "mesh_threshold": mesh.threshold,
        }
    return metrics
