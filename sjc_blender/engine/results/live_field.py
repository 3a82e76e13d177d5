# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse copy of the field for the viewport while the job runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.atomic_write import atomic_path
from ...protocol.job_folder import FIELD_VERSION
from ...protocol.spec import Matrix
from ..image_files.srgb import to_linear
from ..radiance.field import VoxelField

LARGEST = 40
"""Voxels along the longest side at the most."""

HAZE = 0.5
"""Density per domain unit below which a voxel is left out; a new field is a haze of 0.31 everywhere."""

RIDGE = 1e-3
"""Of the colour map's fit, so that a picture of one colour determines it too."""


@torch.no_grad()
def write_live_field(path: Path, field: VoxelField, matrix_world: Matrix, sample: Tensor, picture: Tensor) -> None:
    """Write the field at `path`, in the form of ``result/field.npz`` but averaged over coarser voxels.

    What features look like only the model's decoder knows, which decodes pictures. A view of the
    field before and after decoding tells it well enough: the colours of voxels are the linear map
    that fits the two best. (For Stable Diffusion such maps are commonly used for previews.)

    Parameters
    ----------
    matrix_world : Matrix
        Domain units to world.
    sample : Tensor [C, h, w]
        A view of the field.
    picture : Tensor [3, H, W]
        The same, decoded: sRGB in [0, 1].

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``.
    """
    largest = max(field.shape)
    coarse = min(LARGEST, largest)
    nx, ny, nz = (max(1, round(size * coarse / largest)) for size in field.shape)
    voxel_size = field.voxel_size * largest / coarse
    volumes = torch.cat([field.density_at_voxels()[None], field.features_at_voxels().movedim(-1, 0)])
    density, *features = functional.adaptive_avg_pool3d(volumes, (nx, ny, nz))
    density = torch.where(density < HAZE, 0.0, density)
    rgb = to_linear(_apply(_colour_map(sample, picture), torch.stack(features, dim=-1)).clamp(0, 1))
    arrays: dict[str, Any] = {
        "version": np.int64(FIELD_VERSION),
        "density": density.float().cpu().numpy(),
        "rgb": rgb.cpu().numpy().astype(np.float16),
        "half_extents": np.array([size * voxel_size / 2 for size in (nx, ny, nz)]),
        "voxel_size": np.float64(voxel_size),
        "matrix_world": np.array(matrix_world),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def _colour_map(sample: Tensor, picture: Tensor) -> Tensor:
    """Fit [C + 1, 3] so that [features, 1] @ map is the picture's sRGB."""
    small = functional.adaptive_avg_pool2d(picture.float(), (sample.shape[1], sample.shape[2]))
    before = _with_one(sample.float().flatten(1).T)
    after = small.to(before).flatten(1).T
    gram = before.T @ before / len(before)
    ridge = RIDGE * torch.eye(len(gram), device=gram.device)
    return torch.linalg.solve(gram + ridge, before.T @ after / len(before))


def _apply(colour_map: Tensor, features: Tensor) -> Tensor:
    return _with_one(features.float()) @ colour_map


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, torch.ones_like(rows[..., :1])], dim=-1)
