# SPDX-License-Identifier: GPL-3.0-or-later
"""The conventions that everybody relies on: axes, azimuths, mirror images."""

import numpy as np
import pytest
import torch

from training.dataset import NAMES, Views
from training.shapes import ACCENTS, COLOURS, MIRROR_PLANE, ORANGE, SYMMETRIC, occupancy, parts
from training.tracing import Camera, render, shade


def grid(side: int = 40) -> torch.Tensor:
    axis = (torch.arange(side) + 0.5) / side * 2 - 1
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def test_the_beak_of_the_duck_points_to_minus_y():
    points = grid()
    beak = next(d for d, material in parts("duck", points) if material == ORANGE) <= 0
    assert beak.any()
    assert points[beak][:, 1].max() < -0.3
    assert points[beak][:, 0].mean().abs() < 0.02
    assert points[beak][:, 2].mean() > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_solid_and_inside_the_view(name):
    points = grid()
    inside = points[occupancy(name, points)]
    assert 0.01 < len(inside) / len(points) < 0.3
    assert inside.norm(dim=1).max() < 0.97
    assert inside[:, 2].abs().max() < 0.88


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_symmetric_in_its_mirror_plane(name):
    points = grid(24)
    flip = torch.tensor([1.0, -1.0, 1.0] if MIRROR_PLANE[name] == "y" else [-1.0, 1.0, 1.0])
    assert (occupancy(name, points) == occupancy(name, points * flip)).float().mean() > 0.999


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, 270.0, 33.0])
@pytest.mark.parametrize("elevation", [0.0, 40.0])
def test_camera_projects_where_a_pinhole_does(azimuth, elevation):
    camera = Camera(azimuth, elevation, 2.0, 60.0)
    a, e = np.radians(azimuth), np.radians(elevation)
    position = 2.0 * np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
    origin, rays = camera.rays(64)
    np.testing.assert_allclose(origin.numpy(), position, atol=1e-6)
    point = np.array([0.1, -0.3, 0.2])
    forward = -position / 2.0
    right = np.array([np.cos(a), np.sin(a), 0.0])
    up = np.cross(right, forward)
    local = point - position
    scale = np.tan(np.radians(30.0)) * (local @ forward)
    column = int((local @ right / scale + 1) / 2 * 64)
    row = int((1 - local @ up / scale) / 2 * 64)
    closest = int((rays.numpy() @ (local / np.linalg.norm(local))).argmax())
    assert (closest // 64, closest % 64) == (row, column)


def test_the_left_view_sees_the_duck_look_to_the_left():
    picture = render("duck", "blue", 90.0, 10.0)
    orange = np.linalg.norm(picture / picture.max(2, keepdims=True) - ACCENTS[ORANGE] / 0.98, axis=2)
    columns = np.nonzero(orange < 0.15)[1]
    assert len(columns) > 5
    assert columns.mean() < 25


def test_the_background_is_grey_and_the_object_has_its_colour():
    picture = render("car", "red", 30.0, 30.0)
    np.testing.assert_allclose(picture[0, 0], 0.5, atol=1e-6)
    assert picture.min() >= 0
    assert picture.max() <= 1
    redness = picture[..., 0] - picture[..., 1:].max(2)
    assert (redness > 0.3).mean() > 0.05
    assert set(COLOURS) >= {"red", "yellow"}
    assert set(NAMES) > SYMMETRIC


@pytest.mark.parametrize("name", ["duck", "mug"])
def test_a_mirrored_picture_is_the_view_from_the_mirrored_azimuth(name):
    camera = Camera(70.0, 25.0, 2.0, 55.0)
    base, mask = shade(name, [camera])
    views = Views(
        np.array([NAMES.index(name)]),
        np.array([[70.0, 25.0, 2.0, 55.0]], np.float32),
        (base * 255).astype(np.uint8),
        (mask * 255).astype(np.uint8),
    ).mirrored()
    again, _ = shade(name, [Camera(float(views.camera[0, 0]), 25.0, 2.0, 55.0)])
    assert np.abs(views.base[0] / 255.0 - again[0]).mean() < 0.01
