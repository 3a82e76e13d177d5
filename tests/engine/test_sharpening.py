"""Sharpening: where a surface stays, what gets steeper, and when."""

import math

import pytest
import torch

from sjc_blender.engine.optimisation.schedules import sharpens
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import Rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.radiance.sharpening import LEVEL, OPAQUE, SOLID, sharpen, usual_density
from sjc_blender.protocol import presets
from sjc_blender.protocol.spec import ProxySpec


def hill(height: float = 20.0) -> VoxelField:
    """A ball with soft slopes: its density rises to `height` within 0.25 of the radius 0.5, and stays there."""
    field = VoxelField((1, 1, 1), 32, 4)
    axis = (torch.arange(32) + 0.5) * field.voxel_size - 1
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).norm(dim=0)
    with torch.no_grad():
        field.density_scale.fill_(0.3)
        field.density_grid[0] = height * ((0.5 - radius) / 0.25 + 0.5).clamp(-1, 1) / math.exp(0.3)
    return field


def line(field: VoxelField) -> torch.Tensor:
    """What becomes the density of the voxels on the line through the middle, along x."""
    return field.raw_density_grid()[0, :, 16, 16].detach()


def crossing(values: torch.Tensor, density: float) -> float:
    """Where a falling line passes the value of a density, in voxels."""
    level = math.log(math.expm1(density)) + 1
    last = int((values > level).nonzero().max())
    return last + float((values[last] - level) / (values[last] - values[last + 1]))


def test_the_usual_density_is_that_of_the_object_in_haze_too():
    density = torch.full((40, 40, 40), 0.05)
    density[10:20, 10:20, 10:20] = 30.0
    assert float(usual_density(density)) == pytest.approx(30.0, rel=0.1)
    assert float(usual_density(torch.zeros(3))) == 0


@pytest.mark.parametrize("factor", [2.0, 8.0])
@pytest.mark.parametrize("height", [5.0, 20.0])
def test_the_surface_stays_and_its_slopes_get_steeper(factor, height):
    field = hill(height)
    before, slope = line(field), field.density_grid.detach().diff(dim=1)
    level = LEVEL * float(usual_density(field.density_at_voxels().detach().clamp(max=SOLID / field.voxel_size)))
    sharpen(field, factor)
    after, steeper = line(field), field.density_grid.detach().diff(dim=1)
    assert crossing(after, level) == pytest.approx(crossing(before, level), abs=1e-3)
    at = int(crossing(before, level))
    assert float(steeper[0, at, 16, 16] / slope[0, at, 16, 16]) == pytest.approx(factor, rel=1e-4)


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
        field.density_grid[0, 16, 16, 16] = 600.0
    dense = field.density_at_voxels()[16, 16, 16].item()
    sharpen(field, 100.0)
    depth = field.density_at_voxels().detach() * field.voxel_size
    assert depth[0, 0, 0] < 1e-4
    assert depth[16, 16, 16].item() == pytest.approx(dense * field.voxel_size)
    assert depth.flatten().topk(2).values[1].item() == pytest.approx(OPAQUE, rel=1e-4)


def test_what_is_new_beside_what_was_sharpened_before_stays():
    field = hill(20.0)
    new = torch.zeros(32, 32, 32, dtype=torch.bool)
    new[:16] = True
    with torch.no_grad():
        field.density_grid[0, 16:] *= 8  # to be kept
    before = line(field)[:16]
    level = LEVEL * float(usual_density(hill(20.0).density_at_voxels().detach()))
    sharpen(field, 8.0, new)
    after = line(field)[:16]
    inside = before > math.log(math.expm1(level)) + 1
    assert inside.sum() > 5 and (after[inside] >= before[inside]).all()


def test_a_field_that_is_haze_all_over_is_not_wiped_out():
    field = VoxelField((1, 1, 1), 8, 4)
    sharpen(field, 8.0)
    assert (field.density_at_voxels() > 0.3).all()


def test_once_in_a_run_when_the_share_is_reached():
    def steps(optimisation, **field):
        spec = presets.new_job("a chair", optimisation={"steps": 10, **optimisation}, field=field)
        return [step for step in range(1, 16) if sharpens(spec, step)]

    late = {"sharpening": 8.0, "sharpening_start": 0.75}
    assert steps(late) == [8]
    assert steps({"sharpening": 1.0}) == []
    # A proxy's run begins half way: at its first step where that was before.
    half = ProxySpec("0" * 64, 0.5)
    assert steps(late, proxy=half) == [5]
    assert steps(late | {"sharpening_start": 0.3}, proxy=half) == [1]
