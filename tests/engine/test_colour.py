"""Latents become RGB: a known object comes back in its colours, on every side."""

import math

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.image_files.srgb import from_linear, to_linear
from sjc_blender.engine.results import colour
from sjc_blender.engine.results.colour import fit_colour
from sjc_blender.protocol.errors import SjcError
from tests.engine.analytic_objects import LatentField, LinearModel, ball, octant_srgb, voxel_centres

SHAPE = (24, 24, 24)
VOXEL = 2.0 / 24
RADIUS = 0.6
BACKGROUND = torch.tensor([0.6, 0.5, 0.4])
CAMERAS = [orbit_camera(index * 137.508, -60.0 + 120.0 * (index + 0.5) / 14, 2.2, 55.0) for index in range(14)]


def _field(model: LinearModel, density: torch.Tensor | None = None) -> LatentField:
    latents = model.latents(octant_srgb(voxel_centres(SHAPE)))
    return LatentField(ball(SHAPE, RADIUS) if density is None else density, latents, model.latents(BACKGROUND))


@pytest.mark.parametrize(("sample_size", "scale"), [(32, 1), (24, 3)], ids=["small views", "large decoded views"])
def test_a_coloured_ball_comes_back_in_its_colours_on_all_sides(sample_size: int, scale: int) -> None:
    model = LinearModel(sample_size, scale)
    fit = fit_colour(_field(model), model, CAMERAS)

    points = voxel_centres(SHAPE)
    distance = points.norm(dim=-1)
    # The voxels a mesh reads: those around the surface, away from where two colours meet.
    surface = ((distance - RADIUS).abs() < VOXEL) & (points.abs() > 0.15).all(dim=-1)
    difference = (from_linear(fit.grid.rgb_grid) - octant_srgb(points)).abs()
    for octant in range(8):
        signs = torch.tensor([1.0 if octant >> axis & 1 else -1.0 for axis in range(3)])
        here = surface & (points * signs > 0).all(dim=-1)
        assert float(difference[here].mean()) < 0.05, f"octant {signs.tolist()}"
    assert fit.psnr > 27.0  # what the coarse views leave possible
    torch.testing.assert_close(fit.grid.background_rgb, to_linear(BACKGROUND), atol=0.01, rtol=0)


def test_no_voxel_near_the_surface_or_inside_is_black() -> None:
    model = LinearModel(24)
    fit = fit_colour(_field(model), model, CAMERAS)
    # The darkest channel of the ball is 0.25 in sRGB; the middle of the ball is seen by no camera.
    within = voxel_centres(SHAPE).norm(dim=-1) < RADIUS + VOXEL
    assert float(from_linear(fit.grid.rgb_grid[within]).min()) > 0.12


def test_sides_no_camera_sees_take_the_colour_beside_them() -> None:
    model = LinearModel(24)
    from_above = [orbit_camera(azimuth, 50.0, 2.2, 55.0) for azimuth in range(0, 360, 60)]
    green = model.latents(torch.tensor([0.2, 0.8, 0.3]).expand(*SHAPE, 3))
    field = LatentField(ball(SHAPE, RADIUS), green, model.latents(BACKGROUND))
    fit = fit_colour(field, model, from_above)
    bottom = from_linear(fit.grid.rgb_grid[12, 12, 5])  # the lowest voxels of the ball
    torch.testing.assert_close(bottom, torch.tensor([0.2, 0.8, 0.3]), atol=0.1, rtol=0)


def test_haze_and_floaters_are_gone_and_the_density_is_the_cleaned_one() -> None:
    model = LinearModel(24)
    solid = ball(SHAPE, RADIUS)
    hazy = solid.clamp(min=math.log1p(math.exp(-1.0)))
    hazy[1, 1, 1] = 300.0
    fit = fit_colour(_field(model, hazy), model, CAMERAS)
    away = voxel_centres(SHAPE).norm(dim=-1) > RADIUS + VOXEL
    assert float(fit.grid.density_grid[away].max()) == 0.0
    inside = solid > 10.0
    torch.testing.assert_close(fit.grid.density_grid[inside], solid[inside])


def test_an_object_that_fills_the_view_finds_its_background_too() -> None:
    model = LinearModel(24)
    cameras = [orbit_camera(azimuth, 10.0, 2.2, 20.0) for azimuth in range(0, 360, 60)]
    fit = fit_colour(_field(model, ball(SHAPE, 0.9)), model, cameras)
    torch.testing.assert_close(fit.grid.background_rgb, to_linear(BACKGROUND), atol=0.01, rtol=0)


def test_an_empty_field_is_told() -> None:
    model = LinearModel(16)
    with pytest.raises(SjcError) as told:
        fit_colour(_field(model, torch.full(SHAPE, 1e-3)), model, CAMERAS[:4])
    assert told.value.code == "empty_field"
    assert told.value.hint


def test_a_limited_share_of_the_pixels_gives_nearly_the_same_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LinearModel(24)
    whole = fit_colour(_field(model), model, CAMERAS).grid
    limits = {"MOST_PIXELS": 14 * 24 * 24 // 2, "MOST_ENTRIES": 40_000}
    for name, limit in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(colour, name, limit)
            part = fit_colour(_field(model), model, CAMERAS).grid
        surface = (voxel_centres(SHAPE).norm(dim=-1) - RADIUS).abs() < VOXEL
        assert 0.0 < float((part.rgb_grid - whole.rgb_grid)[surface].abs().mean()) < 0.03
