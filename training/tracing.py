# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphere tracing of the procedural objects into images.

An image is linear in the colour of the main part, so the tracer returns a
base picture (accents and background) and the shading of the main part, and
`colourise` combines them with any colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.shapes import ACCENTS, BACKGROUND, COLOURS, MAIN, Variation, distance, parts

_BOUND = 1.08
_STEPS = 48
_HIT = 0.004


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the origin.

    Attributes
    ----------
    azimuth, elevation
        Direction in degrees: azimuth 0 sees the front (from -Y), 90 stands at +X.
    distance
        Distance from the origin.
    fov
        Full vertical angle of the square image in degrees.
    """

    azimuth: float
    elevation: float
    distance: float = 2.0
    fov: float = 55.0

    def frame(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return position, right, up and forward vectors."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        away = torch.tensor([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)], dtype=torch.float32)
        right = torch.tensor([np.cos(a), np.sin(a), 0.0], dtype=torch.float32)
        up = torch.linalg.cross(right, -away)
        return away * self.distance, right, up, -away

    def rays(self, size: int) -> tuple[Tensor, Tensor]:
        """Return the origin ``[3]`` and unit directions ``[size * size, 3]``, top row first."""
        origin, right, up, forward = self.frame()
        half = float(np.tan(np.radians(self.fov) / 2))
        grid = ((torch.arange(size) + 0.5) / size * 2.0 - 1.0) * half
        v, u = torch.meshgrid(-grid, grid, indexing="ij")
        rays = forward + u[..., None] * right + v[..., None] * up
        return origin, torch.nn.functional.normalize(rays.reshape(-1, 3), dim=-1)


class _Repeating(Variation):
    """A variation that draws the same proportions whenever the shape is evaluated."""

    def __init__(self, seed: int | None, spread: float, stretch: tuple[float, float, float]) -> None:
        super().__init__(spread=spread, stretch=stretch)
        self._seed = seed

    def again(self) -> Variation:
        """Return a fresh variation with the same draws."""
        if self._seed is None:
            return Variation(stretch=self.stretch)
        return Variation(np.random.default_rng(self._seed), self._spread, self.stretch)


def _all_rays(cameras: Sequence[Camera], size: int) -> tuple[Tensor, Tensor]:
    """Return the origins and directions of every pixel of every camera."""
    pairs = [camera.rays(size) for camera in cameras]
    origins = torch.cat([origin.expand_as(rays) for origin, rays in pairs])
    return origins, torch.cat([rays for _, rays in pairs])


def _cones(name: str, cameras: Sequence[Camera], size: int, variation: _Repeating) -> tuple[Tensor, Tensor]:
    """March one cone per tile of pixels.

    Returns
    -------
    tuple of tensors
        How far along it every tile is certainly empty, and whether all of it is.
    """
    origins, rays = _all_rays(cameras, size)
    widest = max(camera.fov for camera in cameras)
    spread = 2.0**0.5 * float(np.tan(np.radians(widest) / 2)) / size
    middle = -(rays * origins).sum(-1)
    reach = (_BOUND + 0.1) ** 2 - ((origins * origins).sum(-1) - middle**2)
    live = torch.nonzero(reach > 0).squeeze(1)
    start = torch.zeros(rays.shape[0])
    empty = torch.ones(rays.shape[0], dtype=torch.bool)
    half = reach[live].sqrt()
    t, end = middle[live] - half, middle[live] + half
    for step in range(14):
        p = origins[live] + t[:, None] * rays[live]
        gap = distance(name, p, variation.again()) - spread * t
        stop = (gap < 0.01) | (step == 13)
        start[live[stop]] = t[stop]
        empty[live[stop]] = False
        t = t + 0.93 * gap
        keep = ~stop & (t < end)
        live, t, end = live[keep], t[keep], end[keep]
        if live.numel() == 0:
            break
    return start, empty


def _march(
    name: str, cameras: Sequence[Camera], size: int, variation: _Repeating, tile: int = 4
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the indices of the rays that hit, the points that they hit, and all rays."""
    origins, rays = _all_rays(cameras, size)
    start, empty = (
        field.reshape(-1, size // tile, size // tile).repeat_interleave(tile, 1).repeat_interleave(tile, 2).reshape(-1)
        for field in _cones(name, cameras, size // tile, variation)
    )
    live = torch.nonzero(~empty).squeeze(1)
    t = start[live]
    end = max(camera.distance for camera in cameras) + _BOUND
    hits: list[Tensor] = []
    points: list[Tensor] = []
    for _ in range(_STEPS):
        p = origins[live] + t[:, None] * rays[live]
        d = distance(name, p, variation.again())
        found = d < _HIT
        hits.append(live[found])
        points.append(p[found])
        t = t + 0.93 * d
        keep = ~found & (t < end)
        live, t = live[keep], t[keep]
        if live.numel() == 0:
            break
    return torch.cat(hits), torch.cat(points), rays


def shade(
    name: str,
    cameras: Sequence[Camera],
    size: int = 64,
    seed: int | None = None,
    samples: int = 2,
    spread: float = 0.05,
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Trace one object from several cameras.

    Parameters
    ----------
    name
        One of `training.shapes.OBJECTS`.
    cameras
        Where to look from.
    size
        Side of the images in pixels.
    seed
        Seed of the proportions; None traces the canonical shape.
    samples
        Samples per pixel and axis.
    spread
        Largest relative change of a proportion.
    stretch
        Factor of the object along each axis.

    Returns
    -------
    tuple of arrays
        Base pictures ``[n, size, size, 3]`` and shading of the main part ``[n, size, size]``.
    """
    variation = _Repeating(seed, spread, stretch)
    hit, points, rays = _march(name, cameras, size * samples, variation)
    base = torch.tensor(BACKGROUND).repeat(rays.shape[0], 1)
    mask = torch.zeros(rays.shape[0])
    if hit.numel():
        found = parts(name, points, variation.again())
        material = torch.tensor([kind for _, kind in found])[torch.stack([d for d, _ in found]).argmin(0)]
        corners = torch.tensor([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1.0]])
        step = 0.004
        normal = torch.zeros_like(points)
        for corner in corners:
            normal += corner * distance(name, points + step * corner, variation.again())[:, None]
        normal = torch.nn.functional.normalize(normal, dim=-1)
        facing = -(normal * rays[hit]).sum(-1).clamp(-1.0, 0.0)
        light = 0.36 + 0.32 * (0.5 + 0.5 * normal[:, 2]) + 0.32 * facing
        base[hit] = torch.from_numpy(ACCENTS)[material] * light[:, None]
        mask[hit] = light * (material == MAIN)
    picture = torch.cat((base, mask[:, None]), -1)
    picture = picture.reshape(len(cameras), size, samples, size, samples, 4).mean((2, 4))
    return picture[..., :3].numpy(), picture[..., 3].numpy()


def closeness(
    name: str,
    cameras: Sequence[Camera],
    size: int,
    seed: int | None,
    spread: float,
    stretch: tuple[float, float, float],
) -> Tensor:
    """Return the inverse depths ``[n, size, size]`` that the cameras see of an object; -inf where nothing is."""
    hit, points, rays = _march(name, cameras, size, _Repeating(seed, spread, stretch))
    found = torch.full((rays.shape[0],), -torch.inf)
    which = hit // size**2
    frames = [camera.frame() for camera in cameras]
    eyes, forwards = (torch.stack([frame[index] for frame in frames]) for index in (0, 3))
    found[hit] = 1.0 / ((points - eyes[which]) * forwards[which]).sum(-1)
    return found.reshape(len(cameras), size, size)


def colourise(base: np.ndarray, mask: np.ndarray, colour: tuple[float, float, float] | np.ndarray) -> np.ndarray:
    """Return RGB pictures from base pictures and the shading of their main part."""
    return base + mask[..., None] * np.asarray(colour, dtype=np.float32)


def render(
    name: str,
    colour: str,
    azimuth: float,
    elevation: float,
    distance: float = 2.0,
    fov: float = 55.0,
    size: int = 64,
) -> np.ndarray:
    """Return a picture ``[size, size, 3]`` in 0..1 of the canonical object."""
    base, mask = shade(name, [Camera(azimuth, elevation, distance, fov)], size)
    return colourise(base, mask, COLOURS[colour])[0]
