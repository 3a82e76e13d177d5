"""The voxel field: what it starts as, what lies between voxels, what the optimiser gets."""

import math

import pytest
import torch

from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.protocol.errors import SjcError


def softplus(x):
    return math.log1p(math.exp(x))


def centres(field):
    axes = (
        -h + (torch.arange(n) + 0.5) * field.voxel_size for h, n in zip(field.half_extents, field.shape, strict=True)
    )
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def random_field(**options):
    field = VoxelField((1.0, 0.5, 0.3), 10, 4, generator=torch.Generator().manual_seed(1), **options)
    with torch.no_grad():
        field.density_grid.copy_(torch.randn(field.density_grid.shape, generator=torch.Generator().manual_seed(2)))
        field.density_scale.fill_(0.7)
    return field


def test_voxels_are_cubes_along_x_y_and_z():
    field = VoxelField((1.0, 0.5, 0.3), 10, 4)
    assert field.shape == (10, 5, 3)
    assert field.density_at_voxels().shape == (10, 5, 3)
    assert field.features_at_voxels().shape == (10, 5, 3, 4)
    assert field.voxel_size == pytest.approx(0.2)
    torch.testing.assert_close(field.half_extents, torch.tensor([1.0, 0.5, 0.3]))


def test_a_box_that_is_no_whole_number_of_voxels_is_rounded_to_one():
    field = VoxelField((1.0, 0.33, 0.01), 8, 3)
    assert field.shape == (8, 3, 1)
    torch.testing.assert_close(field.half_extents, torch.tensor([1.0, 0.375, 0.125]))


def test_the_start_is_a_haze_in_the_box_and_nothing_outside():
    field = VoxelField((1.0, 1.0, 0.5), 8, 4)
    inside = field.density(torch.tensor([[0.0, 0, 0], [0.99, -0.99, 0.49], [1.0, 0, 0]]))
    torch.testing.assert_close(inside, torch.full((3,), 0.31326169))
    outside = field.density(torch.tensor([[1.001, 0, 0], [0, -1.1, 0], [0, 0, 0.51], [0, 0, -7.0]]))
    assert (outside == 0).all()


def test_density_at_a_voxel_centre_is_the_published_activation_of_that_voxel():
    field = random_field()
    i, j, k = 7, 1, 2
    expected = softplus(field.density_grid[0, i, j, k].item() * math.exp(0.7) - 1)
    assert field.density(centres(field)[i, j, k][None]).item() == pytest.approx(expected, rel=1e-5)
    assert field.density_at_voxels()[i, j, k].item() == pytest.approx(expected, rel=1e-6)


def test_voxels_are_where_the_grid_of_results_says():
    field = random_field()
    points = centres(field).reshape(-1, 3)
    torch.testing.assert_close(field.density(points).view(field.shape), field.density_at_voxels())
    torch.testing.assert_close(field.features(points).view(*field.shape, 4), field.features_at_voxels())


def test_between_voxels_the_grid_is_interpolated_before_it_is_activated():
    field = random_field()
    a, b = field.density_grid[0, 4, 2, 1].item(), field.density_grid[0, 4, 3, 1].item()
    middle = (centres(field)[4, 2, 1] + centres(field)[4, 3, 1]) / 2
    expected = softplus((a + b) / 2 * math.exp(0.7) - 1)
    assert field.density(middle[None]).item() == pytest.approx(expected, rel=1e-5)


def test_a_linear_ramp_is_interpolated_exactly_along_each_axis():
    field = VoxelField((1.0, 0.5, 0.3), 10, 3)
    with torch.no_grad():
        field.feature_grid.copy_((centres(field) * torch.tensor([1.0, 2.0, -3.0])).movedim(-1, 0))
    points = (torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1) * torch.tensor([0.9, 0.4, 0.2])
    torch.testing.assert_close(field.features(points), points * torch.tensor([1.0, 2.0, -3.0]))


def test_the_outer_half_voxel_keeps_the_outermost_value():
    field = random_field()
    corner = field.half_extents[None]
    torch.testing.assert_close(field.density(corner * 0.9999)[0], field.density_at_voxels()[-1, -1, -1])
    torch.testing.assert_close(field.features(-corner * 0.9999)[0], field.features_at_voxels()[0, 0, 0])


def test_pixel_space_features_and_background_are_colours_between_minus_1_and_1():
    field = random_field(pixel_space=True, background=(0.0, math.log(3.0), -50.0, 50.0))
    raw = field.feature_grid[:, 3, 2, 1]
    expected = torch.tensor([(1 - math.exp(-f)) / (1 + math.exp(-f)) for f in raw.tolist()])
    torch.testing.assert_close(field.features(centres(field)[3, 2, 1][None])[0], expected)
    torch.testing.assert_close(field.features_at_voxels()[3, 2, 1], expected)
    torch.testing.assert_close(field.background(torch.eye(3)), torch.tensor([0.0, 0.5, -1.0, 1.0]).expand(3, 4))


def test_features_start_as_the_generator_says():
    first, second = random_field(), random_field()
    assert torch.equal(first.feature_grid, second.feature_grid)
    wide = VoxelField((1, 1, 1), 32, 4, feature_std=2.5, generator=torch.Generator().manual_seed(0))
    assert wide.feature_grid.std().item() == pytest.approx(2.5, rel=0.01)
    assert (VoxelField((1, 1, 1), 4, 4, feature_std=0.0).feature_grid == 0).all()


def test_the_background_starts_where_it_is_told():
    directions = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert (VoxelField((1, 1, 1), 4, 3).background(directions) == 0).all()
    field = VoxelField((1, 1, 1), 4, 3, background=(0.1, -0.2, 3.0))
    torch.testing.assert_close(field.background(directions), torch.tensor([0.1, -0.2, 3.0]).expand(50, 3))


def test_a_background_of_the_wrong_length_is_named():
    with pytest.raises(SjcError, match=r"field\.background has 3 values.*4 channels") as caught:
        VoxelField((1, 1, 1), 4, 4, background=(1.0, 1.0, 1.0))
    assert caught.value.code == "invalid_background"


def test_every_parameter_is_in_one_group_and_the_background_learns_at_its_own_rate():
    field = VoxelField((1, 1, 1), 4, 4)
    voxels, background = field.parameter_groups(0.05, 1e-4)
    assert (voxels["lr"], background["lr"]) == (0.05, 1e-4)
    assert background["params"] == [field.background_texture.texels]
    grouped = [id(parameter) for group in (voxels, background) for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in field.parameters())


def test_a_checkpoint_of_a_field_holds_its_parameters_and_nothing_else():
    field = VoxelField((1, 1, 1), 4, 4)
    assert set(field.state_dict()) == {name for name, _ in field.named_parameters()}


def radiance_grid():
    generator = torch.Generator().manual_seed(3)
    return RadianceGrid(
        density_grid=torch.rand(6, 3, 2, generator=generator),
        rgb_grid=torch.rand(6, 3, 2, 3, generator=generator),
        half_extents=torch.tensor([1.0, 0.5, 1 / 3]),
        background_rgb=torch.tensor([0.1, 0.2, 0.3]),
    )


def test_a_result_is_interpolated_as_it_is_activated_as_in_blender():
    grid = radiance_grid()
    assert grid.voxel_size == pytest.approx(1 / 3)
    points = centres(grid)
    middle = ((points[2, 1, 0] + points[3, 1, 0]) / 2)[None]
    torch.testing.assert_close(grid.density(middle)[0], (grid.density_grid[2, 1, 0] + grid.density_grid[3, 1, 0]) / 2)
    torch.testing.assert_close(grid.features(middle)[0], (grid.rgb_grid[2, 1, 0] + grid.rgb_grid[3, 1, 0]) / 2)
    torch.testing.assert_close(grid.features(points.reshape(-1, 3)), grid.rgb_grid.reshape(-1, 3))
    assert grid.density(torch.tensor([[0.0, 0.51, 0.0]])).item() == 0
    torch.testing.assert_close(grid.background(torch.eye(3)[:2]), torch.tensor([[0.1, 0.2, 0.3]] * 2))
