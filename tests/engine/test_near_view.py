"""Views beside a view: where they are, and what a difference costs."""

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera, viewpoint_of
from sjc_blender.engine.optimisation.near_view import APART, appearance_change, near_camera


def test_near_is_within_some_degrees_and_at_the_same_distance():
    generator = torch.Generator().manual_seed(0)
    camera = orbit_camera(30.0, 20.0, 2.0, 50.0)
    near = [viewpoint_of(near_camera(camera, generator)) for _ in range(200)]
    azimuths = torch.tensor([view.azimuth - 30.0 for view in near])
    elevations = torch.tensor([view.elevation - 20.0 for view in near])
    for offsets in (azimuths, elevations):
        assert 0.9 * APART < offsets.abs().max() <= APART + 1e-6
        assert abs(offsets.mean()) < 0.5
    places = torch.tensor([[row[3] for row in view.camera.pose[:3]] for view in near])
    torch.testing.assert_close(places.norm(dim=1), torch.full((200,), 2.0))


def test_a_difference_by_hand():
    image = torch.zeros(4, 64, 64)
    near = image.clone()
    near[0] = 2.0
    near[1, :32] = -1.0
    assert appearance_change(image, near).item() == pytest.approx((2.0 + 0.5) / 4)
