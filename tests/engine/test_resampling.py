"""A field on another grid: where its content is, and how its optimiser goes on."""

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.radiance.resampling import resample_grid, resample_optimiser, resample_parameters

BOX = (1.0, 0.5, 0.75)


def centres(field):
    axes = [
        (torch.arange(n) + 0.5) * field.voxel_size - h for n, h in zip(field.shape, field.half_extents, strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))


@pytest.mark.parametrize("resolution", [24, 20, 8])
def test_a_ramp_along_each_axis_stays_that_ramp(resolution):
    coarse, fine = VoxelField(BOX, 16, 3), VoxelField(BOX, resolution, 3)
    found = resample_grid(centres(coarse), coarse, fine)
    # Beyond the outermost centres of the coarse grid, its outermost values are kept.
    last = coarse.half_extents - coarse.voxel_size / 2
    expected = torch.maximum(torch.minimum(centres(fine), last.view(3, 1, 1, 1)), -last.view(3, 1, 1, 1))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_everything_that_is_learned_is_carried_over():
    coarse, fine = VoxelField(BOX, 8, 4, background=(1, 2, 3, 4)), VoxelField(BOX, 16, 4)
    with torch.no_grad():
        coarse.density_scale.fill_(0.3)
        coarse.density_grid.fill_(2.0)
    resample_parameters(coarse, fine)
    assert fine.density_scale == coarse.density_scale
    torch.testing.assert_close(fine.density_grid, torch.full_like(fine.density_grid, 2.0))
    assert torch.equal(fine.background_texture.texels, coarse.background_texture.texels)


def moments(field, optimiser):
    """Mean of Adamax's moments of the density, after some steps on one picture."""
    for step in range(5):
        rays = camera_rays(orbit_camera(40.0 * step, 20.0, 3.0, 50.0), 24, 24)
        optimiser.zero_grad()
        render(field, rays).opacity.sum().backward()
        optimiser.step()
    state = optimiser.state[field.density_grid]
    return torch.stack([state["exp_avg"].mean(), state["exp_inf"].mean()])


def test_the_moments_are_those_of_smaller_voxels():
    """Resampled moments are about those that the finer grid would have had."""
    fields = [VoxelField((1.0, 1.0, 1.0), n, 1, feature_std=0.0) for n in (12, 24)]
    coarse, fine = (torch.optim.Adamax(field.parameter_groups(1e-3, 1e-3)) for field in fields)
    coarse_moments, fine_moments = (moments(f, o) for f, o in zip(fields, (coarse, fine), strict=True))
    assert (coarse_moments / fine_moments > 6).all(), "a voxel of twice the side has eight times the gradient"
    steps = coarse.state[fields[0].density_grid]["step"]
    resample_optimiser(coarse, fine, *fields)
    state = fine.state[fields[1].density_grid]
    carried = torch.stack([state["exp_avg"].mean(), state["exp_inf"].mean()])
    torch.testing.assert_close(carried, fine_moments, rtol=0.15, atol=0)
    assert state["step"] == steps
    assert fine.state[fields[1].density_scale]["exp_avg"] == coarse.state[fields[0].density_scale]["exp_avg"]
