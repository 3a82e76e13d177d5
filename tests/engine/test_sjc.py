"""The optimisation: a known shape comes back, runs repeat, and bad network output harms nothing."""

import dataclasses

import pytest
import torch

from sjc_blender.engine import checkpoint
from sjc_blender.engine.cameras import viewpoints
from sjc_blender.engine.cameras.viewpoints import Viewpoint, orbit_camera
from sjc_blender.engine.optimisation import sjc as sjc_module
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.radiance.proxy import Proxy
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.radiance.rays import camera_rays
from sjc_blender.engine.radiance.renderer import render, render_chunked
from sjc_blender.engine.results.opacity import voxel_opacity
from sjc_blender.engine.score_models.closed_form import ClosedFormDenoiser
from sjc_blender.engine.score_models.conditioning import Conditioner, conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.proxy import occupancy_digest
from sjc_blender.protocol.spec import CameraRig, OrbitRig, ProxySpec
from sjc_blender.protocol.views import PAPER_VIEWS

SIZE = 32
VIEWS = 48
CAMERA = orbit_camera(20, 30, 3, 45)


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


def closed_form_run(half_extents, resolution, steps, stages=(), begin=None, proxy=None):
    cameras = tuple(orbit_camera(i * 137.508, -70 + 140 * (i + 0.5) / VIEWS, 2.2, 57, str(i)) for i in range(VIEWS))
    pictures = reference_images(half_extents, resolution, cameras)
    spec = presets.new_job(
        "the known shape",
        preset="paper",
        model="closed form",
        cameras=CameraRig(cameras),
        domain={"half_extents": half_extents},
        field={"resolution": resolution, "feature_std": 0.3, "stages": stages, "proxy": proxy},
        optimisation={
            "steps": steps,
            "guidance_scale": 1,
            "timesteps": (50, 500),
            "sigma_power": 1.5,
            "emptiness_weight": 100,
            "emptiness_late_factor": 1,
            "clip": (0.05, 0.5),
        },
    )
    conditioner = Conditioner(lambda viewpoint: Condition(pictures[viewpoint.camera.name][None]))
    sjc = ScoreJacobianChaining(spec, ClosedFormDenoiser(torch.zeros(1, 3, SIZE, SIZE)), conditioner)
    if begin is not None:
        begin(sjc)
    while sjc.step < sjc.spec.optimisation.steps:
        sjc.advance()
    return sjc, known_shape(half_extents, resolution)[0]


def likeness(sjc, solid):
    """IoU of what is solid in the field and the known shape."""
    opacity = voxel_opacity(sjc.field.density_at_voxels().detach().numpy(), sjc.field.voxel_size)
    made = torch.from_numpy(opacity) > 0.3
    return float((made & solid).sum() / (made | solid).sum())


CUBE, BOX = (1.0, 1.0, 1.0), (1.0, 0.5, 0.75)
COARSE_TO_FINE = ((0.0, 12), (0.2, 20), (0.5, 32))


@pytest.mark.parametrize(
    ("half_extents", "stages", "least"),
    [(CUBE, COARSE_TO_FINE, 0.9), (BOX, COARSE_TO_FINE, 0.9), (BOX, (), 0.8)],
    ids=["cube", "box", "box without stages"],
)
def test_a_known_shape_comes_back(half_extents, stages, least):
    sjc, solid = closed_form_run(half_extents, 32, steps=500, stages=stages)
    assert likeness(sjc, solid) >= least


def test_a_coarse_shape_makes_the_result_better_and_at_least_twice_as_quick():
    """The shape is one box, with an IoU of .77 with what is to come."""
    places = voxel_centres(BOX, 32) / torch.tensor(BOX)
    box = ((places - torch.tensor([0.05, 0.0, -0.15])).abs() < torch.tensor([0.62, 0.6, 0.6])).all(-1)

    def hold(sjc):
        sjc.proxy = Proxy(box, proxy.looseness)
        sjc.proxy.start(sjc.field)

    proxy = ProxySpec(occupancy_digest(box.shape, box.numpy().tobytes()), 0.4)
    without = likeness(*closed_form_run(BOX, 32, 200))
    held, half_as_long = (likeness(*closed_form_run(BOX, 32, n, begin=hold, proxy=proxy)) for n in (200, 100))
    assert held > without + 0.02
    assert half_as_long > without


@pytest.fixture
def tiny_job(tiny_pipeline):
    def make(prediction="v_prediction", field=None, **optimisation):
        source = str(tiny_pipeline(prediction))
        settings = {"steps": 12, "guidance_scale": 3.0, **optimisation}
        field = {"resolution": 12, **(field or {})}
        return presets.new_job("a red chair", model=source, seed=3, field=field, optimisation=settings)

    return make


def start(spec):
    model = load_score_model(spec.model)
    return ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(spec.model.source), model))


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


STAGES = {"stages": ((0.0, 8), (0.5, 12))}
CURES = {
    "guidance_rescale": 0.5,
    "perp_neg_weight": 1.0,
    "view_blending": "azimuth",
    "distortion_weight": 10.0,
    "density_variation_weight": 0.1,
}


@pytest.mark.parametrize(
    ("at", "field", "optimisation"),
    [
        (1, {}, {"timesteps_end": (10, 500), "depth_weight": 1.0}),
        (11, {}, {"timesteps_end": (10, 500), "clip": (0.1, 1.0)}),
        (5, STAGES, {}),
        (6, STAGES, {}),
        (7, STAGES, {}),
        (6, {}, {"views": 2, "noises": 2}),
        (6, {"background_kind": "random"}, {"estimator": "eq15"}),
        (6, {"background_kind": "constant", "background": (0.1, 0.2, 0.3, 0.4)}, {"camouflage_weight": 1.0}),
        (5, {"blob_density": 5.0, **STAGES}, CURES),
        (6, {}, {"sharpening": 4.0, "sharpening_start": 0.5}),
        (5, STAGES, {"sharpening": 4.0, "sharpening_start": 0.5}),
    ],
    ids=[
        "loss",
        "schedules",
        "before stage",
        "at stage",
        "after stage",
        "views",
        "random",
        "constant",
        "cures",
        "sharpened",
        "before",
    ],
)
def test_a_resumed_run_equals_an_uninterrupted_one(tiny_job, tmp_path, at, field, optimisation):
    spec = tiny_job(field=field, **optimisation)
    whole = run_to(start(spec), 12).tensors()
    interrupted = run_to(start(spec), at)
    checkpoint.save(tmp_path / "checkpoint.safetensors", spec, at, interrupted.tensors())
    resumed = start(spec)
    resumed.restore(*checkpoint.load(tmp_path / "checkpoint.safetensors", spec))
    assert same(run_to(resumed, 12).tensors(), whole)


def test_a_stage_goes_on_with_the_same_picture_on_a_finer_grid(tiny_job):
    sjc = start(tiny_job(field={"resolution": 24, "stages": ((0.0, 8), (0.5, 24))}))
    rays = camera_rays(CAMERA, 16, 16)
    run_to(sjc, 5)
    assert sjc.field.shape == (8, 8, 8)
    before = render_chunked(sjc.field, rays)
    for group in sjc.optimiser.param_groups:
        group["lr"] = 0.0
    run_to(sjc, 6)
    assert sjc.field.shape == (24, 24, 24)
    after = render_chunked(sjc.field, rays)
    assert (after.opacity - before.opacity).abs().max() < 0.02
    assert (after.image - before.image).square().mean() < 0.01 * before.image.var()
    assert sjc.optimiser.param_groups[0]["lr"] == 0.05
    run_to(sjc, 12)


def test_the_first_steps_see_it_from_above(tiny_job, monkeypatch):
    drawn = []
    sample = viewpoints.sample_viewpoint

    def recording(rig, generator):
        viewpoint = sample(rig, generator)
        drawn.append(viewpoint.elevation)
        return viewpoint

    monkeypatch.setattr(viewpoints, "sample_viewpoint", recording)
    cameras = OrbitRig(elevation=(-10.0, 60.0))
    run_to(start(dataclasses.replace(tiny_job(steps=40, above_until=0.25), cameras=cameras)), 40)
    assert all(45 <= elevation <= 60 for elevation in drawn[:10])
    assert min(drawn[10:]) < 20


def rendered_in(monkeypatch):
    """What is rendered from now on: fields and rays."""
    seen = []

    def recording(field, rays, **more):
        seen.append((field, rays))
        return render(field, rays, **more)

    monkeypatch.setattr(sjc_module, "render", recording)
    return seen


def test_a_random_background_is_another_in_each_step_and_leaves_its_texture_alone(tiny_job, monkeypatch):
    seen = rendered_in(monkeypatch)
    sjc = run_to(start(tiny_job(field={"background_kind": "random"}, background_learning_rate=1.0)), 3)
    colours = torch.stack([field.background(torch.eye(3))[0] for field, _ in seen])
    assert len(torch.unique(colours, dim=0)) == 3
    assert all(len(torch.unique(field.background(torch.eye(3)), dim=0)) == 1 for field, _ in seen)
    assert not sjc.field.background_texture.texels.any()


@pytest.mark.parametrize(("kind", "expected"), [("constant", 0.7), ("none", 0.0)])
def test_a_background_that_is_not_learned_stays(tiny_job, kind, expected):
    field = {"background_kind": kind, "background": (0.7,) * 4}
    sjc = run_to(start(tiny_job(field=field, background_learning_rate=1.0)), 3)
    torch.testing.assert_close(sjc.field.background(torch.eye(3)), torch.full((3, 4), expected))


def test_several_views_step_by_the_mean_of_their_gradients(tiny_job, monkeypatch):
    """Adamax's first step tells only signs, so its moments are compared."""
    monkeypatch.setattr(viewpoints, "sample_viewpoint", lambda rig, generator: Viewpoint(CAMERA, 20, 30))
    gradient = sjc_module.paas_gradient

    def of_the_same_noise(model, y, timestep, conditions, noises, settings):
        return gradient(model, y, timestep, conditions, torch.ones_like(noises), settings)

    monkeypatch.setattr(sjc_module, "paas_gradient", of_the_same_noise)
    one, three = (run_to(start(tiny_job(views=views, depth_weight=10.0)), 1).tensors() for views in (1, 3))
    torch.testing.assert_close(one["adamax.0.exp_avg"], three["adamax.0.exp_avg"], rtol=1e-4, atol=1e-5)
    assert one["adamax.0.exp_avg"].any()


def test_the_score_is_clipped_element_by_element(tiny_job):
    clipped = start(tiny_job(clip=(0.001, 0.003), steps=4))
    largest = [clipped.advance().losses["score"] for _ in range(4)]
    # The network's noise is far larger than the limits, so that nearly every element is at one.
    assert largest == pytest.approx([0.001, 0.0015, 0.002, 0.0025], rel=0.05)


def test_every_parameter_learns(tiny_job):
    sjc = start(tiny_job())
    before = {name: value.clone() for name, value in sjc.field.state_dict().items()}
    run_to(sjc, 3)
    after = sjc.field.state_dict()
    for name, parameter in sjc.field.named_parameters():
        assert parameter.requires_grad
        assert not torch.equal(after[name], before[name]), f"{name} did not change"


def test_renders_of_one_pixel_can_be_optimised(tiny_job):
    model = ClosedFormDenoiser(torch.ones(1, 3, 1, 1))
    spec = tiny_job(guidance_scale=1, field={"background_kind": "random"})
    sjc = run_to(ScoreJacobianChaining(spec, model, Conditioner(lambda viewpoint: Condition(model.images[None]))), 3)
    assert all(bool(value.isfinite().all()) for value in sjc.field.state_dict().values())


def broken(sjc, steps):
    """Let the network return NaN at the given calls."""
    denoise, calls = sjc.model.denoise, iter(range(10_000))

    def sometimes(z, timestep, condition):
        result = denoise(z, timestep, condition)
        return result * torch.nan if next(calls) in steps else result

    sjc.model.denoise = sometimes
    return sjc


WAITING = pytest.mark.parametrize("waits", [True, False], ids=["asked at once", "read later, as on a GPU"])


@WAITING
def test_nan_from_the_network_skips_the_step_and_is_counted(tiny_job, waits):
    sjc = broken(start(tiny_job()), {1, 2})
    sjc._waits = waits
    sjc.advance()
    before = {name: value.clone() for name, value in sjc.field.state_dict().items()}
    assert sjc.advance().skipped
    assert same(sjc.field.state_dict(), before)
    run_to(sjc, 12)
    assert sjc.skipped == 2
    assert all(bool(value.isfinite().all()) for value in sjc.field.state_dict().values())


@WAITING
def test_nan_without_end_stops_with_advice(tiny_job, waits):
    sjc = broken(start(tiny_job(steps=100)), set(range(100)))
    sjc._waits = waits
    with pytest.raises(SjcError) as error:
        run_to(sjc, 100)
    assert error.value.code == "network_not_finite"
    assert "float32" in error.value.hint


def test_late_emptiness_thins_the_field(tiny_job):
    without, with_it = (tiny_job(emptiness_weight=weight, sharpening=1.0) for weight in (0.0, 50.0))
    weak = run_to(start(without), 12).field.density_at_voxels().mean()
    strong = run_to(start(with_it), 12).field.density_at_voxels().mean()
    assert strong < weak


class CountedSamples:
    """Counts what goes through a model's network."""

    def __init__(self, model):
        self.count = 0
        model._pipeline.unet.register_forward_pre_hook(self._look, with_kwargs=True)

    def _look(self, _module, arguments, _named):
        self.count += len(arguments[0])


@pytest.mark.parametrize(
    ("settings", "each"),
    [
        ({"guidance_scale": 1.0}, 1),
        ({}, 2),
        ({"guidance": "classifier_score", "guidance_scale": 1.0}, 2),
        ({"views": 3, "noises": 2}, 12),
    ],
)
def test_what_goes_through_the_network_is_counted(tiny_job, settings, each):
    sjc = start(tiny_job(**settings))
    samples = CountedSamples(sjc.model)
    run_to(sjc, 4)
    assert sjc.evaluations == samples.count == 4 * each


def test_perp_neg_is_counted_by_the_views_that_it_is_used_for(tiny_job):
    spec = tiny_job(perp_neg_weight=1.0, views=4, steps=6)
    model = load_score_model(spec.model)
    profile = dataclasses.replace(load_profile(spec.model.source), views=PAPER_VIEWS)
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, profile, model))
    samples = CountedSamples(model)
    run_to(sjc, 6)
    assert sjc.evaluations == samples.count
    # Overhead views need no others.
    assert 6 * 4 * 2 < samples.count < 6 * 4 * 4


def test_timesteps_outside_the_models_table_are_told(tiny_job):
    model = ClosedFormDenoiser(torch.zeros(1, 3, 8, 8), sigmas=torch.linspace(0.1, 10, 100, dtype=torch.float64))
    with pytest.raises(SjcError, match="0 to 99"):
        ScoreJacobianChaining(tiny_job(), model, Conditioner(lambda viewpoint: Condition(model.images[None])))


def test_a_step_that_is_not_waited_for_is_the_same_step(tiny_job):
    waiting, late = start(tiny_job()), start(tiny_job())
    late._waits = False
    run_to(waiting, 12)
    run_to(late, 12)
    assert same(waiting.tensors(), late.tensors())
