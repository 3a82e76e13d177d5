"""The optimisation: a known shape comes back, runs repeat, and bad network output harms nothing."""

import dataclasses

import pytest
import torch

from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render_chunked
from sjc_blender.engine.results.opacity import voxel_opacity
from sjc_blender.engine.score_models.closed_form import ClosedFormDenoiser
from sjc_blender.engine.score_models.conditioning import PromptConditioner, ReferenceConditioner
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.sjc import ScoreJacobianChaining
from sjc_blender.engine.viewpoints import orbit_camera
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import CameraRig

SIZE = 32
VIEWS = 48


def voxel_centres(half_extents, resolution):
    shape = [max(1, round(h * resolution)) for h in half_extents]
    voxel = 2 / resolution
    axes = [(torch.arange(n) + 0.5) * voxel - n * voxel / 2 for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


def known_shape(half_extents, resolution):
    """A block with a tower on one end and a ball on the other: no symmetry, so that a turned or mirrored result fails.

    Its faces lie between voxels, not on their centres, where a hair's breadth would decide.
    """
    p = voxel_centres(half_extents, resolution) / torch.tensor(half_extents)
    block = ((p - torch.tensor([0.0, 0.0, -0.375])).abs() < torch.tensor([0.625, 0.625, 0.375])).all(-1)
    tower = ((p - torch.tensor([-0.3125, 0.0, 0.25])).abs() < torch.tensor([0.3125, 0.5, 0.25])).all(-1)
    ball = (p - torch.tensor([0.31, -0.19, 0.15])).norm(dim=-1) < 0.4
    colour = torch.where(p[..., 2:] > 0, torch.tensor([0.9, 0.2, 0.1]), torch.tensor([0.1, 0.3, 0.8]))
    return block | tower | ball, colour


def reference_images(half_extents, resolution, cameras):
    """Pictures of the known shape, on a grid three times finer than the one that learns it."""
    solid, colour = known_shape(half_extents, 3 * resolution)
    box = torch.tensor(solid.shape) / max(solid.shape)
    reference = RadianceGrid(solid * 200.0, colour, box, torch.full((3,), 0.5))
    pictures = (render_chunked(reference, camera_rays(camera, SIZE, SIZE)).image for camera in cameras)
    return {camera.name: picture[None] * 2 - 1 for camera, picture in zip(cameras, pictures, strict=True)}


def closed_form_run(half_extents, resolution, steps):
    cameras = tuple(orbit_camera(i * 137.508, -70 + 140 * (i + 0.5) / VIEWS, 2.2, 57, str(i)) for i in range(VIEWS))
    pictures = reference_images(half_extents, resolution, cameras)
    spec = presets.new_job(
        "the known shape",
        model="closed form",
        cameras=CameraRig(cameras),
        domain={"half_extents": half_extents},
        field={"resolution": resolution, "feature_std": 0.3},
        optimisation={
            "steps": steps,
            "guidance_scale": 1,
            "timesteps": (50, 500),
            "sigma_power": 1.5,
            "emptiness_weight": 200,
            "emptiness_late_factor": 1,
        },
    )
    conditioner = ReferenceConditioner(lambda viewpoint: pictures[viewpoint.camera.name])
    sjc = ScoreJacobianChaining(spec, ClosedFormDenoiser(torch.zeros(1, 3, SIZE, SIZE)), conditioner)
    while not sjc.finished:
        sjc.advance()
    return sjc, known_shape(half_extents, resolution)[0]


@pytest.mark.parametrize("half_extents", [(1.0, 1.0, 1.0), (1.0, 0.5, 0.75)], ids=["cube", "box"])
def test_a_known_shape_comes_back(half_extents):
    sjc, solid = closed_form_run(half_extents, 32, steps=400)
    opacity = voxel_opacity(sjc.field.density_at_voxels().detach().numpy(), sjc.field.voxel_size)
    made = torch.from_numpy(opacity) > 0.3
    assert (made & solid).sum() / (made | solid).sum() >= 0.8


@pytest.fixture
def tiny_job(tiny_pipeline):
    def make(prediction="v_prediction", **optimisation):
        source = str(tiny_pipeline(prediction))
        settings = {"steps": 12, "guidance_scale": 3.0, **optimisation}
        return presets.new_job("a red chair", model=source, seed=3, field={"resolution": 12}, optimisation=settings)

    return make


def start(spec):
    model = load_score_model(spec.model)
    views = load_profile(spec.model.source).views
    conditioner = PromptConditioner(model, views, spec.prompt, "", spec.optimisation.guidance_scale)
    return ScoreJacobianChaining(spec, model, conditioner)


def run_to(sjc, step):
    while sjc.step < step:
        sjc.advance()
    return sjc


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("estimator", ["eq15", "eq16"])
def test_a_seed_repeats_and_another_differs(tiny_job, prediction, estimator):
    spec = tiny_job(prediction, estimator=estimator)
    first, second = (run_to(start(spec), 5).tensors() for _ in range(2))
    assert same(first, second)
    other = run_to(start(dataclasses.replace(spec, seed=4)), 5).tensors()
    assert not torch.equal(first["field.density_grid"], other["field.density_grid"])


@pytest.mark.parametrize("at", [1, 6, 11])
def test_a_resumed_run_equals_an_uninterrupted_one(tiny_job, at):
    spec = tiny_job(timesteps_end=(10, 500), depth_weight=1.0)
    whole = run_to(start(spec), 12).tensors()
    interrupted = run_to(start(spec), at)
    resumed = start(spec)
    resumed.restore(interrupted.step, {name: tensor.clone() for name, tensor in interrupted.tensors().items()})
    assert same(run_to(resumed, 12).tensors(), whole)


def test_every_parameter_learns(tiny_job):
    sjc = start(tiny_job())
    before = {name: value.clone() for name, value in sjc.field.state_dict().items()}
    run_to(sjc, 3)
    after = sjc.field.state_dict()
    for name, parameter in sjc.field.named_parameters():
        assert parameter.requires_grad
        assert not torch.equal(after[name], before[name]), f"{name} did not change"


def broken(sjc, steps):
    """Let the network return NaN at the given calls."""
    denoise, calls = sjc.model.denoise, iter(range(10_000))

    def sometimes(z, timestep, condition):
        result = denoise(z, timestep, condition)
        return result * torch.nan if next(calls) in steps else result

    sjc.model.denoise = sometimes
    return sjc


def test_nan_from_the_network_skips_the_step_and_is_counted(tiny_job):
    sjc = broken(start(tiny_job()), {1, 2})
    sjc.advance()
    before = {name: value.clone() for name, value in sjc.field.state_dict().items()}
    assert sjc.advance().skipped
    assert same(sjc.field.state_dict(), before)
    run_to(sjc, 12)
    assert sjc.skipped == 2
    assert all(bool(value.isfinite().all()) for value in sjc.field.state_dict().values())


def test_nan_without_end_stops_with_advice(tiny_job):
    sjc = broken(start(tiny_job(steps=100)), set(range(100)))
    with pytest.raises(SjcError) as error:
        run_to(sjc, 100)
    assert error.value.code == "network_not_finite"
    assert "float32" in error.value.hint


def test_late_emptiness_thins_the_field(tiny_job):
    weak = run_to(start(tiny_job(emptiness_weight=0.0)), 12).field.density_at_voxels().mean()
    strong = run_to(start(tiny_job(emptiness_weight=1e6)), 12).field.density_at_voxels().mean()
    assert strong < weak


def test_timesteps_outside_the_models_table_are_told(tiny_job):
    model = ClosedFormDenoiser(torch.zeros(1, 3, 8, 8), sigmas=torch.linspace(0.1, 10, 100, dtype=torch.float64))
    with pytest.raises(SjcError, match="0 to 99"):
        ScoreJacobianChaining(tiny_job(), model, ReferenceConditioner(lambda viewpoint: model.images))
