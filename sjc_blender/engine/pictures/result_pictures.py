# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a finished job from any camera and of any size."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.errors import SjcError
from ...protocol.spec import Camera
from ..image_files.srgb import from_linear
from ..radiance.field import VoxelField
from ..radiance.radiance_grid import RadianceGrid
from ..radiance.rays import camera_rays
from ..radiance.renderer import render_chunked
from ..results.normals import surface_normals
from ..results.ray_march import RayMarcher
from ..score_models.score_model import ScoreModel

SUBPIXELS = 2
"""Rays per pixel each way, in pictures whose pixels are not much finer than the voxels."""

FINE = 4
"""Pixels per voxel from which one ray per pixel is enough: trilinear edges do not alias."""

RAYS_AT_ONCE = 2**19
VISIBLE = 1e-3
"""Least opacity of a pixel that has a colour."""

SURFACE = 0.1
"""Least opacity of a pixel that has a depth and a normal: the rim of a soft edge has none."""


@dataclass(frozen=True)
class View:
    """A rendered view of a result.

    Attributes
    ----------
    rgba : Tensor [4, H, W]
        sRGB and straight (not premultiplied) alpha, in [0, 1].
    depth : Tensor [H, W]
        Mean distance of what is seen from the ray's origin, in domain units; infinite where nothing is.
    normal : Tensor [3, H, W]
        Unit vectors in the domain's frame; 0 where nothing is.
    """

    rgba: Tensor
    depth: Tensor
    normal: Tensor


class ResultPictures:
    """Views of a result's own grid, as it is in Blender: linear light, smooth edges, no background."""

    def __init__(self, grid: RadianceGrid) -> None:
        self.grid = grid
        normals = surface_normals(grid.density_grid, grid.voxel_size)
        self._marcher = RayMarcher(dataclasses.replace(grid, rgb_grid=torch.cat([grid.rgb_grid, normals], dim=-1)))

    def view(self, camera: Camera, size: int) -> View:
        """Render size x size pixels."""
        subpixels = SUBPIXELS if size < FINE * max(self.grid.shape) else 1
        fine = subpixels * size
        rays = camera_rays(camera, fine, fine)
        seen = [self._marcher.render(part) for part in rays.split(RAYS_AT_ONCE)]
        values = torch.cat([torch.cat([p.rgb, p.opacity[:, None], p.depth[:, None]], dim=1) for p in seen])
        values = functional.avg_pool2d(values.T.view(-1, fine, fine), subpixels)
        opacity = values[6]
        share = opacity.clamp(min=VISIBLE)
        rgb = torch.where(opacity > VISIBLE, from_linear(values[:3] / share), 0.0)
        normal = torch.where(opacity > SURFACE, functional.normalize(values[3:6], dim=0), 0.0)
        depth = torch.where(opacity > SURFACE, values[7] / share, torch.inf)
        return View(torch.cat([rgb, opacity[None]]), depth, normal)


class ModelPictures:
    """Views decoded by the model itself from the field that was optimised, as the paper's final videos are.

    The samples are rendered on a finer pixel grid and averaged down before they are decoded: latents of one ray
    a pixel flicker (https://github.com/pals-ttic/sjc, "highres_final_vis"). There are no more rays than half
    the picture's pixels each way, which a grid of voxels does not fill.
    """

    def __init__(self, field: VoxelField, model: ScoreModel) -> None:
        self.field = field
        self.model = model
        probe = torch.zeros(1, model.channels, model.sample_size, model.sample_size, device=model.device)
        self.scale = model.decode(probe).shape[-1] // model.sample_size

    def picture(self, camera: Camera, size: int) -> Tensor:
        """Render and decode size x size pixels.

        Raises
        ------
        SjcError
            ``invalid_image_size`` if `size` is no multiple of the decoder's pixels a sample.
        """
        if size % self.scale:
            raise SjcError(
                "invalid_image_size",
                f"A picture of {size} pixels does not divide into the {self.scale} pixels that the model decodes.",
                f"Choose a multiple of {self.scale}.",
            )
        samples = size // self.scale
        subpixels = max(1, self.scale // 2)
        rays = camera_rays(camera, subpixels * samples, subpixels * samples, device=self.model.device)
        sample = render_chunked(self.field, rays, subpixels=subpixels).image
        return self.model.decode(sample[None])[0].cpu()
