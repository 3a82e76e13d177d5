"""Many jobs in one session of Blender: what grows, and what stays behind.

``python -m benchmarks.in_blender.soak --jobs 50 --out FILE``; the engine's Python is the one in ``SJC_ENGINE_PYTHON``
(``--stand-in``: the one that computes nothing). Each job is made and imported; then its objects and files are deleted.
Set ``BLENDER_USER_RESOURCES`` to an empty folder: reading a history of thousands of jobs takes memory of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import threading
from pathlib import Path

import bpy

import sjc_blender
from sjc_blender.addon import api

WARM = 5
"""Jobs before the first measurement: caches fill."""


def main() -> None:
    """Print and write memory, descriptors, threads and files after the first jobs and after the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.edit.undo_steps = 2  # of 32: each keeps a result's mesh, and that is not what grows here
    sjc_blender.register()
    python = "stand-in" if arguments.stand_in else None
    try:
        with tempfile.TemporaryDirectory(prefix="sjc-soak-") as folder:
            root = Path(folder)
            outside = _temporary_files(root)
            bpy.ops.wm.save_as_mainfile(filepath=str(root / "soak.blend"))
            first = {}
            for number in range(arguments.jobs):
                _one(root / f"job{number}", number, arguments.steps, python)
                if number + 1 == WARM:
                    first = _measured()
            last = _measured()
            left = sorted(_temporary_files(root) - outside)
    finally:
        sjc_blender.unregister()
    told = {
        "jobs": arguments.jobs,
        "first": first,
        "last": last,
        "memory_mb_more": round(last["memory_mb"] - first["memory_mb"], 1),
        "temporary_files_left": left,
    }
    text = json.dumps(told, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def _one(folder: Path, seed: int, steps: int, python: str | None) -> None:
    overrides = {"optimisation": {"steps": steps}}
    job = api.generate(
        "a red chair", preset="draft", seed=seed, overrides=overrides, folder=folder, wait=True, engine_python=python
    )
    if job.error is not None:
        raise job.error
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    api.delete_job(job)
    api.clear()
    bpy.ops.outliner.orphans_purge(do_recursive=True)
    gc.collect()


def _measured() -> dict[str, float]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return {
        "memory_mb": round(int(resident.split()[1]) / 1024, 1),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "objects": len(bpy.data.objects) + len(bpy.data.meshes) + len(bpy.data.volumes) + len(bpy.data.images),
    }


def _temporary_files(apart: Path) -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("sjc-*") if path != apart}


if __name__ == "__main__":
    main()
