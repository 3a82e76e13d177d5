# SPDX-License-Identifier: GPL-3.0-or-later
"""RGB colours of a frozen density, fitted to decoded views."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor
from torch.nn import functional

from ...protocol.spec import Camera
from ...surface.surface import empty_field
from ..image_files.srgb import from_linear, to_linear
from ..radiance.field import VoxelField
from ..radiance.radiance_grid import RadianceGrid
from ..radiance.rays import camera_rays
from ..radiance.renderer import render_chunked
from ..score_models.score_model import ScoreModel
from .cleaning import clean_density
from .least_squares import Array, fill_from_nearest, fit_near_back_projection
from .pixel_weights import pixel_weights

LARGEST_VIEW = 128
"""Side in pixels to which decoded views are averaged down: detail finer than the voxels is lost anyway."""

MOST_PIXELS = 200_000
"""Total number of pixels used; with more or larger views, a random part of their pixels."""

MOST_ENTRIES = 30_000_000
"""Pairs of a pixel and a voxel it shows, in all (16 bytes each); clouds have many, and get by with fewer pixels."""

CLEAR = 0.01
"""Pixels with less opacity than this show the background alone."""

ENOUGH_CLEAR = 0.02
"""Least share of clear pixels from which a view's background is estimated."""

SEEN = 0.05
"""A voxel with less weight than this, in all pixels together, counts as never seen."""


@dataclass(frozen=True)
class ColourFit:
    """A coloured field, and how well it repeats the decoded views.

    Attributes
    ----------
    grid : RadianceGrid
    psnr : float
        Peak signal-to-noise ratio in dB of the sRGB pixels, background included.
    """

    grid: RadianceGrid
    psnr: float


def fit_colour(field: VoxelField, model: ScoreModel, cameras: Sequence[Camera]) -> ColourFit:
    """Clean the density, and find the RGB of its voxels.

    Each camera's view of the field is decoded by the model and brought to linear light. With the
    density frozen a pixel is a linear function of the voxels' colours,

        pixel = sum_s w_s rgb(x_s) + (1 - sum_s w_s) background,

    so they are a least-squares fit with values in [0, 1]. Opaque pixels count more than the
    object's rim, where decoders blend sRGB values and composite the background unlike linear
    light does. Voxels that no view shows take the colour of the nearest one seen: marching cubes
    and trilinear look-ups read them.

    Parameters
    ----------
    cameras : sequence of Camera
        They should look from all around.

    Raises
    ------
    SjcError
        ``empty_field`` if the cleaning leaves nothing of the density.
    """
    grid = _uncoloured(field)
    share = 1.0 / len(cameras)
    equations = [_equations(field, grid, model, camera, share, seed=index) for index, camera in enumerate(cameras)]
    weights = vstack([view.weights for view in equations], format="csr")
    pixels = np.concatenate([view.pixels for view in equations])
    behind = np.concatenate([view.background for view in equations])
    opacity = weights.sum(axis=1)[:, None]
    left = np.clip(1.0 - opacity, 0.0, 1.0) * behind
    colours = fit_near_back_projection(weights, pixels - left, opacity**2 * _srgb_slope(pixels))
    seen = weights.sum(axis=0) > SEEN
    rgb = fill_from_nearest(colours.reshape(*grid.shape, 3), seen.reshape(grid.shape))
    coloured = dataclasses.replace(
        grid,
        rgb_grid=torch.from_numpy(rgb).to(grid.rgb_grid),
        background_rgb=torch.from_numpy(behind.mean(axis=0)).to(grid.rgb_grid),
    )
    return ColourFit(coloured, _psnr(weights @ colours + left, pixels))


def _uncoloured(field: VoxelField) -> RadianceGrid:
    """The field's cleaned density, activated at the voxels as Blender will see it, in black."""
    raw = field.density_at_voxels().detach()
    density = clean_density(raw.cpu().numpy(), field.voxel_size)
    if not density.any():
        raise empty_field()
    black = torch.zeros(*density.shape, 3, device=raw.device)
    return RadianceGrid(torch.from_numpy(density).to(raw), black, field.half_extents, torch.zeros_like(black[0, 0, 0]))


@dataclass(frozen=True)
class _Equations:
    """Equations of pixels of one decoded view: pixels = weights @ colours + passed * background.

    Attributes
    ----------
    weights : sparse [P, voxels]
    pixels, background : array [P, 3]
        Linear RGB.
    """

    weights: csr_array
    pixels: Array
    background: Array


@torch.no_grad()
def _equations(
    field: VoxelField, grid: RadianceGrid, model: ScoreModel, camera: Camera, share: float, seed: int
) -> _Equations:
    samples = camera_rays(camera, model.sample_size, model.sample_size, device=model.device)
    picture = _picture(model, render_chunked(field, samples).image)
    size = picture.shape[0]
    chosen = torch.randperm(size * size, generator=torch.Generator().manual_seed(seed))[: int(MOST_PIXELS * share)]
    rays = camera_rays(camera, size, size, device=model.device)
    weights = pixel_weights(grid, rays.chosen(chosen))
    within_limit = int(np.searchsorted(weights.indptr, MOST_ENTRIES * share, side="right")) - 1
    weights, chosen = weights[:within_limit], chosen[:within_limit]
    pixels = picture.reshape(-1, 3)[chosen]
    background = _background_from_clear_pixels(pixels, weights.sum(axis=1), chosen.numpy(), size)
    if background is None:
        behind = field.background(samples.directions).T.reshape(-1, model.sample_size, model.sample_size)
        background = _picture(model, behind).reshape(-1, 3)[chosen]
    return _Equations(weights, pixels, background)


def _picture(model: ScoreModel, sample: Tensor) -> Array:
    """A sample [C, H, W] decoded, in linear light [h, w, 3], at most `LARGEST_VIEW` wide."""
    linear = to_linear(model.decode(sample[None])[0])
    size = min(LARGEST_VIEW, linear.shape[-1])
    picture: Array = functional.adaptive_avg_pool2d(linear, size).movedim(0, -1).float().cpu().numpy()
    return picture


def _background_from_clear_pixels(
    pixels: Array, opacity: Array, index: npt.NDArray[np.int64], size: int
) -> Array | None:
    """The background [P, 3] behind every pixel, or None if too few pixels show it.

    A plane over the image, fitted to the pixels that show the background alone. Decoding an
    empty sample would not do: a network's decoder shifts the tone of the whole picture with what
    is in it.
    """
    clear = opacity < CLEAR
    if clear.mean() < ENOUGH_CLEAR:
        return None
    row, column = np.divmod(index, size)
    plane = np.stack([np.ones(len(index)), row / size - 0.5, column / size - 0.5], axis=-1)
    slopes, *_ = np.linalg.lstsq(plane[clear], pixels[clear], rcond=None)
    limits = pixels[clear].min(axis=0), pixels[clear].max(axis=0)
    return np.clip(plane @ slopes, *limits).astype(np.float32)


def _srgb_slope(linear: Array) -> Array:
    """How much an error in linear light changes the sRGB value: dark colours need more care."""
    return np.asarray(1.055 / 2.4 * np.maximum(linear, 0.0031308) ** (1 / 2.4 - 1), dtype=np.float32)


def _psnr(linear: Array, expected: Array) -> float:
    srgb, expected_srgb = (from_linear(torch.from_numpy(np.asarray(values))) for values in (linear, expected))
    return float(-10.0 * torch.log10((srgb - expected_srgb).square().mean().clamp(min=1e-12)))
