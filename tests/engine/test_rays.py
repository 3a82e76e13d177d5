"""Rays go exactly through pixel centres, the top row first."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.protocol.spec import IDENTITY, Camera


def unit(*vector):
    length = math.sqrt(sum(v * v for v in vector))
    return [v / length for v in vector]


def rays_of(camera, height, width):
    return camera_rays(camera, height, width, dtype=torch.float64)


def close(actual, expected):
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


def test_perspective_rays_by_hand():
    rays = rays_of(Camera("c", IDENTITY, (-1.0, 1.0, -1.0, 1.0)), 2, 2)
    assert (rays.height, rays.width) == (2, 2)
    close(rays.origins, [[0.0, 0.0, 0.0]] * 4)
    close(rays.directions, [unit(-0.5, 0.5, -1), unit(0.5, 0.5, -1), unit(-0.5, -0.5, -1), unit(0.5, -0.5, -1)])


def test_a_shifted_window_of_another_aspect_by_hand():
    rays = rays_of(Camera("c", IDENTITY, (0.0, 3.0, -0.5, 0.5)), 1, 3)
    close(rays.directions, [unit(0.5, 0, -1), unit(1.5, 0, -1), unit(2.5, 0, -1)])


def test_orthographic_rays_by_hand():
    # On +X, looking along -X, with the image's right along +Y.
    pose = ((0.0, 0.0, 1.0, 5.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
    rays = rays_of(Camera("c", pose, (-2.0, 2.0, 0.0, 2.0), "orthographic"), 2, 2)
    close(rays.directions, [[-1.0, 0.0, 0.0]] * 4)
    close(rays.origins, [[5.0, -1.0, 1.5], [5.0, 1.0, 1.5], [5.0, -1.0, 0.5], [5.0, 1.0, 0.5]])


def test_one_pixel_looks_through_the_middle_of_the_window():
    rays = rays_of(orbit_camera(40, 25, 2.0, 50), 1, 1)
    close(rays.directions, [[-c / 2.0 for c in rays.origins[0].tolist()]])
    assert rays.origins.norm().item() == pytest.approx(2.0)


def test_points_on_a_ray_project_to_its_pixel_centre():
    camera = orbit_camera(-130.0, 35.0, 1.7, 62.0)
    camera = Camera("c", camera.pose, (-0.4, 0.7, -0.6, 0.2))
    height, width = 5, 7
    rays = rays_of(camera, height, width)
    points = rays.origins + 3.3 * rays.directions
    pose = torch.tensor(camera.pose, dtype=torch.float64)
    x, y, z = (torch.cat([points, torch.ones(len(points), 1)], dim=1).double() @ torch.linalg.inv(pose).T)[:, :3].T
    column = (x / -z + 0.4) / 1.1 * width
    row = (0.2 - y / -z) / 0.8 * height
    close(column.view(height, width), [[j + 0.5 for j in range(width)]] * height)
    close(row.view(height, width), [[i + 0.5] * width for i in range(height)])


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_directions_are_unit_and_the_dtype_is_as_asked(projection):
    camera = orbit_camera(10, 80, 1.5, 70)
    rays = camera_rays(Camera("c", camera.pose, camera.window, projection), 16, 16)
    assert rays.directions.dtype == rays.origins.dtype == torch.float32
    torch.testing.assert_close(rays.directions.norm(dim=1), torch.ones(256))
