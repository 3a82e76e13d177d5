"""How long a result takes into Blender, and its mesh to be cut anew.

``python -m benchmarks.in_blender.import_results`` in a Python with bpy. The field is a hollow, wavy ball that fills
the domain: more surface than most objects have. Every time is of the main thread, but for that of the cut, which a
thread of its own does in a window.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np

from sjc_blender.addon.results.bake_texture import bake_texture
from sjc_blender.addon.results.import_mesh import import_mesh
from sjc_blender.addon.results.import_volume import import_volume
from sjc_blender.addon.results.mesh_data import fill_mesh
from sjc_blender.addon.results.object_frame import frame_of
from sjc_blender.addon.results.remesh import cutter_of
from sjc_blender.addon.results.result_files import MeshArrays
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec
from sjc_blender.surface.surface import SurfaceCutter

COLUMNS = ("quads", "volume", "mesh", "first cut", "next cut", "swap", "texture")


def main() -> None:
    """Measure, print a table, and write it if a file is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resolutions", type=int, nargs="*", default=[64, 128, 256])
    parser.add_argument("--texture", type=int, default=1024)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    print(f"Blender {bpy.app.version_string}, seconds of processor time")
    print(" ".join(f"{name:>10}" for name in ("voxels", *COLUMNS)))
    rows: list[dict[str, float]] = []
    for resolution in arguments.resolutions:
        with tempfile.TemporaryDirectory() as folder:
            row = _measure(_finished_job(Path(folder), resolution), arguments.texture)
        print(f"{f'{resolution}^3':>10} {row[0]:10.0f} " + " ".join(f"{value:10.3f}" for value in row[1:]), flush=True)
        rows.append({"voxels": resolution} | dict(zip(COLUMNS, row, strict=True)))
    if arguments.out:
        arguments.out.write_text(json.dumps(rows), encoding="utf-8")


def _finished_job(path: Path, n: int) -> JobFolder:
    axis = (np.arange(n, dtype=np.float32) + 0.5) * 2 / n - 1
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(x * x + y * y + z * z)
    density = np.where(np.abs(radius - 0.8 - 0.05 * np.sin(9 * x)) < 0.1, 40, 0).astype(np.float32)
    rgb = (np.stack([x, y, z], axis=-1) / 2 + 0.5).astype(np.float32)
    folder = JobFolder.create(path / "job", JobSpec("a ball"))
    voxel = 2.0 / n
    np.savez_compressed(
        folder.result / "field.npz",
        version=np.int32(1),
        density=density,
        rgb=rgb.astype(np.float16),
        half_extents=np.ones(3),
        voxel_size=np.float64(voxel),
        matrix_world=np.eye(4),
    )
    surface = SurfaceCutter(density, rgb, voxel).cut()
    arrays = {name: getattr(surface, name) for name in ("vertices", "faces", "normals", "colours")}
    np.savez_compressed(folder.result / "mesh.npz", version=np.int32(1), **arrays)
    return folder


def _measure(folder: JobFolder, texture: int) -> list[float]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    times = [time.thread_time()]

    def lap() -> None:
        times.append(time.thread_time())

    import_volume(folder, scene)
    lap()
    obj = import_mesh(folder, scene)
    lap()
    cutter_of(folder, 1.0).cut(0.5)
    lap()
    surface = cutter_of(folder, 1.0).cut(0.4)
    lap()
    fill_mesh(obj.data, MeshArrays(surface.vertices, surface.faces, surface.colours), frame_of(obj))
    lap()
    bake_texture(obj, texture)
    lap()
    return [len(obj.data.polygons), *np.diff(times).tolist()]


if __name__ == "__main__":
    main()
