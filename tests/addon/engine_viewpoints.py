"""Run by the engine's Python: the viewpoints that it draws from rigs that Blender described.

``python engine_viewpoints.py COUNT JOB.json...`` prints, for each job, a list of
[camera name, azimuth, elevation, distance, half the picture's width at unit distance] as JSON.
"""

import json
import math
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from sjc_blender.engine.cameras.viewpoints import sample_viewpoint
from sjc_blender.protocol.validation import spec_from_json


def drawn(path: str, count: int) -> list[list[object]]:
    """Draw viewpoints of a job's rig."""
    rig = spec_from_json(json.loads(Path(path).read_text(encoding="utf-8"))).cameras
    generator = torch.Generator().manual_seed(0)
    rows = []
    for _ in range(count):
        view = sample_viewpoint(rig, generator)
        distance = math.dist((0, 0, 0), [row[3] for row in view.camera.pose[:3]])
        width = (view.camera.window[1] - view.camera.window[0]) / 2
        rows.append([view.camera.name, view.azimuth, view.elevation, distance, width])
    return rows


if __name__ == "__main__":
    print(json.dumps([drawn(path, int(sys.argv[1])) for path in sys.argv[2:]]))
