"""A model without a prompt in 3D: it knows pictures, not which view shows which, and still an object comes out."""

import torch

from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.engine.score_models.closed_form import ClosedFormDenoiser
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.engine.score_models.noise_levels import sigma_table
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.ball_views import RADIUS, write_ball_views
from tests.engine.tiny_families import save_family

RESOLUTION = 20


def test_the_default_settings_of_models_without_a_prompt_leave_an_object_and_clear_the_space_around_it(tmp_path):
    """The ideal denoiser of a ball's pictures, in the place of a network that was trained on them."""
    folder = str(save_family("ddpm", tmp_path / "ddpm"))
    (tmp_path / "views").mkdir()
    pictures = load_score_model(ModelSpec(str(write_ball_views(tmp_path / "views")), device="cpu")).images
    linear = {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02, "num_train_timesteps": 1000}
    model = ClosedFormDenoiser(pictures, sigma_table(linear))
    spec = presets.new_job("", model=folder, field={"resolution": RESOLUTION}, optimisation={"steps": 200})
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(folder), model))
    while sjc.step < sjc.spec.optimisation.steps:
        sjc.advance()
    opacity = 1 - torch.exp(-sjc.field.density_at_voxels().detach() * sjc.field.voxel_size)
    axis = (torch.arange(RESOLUTION) + 0.5) / (RESOLUTION / 2) - 1
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).norm(dim=-1)
    inside, outside = opacity[radius < RADIUS - 0.1].mean(), opacity[radius > RADIUS + 0.15].mean()
    # Measured: 0.14 and 0.002. With the emptiness weight of guided models, 100 times as much, nothing is left.
    assert inside > 0.08
    assert outside < 0.01
