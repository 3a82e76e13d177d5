"""Run by the engine's Python: the engine's own picture of a result, for comparison with Blender's.

``python engine_render.py FIELD.npz CAMERA.json SIZE OUT.npy`` writes linear RGB over black and
the opacity, [SIZE, SIZE, 4], row 0 at the top.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.protocol import codec
from sjc_blender.protocol.spec import Camera

SUBPIXELS = 3


def main(field: str, camera_file: str, size: int, out: str) -> None:
    """Render `field` from the camera."""
    with np.load(field, allow_pickle=False) as arrays:
        grid = RadianceGrid(
            torch.from_numpy(arrays["density"]),
            torch.from_numpy(arrays["rgb"]).float(),
            torch.from_numpy(arrays["half_extents"]).float(),
            torch.zeros(3),
        )
    camera, faults = codec.decode(Camera, json.loads(Path(camera_file).read_text(encoding="utf-8")))
    assert camera is not None, faults
    picture = render_chunked(grid, camera_rays(camera, size * SUBPIXELS, size * SUBPIXELS), subpixels=SUBPIXELS)
    np.save(out, torch.cat([picture.image, picture.opacity[None]]).movedim(0, -1).numpy())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
