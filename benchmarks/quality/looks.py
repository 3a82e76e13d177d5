"""What a result looks like from all around: the pictures that recognition, fog and colour are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.image_files.srgb import over_grey
from sjc_blender.engine.pictures.result_pictures import ResultPictures
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.results.ray_march import RayMarcher
from sjc_blender.protocol.model_profile import load_profile

AZIMUTHS = tuple(45.0 * k for k in range(8))
ELEVATION = 20.0
SIZE = 64


@dataclass(frozen=True)
class Lens:
    """Where the cameras stand: the means of the built-in prior's own orbit.

    Attributes
    ----------
    distance : float
        Domain units.
    field_of_view : float
        Degrees.
    """

    distance: float
    field_of_view: float

    @classmethod
    def usual(cls) -> Lens:
        """The lens of every measurement."""
        orbit = load_profile("builtin").orbit
        return cls(sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2)


@dataclass(frozen=True)
class Looks:
    """Eight views, `AZIMUTHS`, at 20 degrees of elevation.

    Attributes
    ----------
    pictures : Tensor [8, 3, 64, 64]
        sRGB in 0..1, over the grey that the prior's objects stand before.
    opacity : Tensor [8, 64, 64]
        Of the pixels, in 0..1: the mean of several rays each.
    ray_opacity : Tensor [8, 64, 64]
        Of the one ray through the middle of each pixel. A pixel at the rim is half-covered by the hardest edge, too; a
        ray hits or misses it.
    """

    pictures: Tensor
    opacity: Tensor
    ray_opacity: Tensor


def look_at(grid: RadianceGrid, lens: Lens | None = None) -> Looks:
    """Render a result from its eight sides."""
    lens = lens or Lens.usual()
    from_all = ResultPictures(grid)
    marcher = RayMarcher(grid)
    cameras = [orbit_camera(azimuth, ELEVATION, lens.distance, lens.field_of_view) for azimuth in AZIMUTHS]
    views = [from_all.view(camera, SIZE).rgba for camera in cameras]
    rays = [marcher.render(camera_rays(camera, SIZE, SIZE)).opacity.view(SIZE, SIZE) for camera in cameras]
    return Looks(
        torch.stack([over_grey(rgba) for rgba in views]), torch.stack([rgba[3] for rgba in views]), torch.stack(rays)
    )


def fog(looks: Looks) -> float:
    """Of the rays that meet anything (an opacity above 0.1), the share that is not stopped by it (below 0.9).

    The rim of any object is half-transparent in a grid of voxels: `benchmarks.quality.truth` says how much that is.
    """
    seen = looks.ray_opacity > 0.1
    return float((seen & (looks.ray_opacity < 0.9)).sum() / seen.sum().clamp(min=1))
