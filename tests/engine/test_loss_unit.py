"""A weight in units of the score means the same on any grid and at any guidance."""

import pytest
import torch
from torch.nn.functional import avg_pool3d

from sjc_blender.engine.cameras.viewpoints import Viewpoint, orbit_camera
from sjc_blender.engine.optimisation.estimator import paas_gradient
from sjc_blender.engine.optimisation.loss_unit import LossUnit, emptiness_scale, loss_unit
from sjc_blender.engine.optimisation.regularisation import regularisation
from sjc_blender.engine.radiance.field import VoxelField, before_activation
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets
from sjc_blender.protocol.layers import LOSS_WEIGHTS
from sjc_blender.protocol.model_profile import load_profile

GRIDS, GUIDANCES = (24, 48, 96, 192), (4.0, 20.0, 100.0)
CAMERA = orbit_camera(30, 20, 2.02, 55)
TIMESTEP = 500


def field_of(resolution):
    """The same soft ball in haze, of smooth colours, on any grid."""
    field = VoxelField((1.0, 1.0, 1.0), resolution, 4)
    axis = (torch.arange(resolution) + 0.5) * 2 / resolution - 1
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    density = 0.3 + 8 * torch.exp(-(x**2 + y**2 + (z + 0.2) ** 2) / (2 * 0.3**2))
    colours = torch.stack([torch.sin(3 * x + 1), torch.cos(2 * y), torch.sin(2 * z - x), torch.cos(2 * x + y)])
    with torch.no_grad():
        field.density_grid.copy_(before_activation(density)[None])
        field.feature_grid.copy_(colours)
    return field


@pytest.fixture(scope="module")
def prior():
    return load_score_model(presets.new_job("a red car").model), load_profile("builtin")


def job(guidance=20.0, loss_unit="score", **weights):
    settings = {**dict.fromkeys(LOSS_WEIGHTS, 0.0), **weights, "loss_unit": loss_unit, "guidance_scale": guidance}
    return presets.new_job("a red car", optimisation=settings)


def strengths(prior, resolution, guidance, unit):
    """Of each loss with the weight 1, how long its gradient is beside the score's.

    By the voxels of the coarsest grid: one picture has fewer rays than a fine grid has voxels, and leaves many out.
    """
    model, profile = prior
    field = field_of(resolution)
    spec = job(guidance, loss_unit=unit)
    conditioner = conditioner_for(spec, profile, model)
    scale = emptiness_scale(spec.optimisation, field)
    rendering = render(field, camera_rays(CAMERA, 32, 32), emptiness_scale=scale)
    noise = torch.randn(1, 1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    image = rendering.image[None]
    conditions = [conditioner.at(Viewpoint(CAMERA, 30.0, 20.0))]
    scores = paas_gradient(model, image.detach(), TIMESTEP, conditions, noise, spec.optimisation)

    def length(objective):
        field.density_grid.grad = None
        objective.backward(retain_graph=True)
        return float(avg_pool3d(field.density_grid.grad, resolution // GRIDS[0]).norm())

    beside = length(-(scores * image).sum())
    found = {}
    for name in LOSS_WEIGHTS:
        one = job(guidance, loss_unit=unit, **{name: 1.0})
        given = loss_unit(one.optimisation, field, scores)
        objective, _ = regularisation(one, field, [rendering], 1.0, given)
        found[name] = length(objective) / beside
    return found


def test_a_weight_in_units_of_the_score_means_the_same_at_any_grid_and_guidance(prior):
    usual = strengths(prior, 48, 20.0, "score")
    cases = [(grid, 20.0) for grid in GRIDS] + [(48, guidance) for guidance in GUIDANCES]
    for grid, guidance in cases:
        for name, strength in strengths(prior, grid, guidance, "score").items():
            assert strength == pytest.approx(usual[name], rel=0.25), (name, grid, guidance)


def test_a_published_weight_does_not(prior):
    coarse, fine = (strengths(prior, grid, 20.0, "published") for grid in (24, 96))
    weak, strong = (strengths(prior, 24, guidance, "published") for guidance in (100.0, 4.0))
    assert coarse["emptiness_weight"] > 3.5 * fine["emptiness_weight"]
    assert fine["camouflage_weight"] > 12 * coarse["camouflage_weight"]
    assert all(strong[name] > 15 * weak[name] for name in LOSS_WEIGHTS)


def test_on_the_published_grid_the_units_differ_by_one_factor():
    field, scores = VoxelField((1.0, 1.0, 1.0), 100, 4), torch.randn(2, 4, 16, 16)
    published, score = (job(loss_unit=unit).optimisation for unit in ("published", "score"))
    assert emptiness_scale(score, field) == pytest.approx(emptiness_scale(published, field)) == 10
    unit = loss_unit(score, field, scores)
    assert unit.thickness == pytest.approx(field.voxel_size)
    # A pixel's score is as long as the root of its channels, here.
    assert float(unit.rays) == pytest.approx(4096 * 2, rel=0.1)
    assert float(unit.image) == pytest.approx(256 * 2, rel=0.1)
    assert float(unit.voxels) == pytest.approx(256 * 2 / 100**3, rel=0.1)
    assert loss_unit(published, field, scores) == LossUnit(1.0, 1.0, 1.0, field.voxel_size)
