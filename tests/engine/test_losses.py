"""The regularisers: hand-computed values and gradients, and what they are for."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.losses import camouflage, centre_depth, emptiness, reference_samples_per_ray
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.protocol.errors import SjcError


def log_sums(weights):
    """What a renderer gives for a scale of 10."""
    return torch.log1p(10.0 * weights).sum(dim=1)


def test_emptiness_by_hand():
    weights = torch.tensor([[0.0, 0.1, 0.3], [0.5, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    loss = emptiness(log_sums(weights), 4.0) * 64 * 64 / 2  # as if these two rays were a published image
    assert loss.item() == pytest.approx((math.log(2) + math.log(4) + math.log(6)) / 8)
    loss.backward()
    expected = [[10 / 8, 5 / 8, 2.5 / 8], [10 / 6 / 8, 10 / 8, 10 / 8]]
    torch.testing.assert_close(weights.grad, torch.tensor(expected, dtype=torch.float64))


def test_emptiness_prefers_one_strong_sample_to_many_faint_ones():
    strong, faint = torch.zeros(1, 100), torch.full((1, 100), 0.01)
    strong[0, 0] = 1.0
    assert emptiness(log_sums(strong), 100.0) < emptiness(log_sums(faint), 100.0) / 3


@pytest.mark.parametrize("half_extents", [(1.0, 1.0, 1.0), (0.3, 1.0, 0.5)])
def test_a_ray_counts_as_283_samples_in_a_grid_of_100(half_extents):
    field = VoxelField(half_extents, 100, 1)
    assert reference_samples_per_ray(field) == pytest.approx(282.84, abs=0.01)


def test_emptiness_of_the_same_ray_is_the_same_in_every_view():
    """One ray, in an image where it is the longest and beside a longer one."""
    # The fused renderer's rows are as long in every view.
    field = VoxelField((1.0, 1.0, 1.0), 20, 1, renderer="torch")
    reference = reference_samples_per_ray(field)
    front = render(field, camera_rays(orbit_camera(0, 0, 3, 1), 1, 1), emptiness_scale=10.0)
    wide = render(field, camera_rays(orbit_camera(0, 0, 3, 20), 3, 3), emptiness_scale=10.0)
    assert wide.weights.shape[1] > front.weights.shape[1]
    torch.testing.assert_close(emptiness(wide.log_sums[4:5], reference), emptiness(front.log_sums, reference))


def framed(centre, border):
    """A depth image of 16 x 16: 7/64 of it, 2 pixels, are border."""
    depth = torch.full((16, 16), float(border), dtype=torch.float64)
    depth[2:-2, 2:-2] = centre
    return depth.requires_grad_()


def test_centre_depth_by_hand():
    depth = framed(1.0, 3.5)
    loss = centre_depth(depth)
    assert loss.item() == pytest.approx(-math.log(2.5))
    loss.backward()
    assert depth.grad[8, 8].item() == pytest.approx(1 / 2.5 / 144)
    assert depth.grad[0, 0].item() == pytest.approx(-1 / 2.5 / 112)


def test_the_border_of_a_64_pixel_image_is_the_published_7():
    depth = torch.zeros(64, 64, requires_grad=True)
    centre_depth(depth).backward()
    assert (depth.grad[7:-7, 7:-7] > 0).all()
    assert (depth.grad > 0).sum() == 50 * 50


@pytest.mark.parametrize(("centre", "border"), [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0), (9.9, 0.5), (2.0, 2.05)])
def test_a_step_pulls_the_centre_nearer_whichever_is_nearer(centre, border):
    depth = framed(centre, border)
    loss = centre_depth(depth)
    loss.backward()
    assert loss.isfinite()
    assert depth.grad.isfinite().all()
    with torch.no_grad():
        stepped = depth - depth.grad
    assert stepped[8, 8] < depth[8, 8]
    assert stepped[0, 0] > depth[0, 0]
    assert centre_depth(stepped) < loss


def test_centre_depth_and_its_slope_are_continuous_where_the_tangent_begins():
    gap = 0.1
    below, above = (framed(1.0, 1.0 + gap + change) for change in (-1e-7, 1e-7))
    losses = [centre_depth(depth) for depth in (below, above)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=1e-5)
    torch.testing.assert_close(below.grad, above.grad, rtol=1e-5, atol=0)


def test_centre_depth_says_which_images_are_too_small():
    assert centre_depth(torch.eye(3)).isfinite()
    with pytest.raises(SjcError, match="at least 3 x 3 pixels; these have 2 x 9") as caught:
        centre_depth(torch.zeros(9, 2))
    assert caught.value.code == "image_too_small"


def painted_field():
    """Three voxels: one of the background's colour, one a little like it, one unlike it; equally dense."""
    field = VoxelField((1.0, 0.1, 0.1), 3, 2, background=(0.5, -0.5))
    with torch.no_grad():
        field.density_grid.fill_(3.0)
        features = torch.tensor([[0.5, -0.5], [0.5, 0.5], [6.5, -8.5]])
        field.feature_grid.copy_(features.T.view(2, 3, 1, 1))
    return field


def test_camouflage_by_hand():
    field = painted_field()
    opacity = 1 - math.exp(-math.log1p(math.exp(2.0)) * 2 / 3)
    found = camouflage(field, field.voxel_size).item()
    assert found == pytest.approx(opacity * (1 + math.exp(-0.5) + math.exp(-50)), rel=1e-5)


def test_camouflage_draws_density_from_what_looks_like_the_background_and_leaves_colours_alone():
    field = painted_field()
    camouflage(field, field.voxel_size).backward()
    alike, a_little, unlike = field.density_grid.grad.flatten()
    assert alike > a_little > 0
    assert abs(unlike) < 1e-6 * alike
    assert field.feature_grid.grad is None
    assert field.background_texture.texels.grad is None
