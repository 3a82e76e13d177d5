# SPDX-License-Identifier: GPL-3.0-or-later
"""What a camera sees of triangles: which is foremost in every pixel, and how near it is."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...protocol.spec import Camera

BLOCK, CHUNK = 100_000, 400_000
"""Triangles, and pairs of a triangle and a pixel, that are looked at together: some hundred bytes each."""

NEAREST = 1e-3
"""Domain units before a camera from which on its picture's places are computed."""

ON_EDGE = 1e-9
"""Weight of a corner below zero that still counts as inside: between two triangles that share an edge is no gap."""


class MeshView(NamedTuple):
    """What a camera sees of triangles.

    Attributes
    ----------
    near : Tensor [size, size], float64
        How near the foremost triangle is. Perspective: the inverse of the depth, which is measured along the camera's
        axis. Orthographic: the depth below zero. -inf where no triangle is before the camera.
    triangle : Tensor [size, size], int64
        Which one is foremost; of several that are equally near, the last. -1 where there is none.
    """

    near: Tensor
    triangle: Tensor


def closeness(vertices: Tensor, triangles: Tensor, camera: Camera, size: int) -> Tensor:
    """How near the foremost triangle is in every pixel, see `MeshView`: Tensor [size, size], float32."""
    return mesh_view(vertices, triangles, camera, size).near.float()


def mesh_view(vertices: Tensor, triangles: Tensor, camera: Camera, size: int) -> MeshView:
    """Find the foremost triangle in every pixel.

    Parameters
    ----------
    vertices : Tensor [V, 3], float64
        In domain units.
    triangles : Tensor [F, 3], int64
        Places in `vertices`; both sides are seen. On the same device.
    size : int
        Pixels a side.
    """
    near = vertices.new_full((size * size,), -torch.inf)
    triangle = triangles.new_full((size * size,), -1)
    first = 0
    for block in triangles.split(BLOCK):
        _add(near, triangle, vertices[block], first, camera, size)
        first += len(block)
    return MeshView(near.view(size, size), triangle.view(size, size))


def _add(seen: Tensor, foremost: Tensor, corners: Tensor, number: int, camera: Camera, size: int) -> None:
    """Put what is nearer of triangles [F, 3 corners, 3], numbered from `number`, into what is seen of all others.

    Parameters
    ----------
    seen, foremost : Tensor [size * size]
        Closeness, and the numbers of triangles; changed.
    """
    weights, first, sides = _set_up(corners, camera, size)
    counts = sides[:, 0] * sides[:, 1]
    met = counts.nonzero().squeeze(1)
    # Of one triangle there are size^2 at the most.
    groups = counts[met].cumsum(0) // CHUNK
    for group in groups.unique_consecutive():
        chosen = met[groups == group]
        many = counts[chosen]
        pair = chosen.repeat_interleave(many)
        within = torch.arange(len(pair), device=pair.device) - (many.cumsum(0) - many).repeat_interleave(many)
        column = first[pair, 0] + within % sides[pair, 0]
        row = first[pair, 1] + within // sides[pair, 0]
        by_column, by_row, constant = weights[pair].unbind(-1)
        values = by_column * (column + 0.5)[:, None] + by_row * (row + 0.5)[:, None] + constant
        inside = values[:, :3].amin(dim=1) >= -ON_EDGE
        near = values[inside, 3]
        before = near > 0 if camera.projection == "perspective" else near < 0
        near = near.where(before, -torch.inf)
        at = (row * size + column)[inside]
        past = seen.clone()
        seen.scatter_reduce_(0, at, near, "amax")
        foremost.masked_fill_(seen > past, -1)
        reached = before & (near == seen[at])
        foremost.scatter_reduce_(0, at[reached], pair[inside][reached] + number, "amax")


def _set_up(corners: Tensor, camera: Camera, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is linear in the place (column, row, 1) of a pixel, in pixels, for each triangle [F, 3 corners, 3].

    Of a ray r = (x, y, 1) and corners v_i in the camera's frame, the e_i with sum e_i v_i = r are the weights of the
    corners where the ray meets the plane, up to a factor: 1 / depth, their sum. They are above zero inside of the
    triangle, even if a part of it is behind the camera. Parallel rays are r too, and the v_i are then (x, y, 1).

    Returns
    -------
    weights : Tensor [F, 4, 3]
        The three e_i, and the closeness.
    first, sides : Tensor [F, 2], int64
        Column and row of the first pixel that may lie in it, and how many may.
    """
    pose = corners.new_tensor(camera.pose)
    turned = (corners - pose[:3, 3]) @ pose[:3, :3]
    depth = -turned[..., 2]
    perspective = camera.projection == "perspective"
    flat = torch.stack([turned[..., 0], turned[..., 1], depth if perspective else torch.ones_like(depth)], dim=-1)
    left, right, bottom, top = camera.window
    to_window = corners.new_tensor([[(right - left) / size, 0, left], [0, (bottom - top) / size, top], [0, 0, 1]])
    normals = torch.linalg.cross(flat.roll(-1, dims=1), flat.roll(-2, dims=1))
    volume = (flat[:, 0] * normals[:, 0]).sum(dim=-1)
    shares = normals / volume[:, None, None] @ to_window
    nearness = shares.sum(dim=1) if perspective else -(shares * depth[..., None]).sum(dim=1)
    weights = torch.cat([shares, nearness[:, None]], dim=1)
    low, high = _bounds(flat, camera, size)
    first = (low - 0.5).ceil().clamp(0, size).long()
    sides = ((high - 0.5).floor().clamp(-1, size - 1).long() - first + 1).clamp(min=0)
    return weights, first, sides * (volume != 0)[:, None]


def _bounds(flat: Tensor, camera: Camera, size: int) -> tuple[Tensor, Tensor]:
    """Least and largest place [F, 2] in pixels of what is before the camera of triangles [F, 3, (x, y, depth)]."""
    depth, following = flat[..., 2], flat.roll(-1, dims=1)
    before = depth > NEAREST
    # Where an edge comes from behind, its place just before the camera counts.
    share = (NEAREST - depth) / (following[..., 2] - depth)
    points = torch.cat([flat, flat + share[..., None] * (following - flat)], dim=1)
    seen = torch.cat([before, before != before.roll(-1, dims=1)], dim=1)[..., None]
    left, right, bottom, top = camera.window
    x, y = (points[..., :2] / points[..., 2:]).unbind(-1)
    places = torch.stack([(x - left) / (right - left), (top - y) / (top - bottom)], dim=-1) * size
    return places.where(seen, torch.inf).amin(dim=1), places.where(seen, -torch.inf).amax(dim=1)
