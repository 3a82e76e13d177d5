# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles as a camera sees them, drawn as public ControlNets read them: their depth, normals or edges."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...protocol.spec import Camera
from .mesh_view import MeshView, mesh_view

FARTHEST = 0.3
"""Grey of the farthest surface in a depth picture, so that it stands out from the black of where nothing is."""

CREASE = math.cos(math.radians(30.0))
"""Between neighbours whose normals are farther apart than this (a cosine) is an edge."""

STEP = 0.03
"""And between those of which one is farther behind the other's plane: in shares of the distance, for a camera without
perspective in domain units."""


def guide_picture(kind: str, vertices: Tensor, triangles: Tensor, camera: Camera, size: int) -> Tensor:
    """Draw triangles for a ControlNet.

    Parameters
    ----------
    kind : str
        ``"depth"``, ``"normal"`` or ``"canny"``.
    vertices, triangles, size
        See `sjc_blender.engine.radiance.mesh_view.mesh_view`.

    Returns
    -------
    Tensor [3, size, size] in [0, 1], float32
    """
    view = mesh_view(vertices, triangles, camera, size)
    if kind == "depth":
        return depth_picture(view.near.float()).expand(3, -1, -1)
    normals = _normals(view, vertices, triangles, camera)
    if kind == "normal":
        return normal_picture(normals)
    return edge_picture(view.near, normals, camera).expand(3, -1, -1)


def depth_picture(near: Tensor) -> Tensor:
    """Closeness as the depth pictures that ControlNets were trained on: inverse depth, near is white.

    Like theirs it is scaled to what is seen in the one picture, whose depth has no unit: from `FARTHEST` to 1, or 1
    throughout if all is equally near; 0 where nothing is.

    Parameters
    ----------
    near : Tensor [..., H, W]
        See `sjc_blender.engine.radiance.mesh_view.MeshView`.

    Returns
    -------
    Tensor [..., H, W] in [0, 1]
    """
    seen = near.isfinite()
    highest = near.amax(dim=(-2, -1), keepdim=True)
    lowest = near.where(seen, torch.inf).amin(dim=(-2, -1), keepdim=True)
    span = highest - lowest
    share = torch.where(span > 1e-4 * highest.abs(), (near - lowest) / span, 1.0)
    return torch.where(seen, FARTHEST + (1 - FARTHEST) * share, 0.0)


def normal_picture(normals: Tensor) -> Tensor:
    """Normals as the pictures that ControlNets were trained on: red is left, green is up, blue faces the camera.

    That is how the training data of lllyasviel's normalbae (https://github.com/lllyasviel/ControlNet-v1-1-nightly) and
    his first network for normals have them. Where nothing is, the picture has the colour of what faces the camera.

    Parameters
    ----------
    normals : Tensor [H, W, 3]
        Unit vectors in the camera's frame (X right, Y up, Z towards the camera); zeros where nothing is.

    Returns
    -------
    Tensor [3, H, W] in [0, 1], float32
    """
    seen = normals.any(dim=-1, keepdim=True)
    shown = normals.where(seen, normals.new_tensor([0.0, 0.0, 1.0])) * normals.new_tensor([-1.0, 1.0, 1.0])
    return (0.5 + 0.5 * shown).permute(2, 0, 1).float()


def edge_picture(near: Tensor, normals: Tensor, camera: Camera) -> Tensor:
    """Edges as Canny's detector draws them: white lines of one pixel on black.

    There is an edge along outlines, where something hides what is behind it, and along creases: see `CREASE` and
    `STEP`. It is drawn on what is nearer.

    Parameters
    ----------
    near : Tensor [H, W]
        See `sjc_blender.engine.radiance.mesh_view.MeshView`.
    normals : Tensor [H, W, 3]
        See `normal_picture`.

    Returns
    -------
    Tensor [H, W] of 0 and 1, float32
    """
    x, y = _places(camera, near)
    perspective = camera.projection == "perspective"
    white = torch.zeros_like(near, dtype=torch.bool)
    for axis in (0, 1):
        count = near.shape[axis] - 1
        (n, m), (c, d) = ((values.narrow(axis, 0, count), values.narrow(axis, 1, count)) for values in (normals, near))
        # Both planes, midway between the two pixels.
        across, along = ((v.narrow(axis, 0, count) + v.narrow(axis, 1, count)) / 2 for v in (x, y))
        ways = [v.narrow(axis, i, count) for i in (0, 1) for v in (x, y)]
        one = _on_plane(c, n, ways[0], ways[1], across, along, perspective=perspective)
        other = _on_plane(d, m, ways[2], ways[3], across, along, perspective=perspective)
        limit = STEP * torch.maximum(c, d) if perspective else STEP
        both = c.isfinite() & d.isfinite()
        edge = both & (((n * m).sum(dim=-1) < CREASE) | ((one - other).abs() > limit))
        edge |= c.isfinite() != d.isfinite()
        white.narrow(axis, 0, count).logical_or_(edge & (c >= d))
        white.narrow(axis, 1, count).logical_or_(edge & (c < d))
    return white.float()


def _on_plane(near: Tensor, normal: Tensor, x: Tensor, y: Tensor, u: Tensor, v: Tensor, *, perspective: bool) -> Tensor:
    """Closeness at the places (u, v) of the window, of planes that have it and a normal at the places (x, y).

    With perspective it is n . (x, y, -1) at every place, up to a factor; without, the plane rises by -n_x / n_z.
    """
    if perspective:
        here = normal[..., 0] * x + normal[..., 1] * y - normal[..., 2]
        return near * (normal[..., 0] * u + normal[..., 1] * v - normal[..., 2]) / here
    return near - (normal[..., 0] * (u - x) + normal[..., 1] * (v - y)) / normal[..., 2]


def _places(camera: Camera, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Places of a picture's pixels [H, W] in the camera's window: x and y, each [H, W]."""
    height, width = pixels.shape
    left, right, bottom, top = camera.window
    x = left + (right - left) * (torch.arange(width).to(pixels) + 0.5) / width
    y = top + (bottom - top) * (torch.arange(height).to(pixels) + 0.5) / height
    return x.expand(height, width), y[:, None].expand(height, width)


def _normals(view: MeshView, vertices: Tensor, triangles: Tensor, camera: Camera) -> Tensor:
    """Normals [size, size, 3] of the foremost triangles in the camera's frame, of the sides that it sees."""
    shown, which = view.triangle.unique(return_inverse=True)
    pose = vertices.new_tensor(camera.pose)
    corners = (vertices[triangles[shown]] - pose[:3, 3]) @ pose[:3, :3]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = (normals * corners[:, 0]).sum(dim=-1) if camera.projection == "perspective" else -normals[:, 2]
    normals = torch.nn.functional.normalize(normals, dim=-1, eps=0.0) * torch.where(away > 0, -1.0, 1.0)[:, None]
    normals[shown < 0] = 0.0
    return normals[which]
