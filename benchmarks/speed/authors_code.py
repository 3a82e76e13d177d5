"""The authors' own field and renderer, from a checkout; nothing of it is part of this repository."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays


class AuthorsCode:
    """Modules of a checkout of https://github.com/pals-ttic/sjc.

    Parameters
    ----------
    reference : Path
        The checkout's folder.
    """

    def __init__(self, reference: Path) -> None:
        # Imported by their modules, not used by what is called here.
        unused = {"einops": types.ModuleType("einops"), "tabulate": types.ModuleType("tabulate")}
        unused["einops"].rearrange = unused["tabulate"].tabulate = None  # type: ignore[attr-defined]
        with mock.patch.dict(sys.modules, unused), mock.patch.object(sys, "path", [str(reference), *sys.path]):
            self.vox = importlib.import_module("voxnerf.vox")
            self.render = importlib.import_module("voxnerf.render")

    def field_like(self, field: VoxelField) -> Any:
        """Their field with the parameters of ours, and their own background."""
        box = torch.stack([-field.half_extents, field.half_extents]).numpy()
        channels = len(field.feature_grid)
        theirs = self.vox.V_SD(
            box, list(field.shape), density_shift=-1.0, c=channels, blend_bg_texture=True, bg_texture_hw=4
        )
        with torch.no_grad():
            theirs.density.copy_(field.density_grid.permute(0, 3, 2, 1)[None])
            theirs.color.copy_(field.feature_grid.permute(0, 3, 2, 1)[None])
            theirs.d_scale.copy_(field.density_scale)
        return theirs

    def rendering(self, theirs: Any, rays: Rays) -> tuple[Tensor, Tensor, Tensor]:
        """Image [N, C], depth [N, 1] and weights [S, N] of their renderer."""
        box = theirs.aabb.T.numpy()
        _, near, far = self.render.ray_box_intersect(rays.origins.numpy(), rays.directions.numpy(), box)
        near, far = (torch.as_tensor(t, dtype=torch.float32).clamp(min=0) for t in (near, far))
        image, depth, weights = self.render.render_ray_bundle(theirs, rays.origins, rays.directions, near, far)
        return image, depth, weights
