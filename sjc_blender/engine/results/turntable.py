# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the result from all around."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..cameras.viewpoints import orbit_camera
from ..image_files.srgb import GREY, from_linear, to_linear
from ..radiance.radiance_grid import RadianceGrid
from ..radiance.rays import Rays, camera_rays
from .ray_march import RayMarcher

FRAMES = 48
SHEET_COLUMNS = 8
LARGEST = 160
SMALLEST = 64
PIXELS_PER_VOXEL = 3
VIEWS_AT_ONCE = 8
ELEVATIONS = (15.0, 55.0)
FIELD_OF_VIEW = 30.0
MARGIN = 1.05


@dataclass(frozen=True)
class Turntable:
    """One turn around the object, beginning at its front.

    Attributes
    ----------
    frames : Tensor [48, 3, S, S]
        sRGB; a whole turn at 15 degrees of elevation, one frame every 7.5 degrees of azimuth.
        S is 64 to 160 pixels, whatever shows all there is in the voxels, and a multiple of 16.
    sheet : Tensor [3, 2 S, 8 S]
        sRGB; eight views 45 degrees apart, the front first: at 15 degrees above, at 55 below.
    fog : float
        Of the pixels with an opacity above 0.1, the share below 0.9.
    """

    frames: Tensor
    sheet: Tensor
    fog: float


def render_turntable(grid: RadianceGrid) -> Turntable:
    """Render what fills the grid over grey, framed by its own extent rather than the domain's.

    The pixels are finer than the voxels, whose trilinear edges leave nothing to alias.
    """
    low, high = ELEVATIONS
    turn = [(360.0 * k / FRAMES, low) for k in range(FRAMES)]
    above = [(360.0 * k / SHEET_COLUMNS, high) for k in range(SHEET_COLUMNS)]
    pictures, opacity = _views(RayMarcher(grid), _Orbit(grid), turn + above)
    frames = pictures[:FRAMES]
    seen = opacity > 0.1
    fog = float((seen & (opacity < 0.9)).sum() / seen.sum().clamp(min=1))
    rows = (frames[:: FRAMES // SHEET_COLUMNS], pictures[FRAMES:])
    return Turntable(frames, torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1), fog)


class _Orbit:
    """Cameras around what is in the grid, or around the whole box if it is empty."""

    def __init__(self, grid: RadianceGrid) -> None:
        occupied = (grid.density_grid > 0).nonzero().to(grid.half_extents)
        centres = (occupied + 0.5) * grid.voxel_size - grid.half_extents
        if not len(centres):
            centres = torch.stack([-grid.half_extents, grid.half_extents])
        self._centre = (centres.amax(dim=0) + centres.amin(dim=0)) / 2
        radius = float((centres - self._centre).norm(dim=1).max()) + grid.voxel_size
        self._distance = MARGIN * radius / math.sin(math.radians(FIELD_OF_VIEW / 2))
        wanted = 16 * round(PIXELS_PER_VOXEL * 2 * radius / grid.voxel_size / 16)
        self.size = min(max(wanted, SMALLEST), LARGEST)

    def rays(self, azimuth: float, elevation: float) -> Rays:
        camera = orbit_camera(azimuth, elevation, self._distance, FIELD_OF_VIEW)
        around_origin = camera_rays(camera, self.size, self.size, device=self._centre.device)
        return dataclasses.replace(around_origin, origins=around_origin.origins + self._centre)


def _views(marcher: RayMarcher, orbit: _Orbit, directions: Sequence[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    """SRGB pictures [V, 3, S, S] over grey, and their opacity [V, S, S]."""
    pictures, opacities = [], []
    # Several at once: on a CPU a small view costs more in calls than in arithmetic.
    for first in range(0, len(directions), VIEWS_AT_ONCE):
        rays = [orbit.rays(*direction) for direction in directions[first : first + VIEWS_AT_ONCE]]
        origins, along = torch.cat([r.origins for r in rays]), torch.cat([r.directions for r in rays])
        seen = marcher.render(Rays(origins, along, len(rays) * orbit.size, orbit.size))
        behind = to_linear(torch.tensor(GREY)).to(seen.rgb)
        linear = seen.rgb + (1.0 - seen.opacity)[:, None] * behind
        pictures.append(from_linear(linear).view(len(rays), orbit.size, orbit.size, 3).movedim(-1, 1))
        opacities.append(seen.opacity.view(len(rays), orbit.size, orbit.size))
    return torch.cat(pictures), torch.cat(opacities)
