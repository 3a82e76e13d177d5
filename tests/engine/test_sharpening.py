"""Sharpening: where a surface stays, what gets steeper, and when."""

import math

import pytest
import torch

from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.radiance.sharpening import LEVEL, OPAQUE, sharpen
from sjc_blender.engine.schedules import sharpens
from sjc_blender.protocol.spec import OptimisationSpec


def hill(width: float = 0.25) -> VoxelField:
    """A ball with soft slopes, of radius 0.5: there a voxel has the depth `LEVEL`."""
    field = VoxelField((1, 1, 1), 32, 4)
    axis = (torch.arange(32) + 0.5) * field.voxel_size - 1
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    level = math.log(math.expm1(LEVEL / field.voxel_size)) + 1
    with torch.no_grad():
        field.density_scale.fill_(0.3)
        field.density_grid[0] = (level + (0.5 - radius) / width * 10) / math.exp(0.3)
    return field


def depths(field: VoxelField) -> torch.Tensor:
    """Optical depths of the voxels on the line through the middle, along x."""
    return field.density_at_voxels()[:, 16, 16].detach() * field.voxel_size


def crossing(line: torch.Tensor) -> float:
    """Where a falling line passes `LEVEL`, in voxels."""
    last = int((line > LEVEL).nonzero().max())
    return last + float((line[last] - LEVEL) / (line[last] - line[last + 1]))


@pytest.mark.parametrize("factor", [2.0, 8.0])
def test_the_surface_stays_and_its_slopes_get_steeper(factor):
    field = hill()
    before = depths(field)
    sharpen(field, factor)
    after = depths(field)
    assert crossing(after) == pytest.approx(crossing(before), abs=0.3)
    fog, fog_before = (((line > 0.05) & (line < 1)).sum() for line in (after, before))
    assert fog < fog_before
    # Before the activation, where it is no line: the grid itself.
    scale = field.density_scale.exp()
    level = (torch.tensor(LEVEL / field.voxel_size).expm1().log() + 1) / scale
    expected = level + factor * (hill().density_grid - level)
    free = expected < level * 1.5
    torch.testing.assert_close(field.density_grid[free], expected[free])


def test_rays_at_the_rim_are_stopped_or_let_pass():
    def foggy(field: VoxelField) -> int:
        heights = torch.linspace(-0.8, 0.8, 400)
        origins = torch.stack([torch.full_like(heights, -2.0), torch.zeros_like(heights), heights], dim=1)
        rays = Rays(origins, torch.tensor([1.0, 0.0, 0.0]).expand(400, 3).contiguous(), 1, 400)
        opacity = render(field, rays).opacity
        return int(((opacity > 0.1) & (opacity < 0.9)).sum())

    field = hill()
    before = foggy(field)
    sharpen(field, 8.0)
    assert foggy(field) < before / 2


def test_haze_goes_and_nothing_gets_denser_than_opaque_but_what_was():
    field = hill()
    with torch.no_grad():
        field.density_grid[0, 0, 0, 0] = 0.0  # as a field begins
        field.density_grid[0, 16, 16, 16] = 1e4
    dense = field.density_at_voxels()[16, 16, 16].item()
    for _ in range(3):
        sharpen(field, 8.0)
    depth = field.density_at_voxels().detach() * field.voxel_size
    assert depth[0, 0, 0] < 1e-4
    assert depth[16, 16, 16].item() == pytest.approx(dense * field.voxel_size)
    assert depth.flatten().topk(2).values[1].item() == pytest.approx(OPAQUE, rel=1e-4)


def test_once_in_a_run_when_the_share_is_reached():
    o = OptimisationSpec(steps=10, sharpening=8.0, sharpening_start=0.75)
    assert [step for step in range(1, 16) if sharpens(o, step)] == [8]
    assert not any(sharpens(OptimisationSpec(steps=10), step) for step in range(16))
