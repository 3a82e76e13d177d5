"""A coarse shape: the density starts as it and is held to it as closely as wanted; a job takes it from its folder."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional

from sjc_blender.engine import checkpoint
from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.job import run_job
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.occupancy_file import read_occupancy
from sjc_blender.engine.radiance.proxy import HALFWAY, INSIDE, OUTSIDE, THICKNESS, Proxy, surface_distance
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.proxy import occupancy_digest
from sjc_blender.protocol.spec import CLOSE, ProxySpec

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
    def make(resolution, looseness=0.0):
        filled = shape_in(resolution)
        path = tmp_path / "proxy.npz"
        np.savez_compressed(path, version=1, occupancy=filled)
        return path, ProxySpec(occupancy_digest(filled.shape, filled.tobytes()), looseness)

    return make


def started(path, proxy, resolution=32):
    field = VoxelField(BOX, resolution, 4, generator=torch.Generator().manual_seed(0))
    Proxy(read_occupancy(path, proxy.digest), proxy.looseness).start(field)
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


def test_looseness_goes_from_the_shape_to_the_usual_start(proxy):
    plain = VoxelField(BOX, 32, 4, generator=torch.Generator().manual_seed(0))
    full, half, least = (started(*proxy(32, looseness)) for looseness in (0.0, 0.5, 0.999))
    assert torch.equal(full.feature_grid, plain.feature_grid)
    assert torch.allclose(half.density_grid * 2, full.density_grid)
    assert torch.allclose(least.density_grid, plain.density_grid, atol=0.02)


def random_field(resolution=8, box=BOX):
    field = VoxelField(box, resolution, 1).double()
    with torch.no_grad():
        field.density_grid.copy_(3 * torch.randn(field.density_grid.shape, generator=torch.Generator().manual_seed(1)))
        field.density_scale.fill_(0.3)
    return field


@pytest.mark.parametrize("looseness", [0.0, 0.3, 0.8])
def test_the_loss_is_the_weighted_cross_entropy_of_opacity_and_shape(looseness):
    field = random_field()
    filled = torch.from_numpy(shape_in(8))
    density = field.density_at_voxels().detach().requires_grad_()
    opacity = 1 - torch.exp(-THICKNESS * density)
    entropy = functional.binary_cross_entropy(opacity, filled.double(), reduction="none")
    # The distance by looking at every pair of voxels.
    centre = torch.from_numpy(centres(filled.shape)).view(-1, 3)
    apart = torch.cdist(centre, centre)
    solid = filled.flatten() > 0
    nearest = torch.where(solid[None] != solid[:, None], apart, torch.inf).min(dim=1).values.view(filled.shape)
    outside = torch.stack([BOX[i] - centre[:, i].abs() for i in range(3)]).min(0).values.view(filled.shape)
    distance = torch.where(filled > 0, torch.minimum(nearest - 0.125, outside), nearest - 0.125)
    sigma = HALFWAY * looseness / (1 - looseness)
    weight = 1 - torch.exp(-(distance**2) / (2 * sigma**2)) if sigma else torch.ones_like(distance)
    expected = (weight * entropy).mean()
    shape = Proxy(filled, looseness)
    found = shape.loss(field.float())
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    # Its slope in the density: t w outside, -t w / (exp(t sigma) - 1) inside.
    expected.backward()
    slope = torch.where(filled > 0, -1 / torch.expm1(THICKNESS * density), torch.ones_like(density))
    torch.testing.assert_close(density.grad, slope.detach() * weight * THICKNESS / density.numel())
    found.backward()
    raw = field.density_grid.detach()
    through = torch.sigmoid(raw * field.density_scale.exp() - 1).detach() * field.density_scale.exp().detach()
    torch.testing.assert_close(field.density_grid.grad[0], (density.grad * through[0]).float(), rtol=1e-4, atol=1e-8)


def test_the_slope_of_the_loss_is_that_of_finite_differences():
    field, shape = random_field().float(), Proxy(torch.from_numpy(shape_in(8)), 0.4)
    shape.loss(field).backward()
    step = 0.02
    for parameter, place in [
        (field.density_grid, (0, 4, 2, 1)),
        (field.density_grid, (0, 0, 0, 5)),
        (field.density_scale, ()),
    ]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[place] += sign * step
                values.append(shape.loss(field).item())
                parameter[place] -= sign * step
        assert parameter.grad[place].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=0.02, abs=2e-6)


def test_where_there_is_no_density_at_all_the_loss_has_a_bound_and_a_slope():
    field, shape = VoxelField(BOX, 8, 1), Proxy(torch.from_numpy(shape_in(8)), 0.4)
    with torch.no_grad():
        field.density_grid.fill_(-1e4)
    value = shape.loss(field)
    value.backward()
    assert value.isfinite() and field.density_grid.grad.isfinite().all()


def test_the_loss_is_the_same_on_a_finer_grid():
    shape = Proxy(torch.from_numpy(shape_in(32)), 0.5)
    coarse, fine = (shape.loss(VoxelField(BOX, resolution, 1)).item() for resolution in (32, 64))
    assert fine == pytest.approx(coarse, rel=0.03)


@pytest.mark.parametrize("radius", [0.3, 0.6])
def test_the_distance_is_that_of_a_ball(radius):
    radii = np.linalg.norm(centres((64, 64, 64)), axis=-1)
    found = surface_distance(torch.from_numpy((radii < radius).astype(np.float32))).numpy()
    voxels_off = float(np.abs(found - np.abs(radii - radius)).max()) * 32
    assert voxels_off < 0.75


def test_a_shape_that_fills_the_box_ends_at_its_sides():
    found = surface_distance(torch.ones(8, 4, 6))
    assert found[0, 0, 0] == 0.125 and found[4, 1, 3] == 0.375


def test_another_shape_than_the_jobs_own_is_refused(proxy, tmp_path):
    path, spec = proxy(32)
    with pytest.raises(SjcError) as caught:
        started(path, ProxySpec("0" * 64))
    assert caught.value.code == "proxy_changed" and "proxy" in caught.value.hint
    path.write_bytes(b"no archive")
    with pytest.raises(SjcError) as caught:
        started(path, spec)
    assert caught.value.code == "proxy_missing"
    with pytest.raises(SjcError, match="cannot be read"):
        started(tmp_path / "gone.npz", spec)


@pytest.fixture
def tiny_job(tiny_pipeline):
    def make(**field):
        return presets.new_job(
            "a red chair",
            model=str(tiny_pipeline("v_prediction")),
            domain={"half_extents": BOX},
            field={"resolution": 12, **field},
            optimisation={"steps": 6, "guidance_scale": 1, "checkpoint_every": 100},
            outputs={"mesh": False, "colour_views": 4},
        )

    return make


@pytest.mark.parametrize("stages", [(), ((0.0, 8), (0.6, 12))])
def test_a_job_starts_from_its_folders_shape_and_goes_on_bit_by_bit(proxy, tiny_job, tmp_path, stages):
    path, shape = proxy(12)
    spec = tiny_job(proxy=shape, stages=stages)

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
    inside, outside = float(density[filled].mean()), float(density[~filled].mean())
    assert inside > outside + 2


def test_a_shape_that_is_not_kept_to_at_all_changes_nothing(proxy, tiny_job, tmp_path):
    path, shape = proxy(12, looseness=1.0)
    loose, without = (
        JobFolder.create(tmp_path / name, tiny_job(**field)) for name, field in (("a", {"proxy": shape}), ("b", {}))
    )
    loose.proxy.write_bytes(path.read_bytes())
    ends = []
    for folder in (loose, without):
        run_job(folder, lambda event: None, lambda: False)
        ends.append(checkpoint.load(folder.checkpoint, folder.read_spec())[1])
    assert ends[0].keys() == ends[1].keys()
    assert all(
        a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(ends[0].values(), ends[1].values(), strict=True)
    )


@pytest.mark.parametrize(("looseness", "grows"), [(0.0, False), (0.1, False), (CLOSE, True)])
def test_nothing_grows_outside_a_shape_that_is_kept_to_closely(looseness, grows):
    field, filled = VoxelField(BOX, 8, 4), torch.from_numpy(shape_in(8)) > 0
    with torch.no_grad():
        field.density_grid.fill_(3.0)
        field.density_scale.fill_(0.3)
    before = field.density_at_voxels().detach()
    Proxy(filled, looseness).confine(field)
    density = field.density_at_voxels().detach()
    assert torch.equal(density[filled], before[filled])
    assert (density[~filled] > OUTSIDE * 1.001).all() == grows
    assert (density[~filled] <= OUTSIDE * 1.001).all() != grows


def test_a_tighter_hold_keeps_nearer_to_the_shape(proxy, tiny_job, tmp_path):
    """With a network of noise, which would have anything else."""
    path, shape = proxy(12)
    losses = []
    for looseness in (0.0, 0.5, 0.9):
        told = []
        folder = JobFolder.create(
            tmp_path / str(looseness), tiny_job(proxy=dataclasses.replace(shape, looseness=looseness))
        )
        folder.proxy.write_bytes(path.read_bytes())
        run_job(folder, told.append, lambda: False)
        density = checkpoint.load(folder.checkpoint, folder.read_spec())[1]["field.density_grid"]
        field = VoxelField(BOX, 12, 4)
        with torch.no_grad():
            field.density_grid.copy_(density)
        losses.append(Proxy(read_occupancy(path, shape.digest), 0.0).loss(field).item())
    assert losses == sorted(losses) and losses[2] > 1.5 * losses[0]


def test_objects_in_the_file_are_never_unpickled(tmp_path):
    path = tmp_path / "proxy.npz"
    np.savez(path, occupancy=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SjcError, match="cannot be read"):
        started(path, ProxySpec("0" * 64))
