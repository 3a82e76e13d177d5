"""The background texture: no seam, no pinched pole, the poles up and down."""

import math

import pytest
import torch

from sjc_blender.engine.radiance.background import COLUMNS, ROWS, LatLongTexture


def direction(longitude, latitude):
    a, e = math.radians(longitude), math.radians(latitude)
    return torch.tensor([[math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]], dtype=torch.float64)


@pytest.fixture
def texture():
    texture = LatLongTexture(3, (0.0, 0.0, 0.0)).double()
    with torch.no_grad():
        texture.texels.copy_(torch.randn(texture.texels.shape, generator=torch.Generator().manual_seed(0)))
    return texture


def at(texture, longitude, latitude):
    return texture(direction(longitude, latitude))[0]


def test_a_texel_centre_shows_that_texel(texture):
    for row, latitude in enumerate((67.5, 22.5, -22.5, -67.5)):
        for column, longitude in enumerate((0, 90, 180, 270)):
            expected = texture.texels[row * COLUMNS + column]
            torch.testing.assert_close(at(texture, longitude, latitude), expected)


def test_half_way_between_texels_is_their_mean(texture):
    rows = texture.texels.view(ROWS, COLUMNS, 3)
    torch.testing.assert_close(at(texture, 45, 22.5), (rows[1, 0] + rows[1, 1]) / 2)
    torch.testing.assert_close(at(texture, 90, 0), (rows[1, 1] + rows[2, 1]) / 2)


def test_the_last_column_meets_the_first(texture):
    rows = texture.texels.view(ROWS, COLUMNS, 3)
    torch.testing.assert_close(at(texture, -45, 22.5), (rows[1, 3] + rows[1, 0]) / 2)


@pytest.mark.parametrize(("latitude", "row"), [(90, 0), (-90, 3)])
def test_at_a_pole_all_longitudes_agree(texture, latitude, row):
    mean = texture.texels.view(ROWS, COLUMNS, 3)[row].mean(dim=0)
    torch.testing.assert_close(texture(torch.tensor([[0.0, 0.0, math.copysign(1, latitude)]]).double())[0], mean)
    for longitude in (0, 45, 100, 180, 271):
        torch.testing.assert_close(at(texture, longitude, latitude * (1 - 1e-9)), mean, rtol=0, atol=1e-6)


def test_there_is_no_jump_anywhere(texture):
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    directions[:5000, 1] = 0  # where longitude starts and ends
    directions[5000:10_000, :2] *= 1e-3  # around the poles
    directions /= directions.norm(dim=1, keepdim=True)
    nudge = 1e-6 * torch.randn(20_000, 3, generator=generator, dtype=torch.float64)
    jump = (texture(directions + nudge) - texture(directions - nudge)).abs().max()
    assert jump < 1e-4


def test_weights_sum_to_one_and_have_the_colour_of_the_start():
    texture = LatLongTexture(2, (0.25, -3.0))
    directions = torch.randn(1000, 3, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(texture(directions), torch.tensor([0.25, -3.0]).expand(1000, 2))


def test_only_the_direction_counts_not_its_length(texture):
    directions = torch.randn(20, 3, generator=torch.Generator().manual_seed(2)).double()
    torch.testing.assert_close(texture(directions), texture(7 * directions))
