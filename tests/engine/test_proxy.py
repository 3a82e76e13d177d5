"""A coarse shape as the start: the density has it, its strength counts, and a job takes it from its folder."""

import numpy as np
import pytest
import torch

from sjc_blender.engine import checkpoint
from sjc_blender.engine.job import run_job
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.proxy import INSIDE, OUTSIDE, start_from_proxy
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.viewpoints import orbit_camera
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.proxy import occupancy_digest
from sjc_blender.protocol.spec import ProxySpec

BOX = (1.0, 0.5, 0.75)


def centres(shape):
    axes = [(np.arange(n) + 0.5) * 2 / max(shape) - n / max(shape) for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def shape_in(resolution):
    """A block with a tower at one end, so that a turned or mirrored start fails."""
    p = centres([round(h * resolution) for h in BOX])
    # Its faces lie between voxels of either resolution.
    block = (np.abs(p - (0.0, 0.0, -0.375)) < (0.6875, 0.3125, 0.1875)).all(-1)
    tower = (np.abs(p - (0.4375, 0.0, 0.125)) < (0.25, 0.1875, 0.3125)).all(-1)
    return (block | tower).astype(np.uint8)


@pytest.fixture
def proxy(tmp_path):
    def make(resolution, strength=1.0):
        filled = shape_in(resolution)
        path = tmp_path / "proxy.npz"
        np.savez_compressed(path, version=1, occupancy=filled)
        return path, ProxySpec(occupancy_digest(filled.shape, filled.tobytes()), strength)

    return make


def started(path, proxy, resolution=32):
    field = VoxelField(BOX, resolution, 4, generator=torch.Generator().manual_seed(0))
    start_from_proxy(field, path, proxy)
    return field


@pytest.mark.parametrize("laid_at", [32, 64])
def test_the_density_has_the_shape_at_its_own_and_at_another_resolution(proxy, laid_at):
    density = started(*proxy(laid_at)).density_at_voxels().detach().numpy()
    solid, expected = density > INSIDE / 2, shape_in(32).astype(bool)
    assert (solid & expected).sum() / (solid | expected).sum() > 0.9
    assert density.max() == pytest.approx(INSIDE, rel=0.02)
    assert density.min() == pytest.approx(OUTSIDE, rel=0.02)


def test_a_start_shows_the_silhouette_of_the_shape(proxy):
    field = started(*proxy(32))
    solid = torch.from_numpy(shape_in(32)).float()
    for azimuth in (0.0, 70.0, 200.0):
        camera = orbit_camera(azimuth, 20.0, 2.5, 50.0)
        rays = camera_rays(camera, 48, 48)
        seen = render(field, rays).opacity.detach() > 0.5
        # Where the ray meets the shape: points along it, looked up in the occupancy.
        along = rays.origins[:, None] + rays.directions[:, None] * torch.linspace(1.0, 4.0, 400)[None, :, None]
        index = ((along + torch.tensor(BOX)) * 16).floor().long()
        inside = ((index >= 0) & (index < torch.tensor(solid.shape))).all(-1)
        i, j, k = index.clamp(torch.zeros(3, dtype=torch.long), torch.tensor(solid.shape) - 1).unbind(-1)
        hit = ((solid[i, j, k] > 0) & inside).sum(1).reshape(48, 48) > 12
        assert (seen & hit).sum() / (seen | hit).sum() > 0.85


def test_strength_goes_from_the_usual_start_to_the_shape(proxy):
    plain = VoxelField(BOX, 32, 4, generator=torch.Generator().manual_seed(0))
    none, half, full = (started(*proxy(32, strength)) for strength in (0.0, 0.5, 1.0))
    assert torch.equal(none.density_grid, plain.density_grid)
    assert torch.equal(full.feature_grid, plain.feature_grid)
    assert torch.allclose(half.density_grid * 2, full.density_grid)


def test_another_shape_than_the_jobs_own_is_refused(proxy, tmp_path):
    path, spec = proxy(32)
    with pytest.raises(SjcError) as caught:
        started(path, ProxySpec("0" * 64))
    assert caught.value.code == "proxy_changed"
    path.write_bytes(b"no archive")
    with pytest.raises(SjcError) as caught:
        started(path, spec)
    assert caught.value.code == "proxy_missing"
    with pytest.raises(SjcError, match="cannot be read"):
        started(tmp_path / "gone.npz", spec)


def test_a_job_starts_from_its_folders_shape_and_goes_on_bit_by_bit(proxy, tiny_pipeline, tmp_path):
    path, shape = proxy(12)
    spec = presets.new_job(
        "a red chair",
        model=str(tiny_pipeline("v_prediction")),
        domain={"half_extents": BOX},
        field={"resolution": 12, "proxy": shape},
        optimisation={"steps": 6, "guidance_scale": 1, "checkpoint_every": 100},
        outputs={"mesh": False, "colour_views": 4},
    )

    def folder(name):
        made = JobFolder.create(tmp_path / name, spec)
        made.proxy.write_bytes(path.read_bytes())
        return made

    def end(name, *stops):
        made, steps = folder(name), iter([*stops, *[False] * 20])
        run_job(made, lambda event: None, lambda: next(steps))
        return made

    whole = end("whole")
    stopped = end("stopped", False, False, True)
    assert checkpoint.load(stopped.checkpoint, spec)[0] == 3
    run_job(stopped, lambda event: None, lambda: False)
    assert stopped.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    density = checkpoint.load(whole.checkpoint, spec)[1]["field.density_grid"][0]
    filled = torch.from_numpy(shape_in(12)).bool()
    assert density[filled].mean() > density[~filled].mean() + 3


def test_objects_in_the_file_are_never_unpickled(tmp_path):
    path = tmp_path / "proxy.npz"
    np.savez(path, occupancy=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SjcError, match="cannot be read"):
        started(path, ProxySpec("0" * 64))
