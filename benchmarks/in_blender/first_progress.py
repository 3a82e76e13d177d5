"""From the click on Generate to the first sign of progress.

``python -m benchmarks.in_blender.first_progress --out FILE``; the engine's Python is the one in ``SJC_ENGINE_PYTHON``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import bpy

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job import Job
from sjc_blender.addon.process.interrupts import LOOP_SECONDS
from sjc_blender.addon.process_keeper import TICK_SECONDS


def main() -> None:
    """Write the seconds until `api.generate` returned, and until the job's progress was known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    bpy.ops.wm.read_factory_settings()
    sjc_blender.register()
    try:
        with tempfile.TemporaryDirectory() as folder:
            clicked = time.perf_counter()
            job = api.generate("a red chair", folder=Path(folder) / "job", import_results=False)
            returned = time.perf_counter()
            told = _pumped_until_progress(job)
            api.cancel(job)
            while job.live:
                pump.step()
                time.sleep(LOOP_SECONDS)
    finally:
        sjc_blender.unregister()
    seconds = {"returned": returned - clicked, "progress": told - clicked}
    written = {"blender": bpy.app.version_string, "seconds": seconds}
    arguments.out.write_text(json.dumps(written), encoding="utf-8")


def _pumped_until_progress(job: Job) -> float:
    """Hear the engine as often as a window's timer does; the time at which it told its progress."""
    while True:
        pump.step()
        if job.progress is not None:
            return time.perf_counter()
        if not job.live:
            raise RuntimeError(f"the job is {job.state}: {job.error}")
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    main()
