"""Which losses a step has, how they are weighed, and from when on."""

import pytest
import torch

from sjc_blender.engine.cameras.viewpoints import orbit_camera
from sjc_blender.engine.optimisation.distortion import distortion
from sjc_blender.engine.optimisation.loss_unit import LossUnit
from sjc_blender.engine.optimisation.losses import emptiness, reference_samples_per_ray
from sjc_blender.engine.optimisation.regularisation import regularisation
from sjc_blender.engine.optimisation.total_variation import total_variation
from sjc_blender.engine.radiance.field import VoxelField
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.protocol import presets

BEFORE, AFTER = 0.49, 0.5
PLAIN = LossUnit(1.0, 1.0, 1.0, 1 / 6)


@pytest.fixture(scope="module")
def scene():
    field = VoxelField((1.0, 0.5, 0.75), 12, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        field.density_grid.copy_(2 * torch.randn(field.density_grid.shape, generator=torch.Generator().manual_seed(1)))
        field.density_scale.fill_(0.3)
    return field, [render(field, camera_rays(orbit_camera(a, 20, 3, 45), 8, 8), emptiness_scale=10.0) for a in (0, 70)]


def job(**optimisation):
    return presets.new_job("a", model="some/model", optimisation={"steps": 100, "emptiness_weight": 0, **optimisation})


def mean(values):
    return float(torch.stack(values).mean().detach())


def expected(scene, name):
    field, renderings = scene
    return {
        "distortion": lambda: mean([distortion(r.weights, field.voxel_size / 2) for r in renderings]),
        "density_variation": lambda: total_variation(field.density_grid * field.density_scale.exp(), 1 / 6).item(),
    }[name]()


def test_the_published_configuration_has_emptiness_alone_20_times_as_much_later(scene):
    spec = presets.new_job("a", model="some/model", preset="paper", optimisation={"steps": 100})
    samples = reference_samples_per_ray(scene[0])
    empty = mean([emptiness(rendering.log_sums, samples) for rendering in scene[1]])
    for share, factor in ((BEFORE, 1), (AFTER, 20)):
        objective, losses = regularisation(spec, *scene, share, PLAIN)
        assert losses.keys() == {"emptiness"}
        assert float(losses["emptiness"]) == pytest.approx(empty)
        assert objective.item() == pytest.approx(1e4 * factor * empty, rel=1e-5)


@pytest.mark.parametrize("name", ["distortion", "density_variation"])
def test_a_loss_counts_by_its_weight_from_the_first_step_on(scene, name):
    objective, losses = regularisation(job(**{f"{name}_weight": 3.0}), *scene, 0, PLAIN)
    assert losses.keys() == {"emptiness", name}
    assert float(losses[name]) == pytest.approx(expected(scene, name), rel=1e-5)
    assert objective.item() == pytest.approx(3 * float(losses[name]), rel=1e-5)


def test_all_of_them_reach_the_voxels(scene):
    field, renderings = scene
    for name, grid in (
        ("distortion", field.density_grid),
        ("density_variation", field.density_grid),
    ):
        objective, _losses = regularisation(job(**{f"{name}_weight": 1.0}), field, renderings, AFTER, PLAIN)
        grid.grad = None
        objective.backward(retain_graph=True)
        assert grid.grad.isfinite().all()
        assert grid.grad.any(), name
