"""Memory of a windowed Blender while a live volume is swapped in hundreds of times, drawn each time.

``blender --factory-startup --python benchmarks/in_blender/live_swaps.py -- --out swaps.json`` shows other grids of a
live field's size again and again, as `sjc_blender.addon.jobs.live_volume` does. ``--cache`` is Blender's preference
*Memory Cache Limit* in megabytes: Blender keeps grids that it has read up to that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sjc_blender
from sjc_blender.addon.jobs import live_files, live_volume
from sjc_blender.addon.jobs.destination import Destination
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.protocol import events
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec

SIDE = 64
EVERY = 25


def resident() -> float:
    """Megabytes of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def field(number: int) -> dict[str, object]:
    """A ball of changing size and colours, with a haze as forming fields have it."""
    centres = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y, z = np.meshgrid(centres, centres, centres, indexing="ij")
    inside = x**2 + y**2 + z**2 < (0.5 + 0.1 * np.sin(number)) ** 2
    random = np.random.default_rng(number)
    density = np.where(inside, 50.0, random.random(inside.shape) * 0.1).astype(np.float32)
    return {
        "version": np.int64(1),
        "density": density,
        "rgb": random.random((*inside.shape, 3)).astype(np.float32),
        "half_extents": np.ones(3),
        "voxel_size": np.float64(2 / SIDE),
        "matrix_world": np.eye(4),
    }


def swaps(options: argparse.Namespace, found: list[tuple[int, float]]) -> Iterator[float]:
    """Swap, and draw; the memory now and then."""
    spec = JobSpec("a red chair")
    folder = JobFolder.create(Path(tempfile.mkdtemp(prefix="sjc-swaps-")) / "job", spec)
    job = Job(folder, spec, Path("python"), destination=Destination(bpy.context.scene), state=JobState.RUNNING)
    area = next(a for a in bpy.context.window_manager.windows[0].screen.areas if a.type == "VIEW_3D")
    for number in range(1, options.swaps + 1):
        np.savez(folder.live_field, **field(number))  # type: ignore[arg-type]  # names
        job.apply(events.LiveField("previews/live.npz", number))
        grids = live_volume._Grids(job, job.live_field)
        grids.run()
        live_volume.put(job, grids.path, grids.display_density)
        area.tag_redraw()
        yield 0.02
        if number % EVERY == 0:
            found.append((number, round(resident(), 1)))
            print(*found[-1], flush=True)


def main() -> None:
    """Do it from a timer, write what was measured, and end Blender."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--swaps", type=int, default=500)
    parser.add_argument("--cache", type=int, default=0, help="megabytes (default: as it is)")
    options = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
    if options.cache:
        bpy.context.preferences.system.memory_cache_limit = options.cache
    sjc_blender.register()
    found: list[tuple[int, float]] = []
    steps = swaps(options, found)
    began = time.monotonic()

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            files = len(list(live_files.folder().glob("*.vdb")))
            told = {"seconds": round(time.monotonic() - began), "files": files, "memory_mb": found}
            options.out.write_text(json.dumps(told) + "\n", "utf-8")
        except Exception:  # the border: Blender would stand there for ever
            traceback.print_exc()
        sjc_blender.unregister()
        bpy.ops.wm.quit_blender()
        return None

    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(tick, first_interval=2.0)


main()
