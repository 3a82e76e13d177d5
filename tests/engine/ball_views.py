"""Pictures of a coloured ball on grey from all around, with their cameras: a folder of reference views."""

import json
from pathlib import Path

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.image_files.srgb import from_linear, write_png
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.protocol import codec
from tests.engine.analytic_objects import coloured_ball

VIEWS, SIZE, RADIUS = 24, 24, 0.55


def write_ball_views(folder: Path) -> Path:
    """Write the pictures and `reference_views.json`; the views are those of a spiral around the ball."""
    ball = coloured_ball(48, RADIUS)
    ball.background_rgb[:] = 0.2
    views = []
    for index in range(VIEWS):
        camera = orbit_camera(index * 137.508, -70 + 140 * (index + 0.5) / VIEWS, 2.2, 57, f"view {index}")
        picture = from_linear(render_chunked(ball, camera_rays(camera, SIZE, SIZE)).image)
        write_png(folder / f"{index}.png", picture)
        views.append({"image": f"{index}.png", "camera": codec.encode(camera)})
    (folder / "reference_views.json").write_text(json.dumps({"version": 1, "views": views}))
    return folder
