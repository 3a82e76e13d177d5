"""What the viewport shows while a job runs: where the field is, in the colours that its model gives it."""

import numpy as np
import pytest
import torch

from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.results.live_field import HAZE, LARGEST, write_live_field
from sjc_blender.protocol.spec import IDENTITY

EXTENTS = (1.0, 0.75, 0.5)


@pytest.fixture
def field():
    """Give a field with a dense half (x > 0) of feature +1 beside a clear one."""
    made = VoxelField(EXTENTS, 80, 4)
    with torch.no_grad():
        made.density_grid.fill_(-20.0)
        made.density_grid[:, 40:] = 21.0
        made.feature_grid.zero_()
        made.feature_grid[0, 40:] = 1.0
        made.feature_grid[1] = 0.5
    return made


def live(path, field, sample, picture):
    write_live_field(path, field, IDENTITY, sample, picture)
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def decoded(sample):
    """A decoder that is linear: what the fit is to find."""
    red = 0.5 + 0.25 * sample[0]
    return torch.stack([red, 0.5 * torch.ones_like(red), 0.25 + 0.1 * sample[1]])


def test_it_is_the_field_in_fewer_voxels(tmp_path, field):
    sample = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(0))
    arrays = live(tmp_path / "live.npz", field, sample, decoded(sample))
    assert arrays["density"].shape == (LARGEST, 30, 20)
    assert arrays["rgb"].shape == (LARGEST, 30, 20, 3)
    assert arrays["half_extents"] == pytest.approx(EXTENTS)
    assert arrays["voxel_size"] == pytest.approx(2 / LARGEST)
    assert (arrays["density"][:20] == 0).all(), "the clear half is clear"
    assert arrays["density"][20:] == pytest.approx(20.0, abs=0.01)
    assert (tmp_path / "live.npz").stat().st_size < 500_000


def test_its_colours_are_those_of_the_decoder(tmp_path, field):
    sample = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.interpolate(decoded(sample)[None], scale_factor=4)[0]
    arrays = live(tmp_path / "live.npz", field, sample, picture)
    srgb = np.array([0.75, 0.5, 0.3])
    linear = ((srgb + 0.055) / 1.055) ** 2.4
    assert arrays["rgb"][30, 15, 10] == pytest.approx(linear, abs=0.01)


def test_a_picture_of_one_colour_gives_that_colour(tmp_path, field):
    picture = torch.full((3, 16, 16), 0.5)
    arrays = live(tmp_path / "live.npz", field, torch.zeros(4, 16, 16), picture)
    assert arrays["rgb"].astype(np.float32) == pytest.approx(((0.5 + 0.055) / 1.055) ** 2.4, abs=0.01)


def test_the_haze_of_the_beginning_is_left_out(tmp_path):
    field = VoxelField((1.0, 1.0, 1.0), 20, 4)
    assert 0.3 < float(field.density_at_voxels().detach().max()) < HAZE
    arrays = live(tmp_path / "live.npz", field, torch.zeros(4, 8, 8), torch.zeros(3, 8, 8))
    assert not arrays["density"].any()
    assert arrays["density"].shape == (20, 20, 20), "never finer than the field"
