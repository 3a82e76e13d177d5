# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit a radiance grid to posed pictures: the plain counterpart of SJC, whose 2D gradients come from pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.errors import SjcError
from ..image_files.srgb import from_linear, to_linear
from ..radiance.marching import intersect_box
from ..radiance.radiance_grid import RadianceGrid
from ..radiance.rays import Rays
from ..radiance.renderer import render, render_chunked
from ..radiance.trilinear import interpolate
from .posed_pictures import PosedPicture, misses_the_box

START_OPACITY = 0.02
"""Of a voxel; the box begins as a haze through which all of it gets gradients."""

GROWTH = (0.25, 0.5, 1.0)
"""Shares of the resolution, one for each third of the steps: coarse shapes are found first."""

FAINT = 0.01
"""Optical depth of a voxel below which it is empty: the parameters cannot reach 0."""

RATE, LAST_RATE = 0.2, 0.02
SMOOTHNESS = 0.002
"""Weight of the mean absolute difference of neighbouring voxels, which settles what few rays see."""


@dataclass(frozen=True)
class FitSettings:
    """Settings of a fit.

    Attributes
    ----------
    resolution : int
        Voxels along a side of the cube.
    steps : int
    rays : int
        Drawn from all pictures in a step.
    seed : int
    background : float
        sRGB grey behind pictures that have no transparency, 1 for white.
    """

    resolution: int = 96
    steps: int = 1500
    rays: int = 1024
    seed: int = 0
    background: float = 1.0


def fit_grid(
    pictures: Sequence[PosedPicture],
    settings: FitSettings,
    half_extents: Sequence[float] = (1.0, 1.0, 1.0),
    progress: Callable[[int, float], None] | None = None,
) -> RadianceGrid:
    """Find the density and colours whose renders are the pictures.

    Adam on the squared error of sRGB pixels. Transparent pictures are composited, like the renders, over another
    random grey in every step: what is transparent must then be empty.

    Parameters
    ----------
    pictures : sequence of PosedPicture
    half_extents : sequence of float
        Half sides of the box in domain units, the longest 1; rounded to whole voxels.
    progress : callable, optional
        Told (steps done, PSNR of the step in dB).

    Raises
    ------
    SjcError
        ``no_posed_pictures`` if there are none; ``pictures_miss_the_box`` if no camera sees the box.
    """
    if not pictures:
        raise SjcError("no_posed_pictures", "There are no pictures to fit.", "Name at least one in the set.")
    generator = torch.Generator().manual_seed(settings.seed)
    rays, colours, alpha = _gathered(pictures, torch.tensor(half_extents))
    stages = [max(8, round(share * settings.resolution)) for share in GROWTH]
    voxels = _Voxels.haze(stages[0], half_extents)
    optimiser = torch.optim.Adam(voxels.parameters, lr=RATE)
    for step in range(settings.steps):
        resolution = stages[min(len(stages) - 1, step * len(stages) // settings.steps)]
        if resolution != voxels.resolution:
            voxels = voxels.resampled(resolution)
            optimiser = torch.optim.Adam(voxels.parameters, lr=RATE)
        for group in optimiser.param_groups:
            group["lr"] = RATE * (LAST_RATE / RATE) ** (step / settings.steps)
        chosen = torch.randint(len(alpha), (settings.rays,), generator=generator)
        grey = to_linear(torch.rand((), generator=generator)) if bool((alpha < 1).any()) else None
        behind = grey if grey is not None else to_linear(torch.tensor(settings.background))
        wanted = from_linear(colours[chosen] * alpha[chosen] + behind * (1 - alpha[chosen]))
        rendering = render(voxels.grid(behind), rays.chosen(chosen))
        error = (from_linear(rendering.image[:, 0].T) - wanted).square().mean()
        optimiser.zero_grad(set_to_none=True)
        (error + SMOOTHNESS * voxels.roughness()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if progress is not None:
            progress(step + 1, -10 * float(error.detach().log10()))
    found = voxels.grid(torch.tensor(0.0))
    density = found.density_grid.detach()
    density[density * found.voxel_size < FAINT] = 0.0
    return RadianceGrid(density, found.rgb_grid.detach(), found.half_extents, found.background_rgb)


@torch.no_grad()
def psnr(grid: RadianceGrid, pictures: Sequence[PosedPicture], background: float = 1.0) -> float:
    """Mean over pictures of the peak signal-to-noise ratio in dB of sRGB pixels that are known, over one grey.

    Parameters
    ----------
    pictures : sequence of PosedPicture
    background : float
        sRGB.
    """
    behind = to_linear(torch.tensor(background))
    before = RadianceGrid(grid.density_grid, grid.rgb_grid, grid.half_extents, behind.expand(3))
    values = []
    for picture in pictures:
        rgb, alpha = to_linear(picture.rgba[..., :3]), picture.rgba[..., 3:]
        wanted = from_linear(rgb * alpha + behind * (1 - alpha))
        image = from_linear(render_chunked(before, picture.rays()).image.movedim(0, -1))
        values.append(-10 * (image - wanted).flatten(0, 1)[_known(picture)].square().mean().log10())
    return float(torch.stack(values).mean())


def _known(picture: PosedPicture) -> Tensor:
    """Return which pixels are known, as one list."""
    if picture.known is not None:
        return picture.known.flatten()
    return torch.ones(picture.rgba.shape[0] * picture.rgba.shape[1], dtype=torch.bool)


def _gathered(pictures: Sequence[PosedPicture], half_extents: Tensor) -> tuple[Rays, Tensor, Tensor]:
    """Rays of all pixels that do not miss the box, their linear RGB [N, 3] and alpha [N, 1]."""
    each = [picture.rays() for picture in pictures]
    origins, directions = (torch.cat([getattr(r, name) for r in each]) for name in ("origins", "directions"))
    rays = Rays(origins, directions, 1, len(origins))
    rgba = torch.cat([picture.rgba.reshape(-1, 4) for picture in pictures])
    hits = intersect_box(rays, half_extents)[1] > 0
    hits &= torch.cat([_known(picture) for picture in pictures])
    if not bool(hits.any()):
        raise misses_the_box()
    return rays.chosen(hits.nonzero().squeeze(1)), to_linear(rgba[hits, :3]), rgba[hits, 3:]


class _Voxels:
    """The optimised parameters: unbounded numbers, one for a voxel's optical depth and three for its colour."""

    def __init__(self, depth: Tensor, colour: Tensor, resolution: int, half_extents: Sequence[float]) -> None:
        self.parameters = [depth.requires_grad_(), colour.requires_grad_()]
        self.resolution = resolution
        self._half_extents = half_extents
        self._box = torch.tensor(depth.shape[1:]) / resolution

    @classmethod
    def haze(cls, resolution: int, half_extents: Sequence[float]) -> _Voxels:
        shape = [max(1, round(extent * resolution)) for extent in half_extents]
        start = torch.tensor(START_OPACITY).neg().log1p().neg().expm1().log()  # the inverse of softplus
        return cls(start.expand(1, *shape).clone(), torch.zeros(3, *shape), resolution, half_extents)

    def grid(self, background: Tensor) -> RadianceGrid:
        depth, colour = self.parameters
        # Optical depth of a voxel, not density: the same step means the same at every resolution.
        density = functional.softplus(depth[0]) * self.resolution / 2
        return RadianceGrid(density, torch.sigmoid(colour).movedim(0, -1), self._box, background.expand(3))

    @torch.no_grad()
    def resampled(self, resolution: int) -> _Voxels:
        shape = [max(1, round(extent * resolution)) for extent in self._half_extents]
        axes = [(2 * torch.arange(count) + 1.0 - count) / resolution for count in shape]
        centres = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, 3)
        depth, colour = (interpolate(p, centres, self._box).T.reshape(len(p), *shape) for p in self.parameters)
        return _Voxels(depth.clone(), colour.clone(), resolution, self._half_extents)

    def roughness(self) -> Tensor:
        """Mean absolute difference of neighbours, of depth and of colour."""
        differences = [p.diff(dim=dim).abs().mean() for p in self.parameters for dim in (1, 2, 3) if p.shape[dim] > 1]
        return torch.stack(differences).sum()
