"""What the presets are for a model that nobody tuned them for, and whom they leave alone."""

import json
from pathlib import Path

import pytest

import sjc_blender
from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.layers import LOSS_WEIGHTS
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.profile_content import ModelProfile
from sjc_blender.protocol.profile_faults import read_preset

SHARED = ("draft", "standard", "high")
MODELS = Path(sjc_blender.__file__).parent / "models"
INDEX = {
    "stable_diffusion": "StableDiffusionPipeline",
    "stable_diffusion_xl": "StableDiffusionXLPipeline",
    "stable_diffusion_3": "StableDiffusion3Pipeline",
    "deepfloyd_if": "IFPipeline",
    "dit": "DiTPipeline",
    "ddpm": "DDPMPipeline",
    "score_sde_ve": "ScoreSdeVePipeline",
}


def folder(path, family="stable_diffusion", levels=1000, profile=None):
    """A model folder of a family, without weights."""
    (path / "scheduler").mkdir(parents=True)
    (path / "scheduler/scheduler_config.json").write_text(json.dumps({"num_train_timesteps": levels}))
    (path / "model_index.json").write_text(json.dumps({"_class_name": INDEX[family]}))
    if profile is not None:
        needed = {"name": "mine", "family": family, "image_size": 512}
        (path / "sjc.json").write_text(json.dumps(needed | profile))
    return str(path)


def jobs(source, prompt="a chair"):
    return [presets.new_job(prompt, preset=name, model=source) for name in SHARED]


@pytest.mark.parametrize("family", INDEX)
def test_every_model_without_settings_of_its_own_has_weights_in_units_of_the_score(tmp_path, family):
    source = folder(tmp_path / "model", family)
    assert load_profile(source).family == family
    prompt = "" if load_profile(source).conditioning == "none" else "207"
    weights = {tuple(getattr(job.optimisation, name) for name in LOSS_WEIGHTS) for job in jobs(source, prompt)}
    assert len(weights) == 1  # The same with every model, preset and grid: see test_loss_unit.py.
    assert weights == {tuple(getattr(jobs("some/model")[0].optimisation, name) for name in LOSS_WEIGHTS)}
    assert {job.optimisation.loss_unit for job in jobs(source, prompt)} == {"score"}
    assert presets.new_job(prompt, preset="paper", model=source).optimisation.loss_unit == "published"


def test_they_are_guided_as_pictures_are_and_ask_no_more_of_the_network_than_the_paper_does_in_as_many_steps():
    paper = presets.new_job("a chair", preset="paper", model="some/model").optimisation
    asked = ("views", "noises", "perp_neg_weight", "guidance")
    for job in jobs("some/model"):
        assert 1 < job.optimisation.guidance_scale <= 10 < paper.guidance_scale
        assert {name: getattr(job.optimisation, name) for name in asked} == {
            name: getattr(paper, name) for name in asked
        }


@pytest.mark.parametrize("levels", [20, 1000, 4000])
def test_noise_falls_from_the_upper_half_to_the_lower_half_of_the_range_of_any_model(tmp_path, levels):
    model = folder(tmp_path / "model", levels=levels)
    lowest, highest = presets.new_job("a chair", preset="paper", model=model).optimisation.timesteps
    for job in jobs(model):
        first, last = job.optimisation.timesteps
        assert job.optimisation.timesteps_end is not None
        end_first, end_last = job.optimisation.timesteps_end
        assert lowest == end_first < end_last < last == highest < levels
        assert end_last - lowest == pytest.approx((highest - lowest) / 2, abs=1)
        assert first == levels // 2


@pytest.mark.parametrize(("family", "prompt"), [("dit", "207"), ("ddpm", "")])
def test_a_model_that_is_told_no_words_of_a_view_begins_with_all_levels(tmp_path, family, prompt):
    model = folder(tmp_path / "model", family)
    own = presets.new_job(prompt, preset="paper", model=model).optimisation.timesteps
    for job in jobs(model, prompt):
        assert job.optimisation.timesteps == own
        assert job.optimisation.timesteps_end is not None and job.optimisation.timesteps_end[1] < own[1]


def test_a_model_whose_levels_are_all_below_the_middle_keeps_its_own(tmp_path):
    for job in jobs(folder(tmp_path / "model", profile={"timesteps": [0.1, 0.4]})):
        assert (job.optimisation.timesteps, job.optimisation.timesteps_end) == ((100, 399), (100, 250))


@pytest.mark.parametrize("where", ["profile", "user"])
def test_guidance_of_another_kind_leaves_the_rescaling_out(tmp_path, where):
    own = {"guidance": "classifier_score"}
    profile = {"settings": {"optimisation": own}} if where == "profile" else {}
    settings = {"optimisation": own} if where == "user" else {}
    model = str(folder(tmp_path / "model", profile=profile))
    for preset in SHARED:
        asked = presets.new_job("a chair", preset=preset, model=model, **settings).optimisation
        assert (asked.guidance, asked.guidance_rescale) == ("classifier_score", 0)
        assert presets.new_job("a chair", preset=preset, model="some/model").optimisation.guidance_rescale > 0


def test_grids_grow_and_the_last_one_is_the_presets():
    for job in jobs("some/model"):
        voxels = [count for _, count in job.field.stages]
        assert voxels == sorted(set(voxels))
        assert (voxels[-1], job.optimisation.sharpening_start) == (job.field.resolution, job.field.stages[-1][0])


def test_the_list_of_presets_shows_the_settings_that_a_job_gets():
    for job in jobs("some/model"):
        listed = presets.preset_settings(job.preset)
        assert set(listed) == {"optimisation", "field"}
        for part, settings in listed.items():
            of_job = codec.encode(getattr(job, part))
            assert {name: of_job[name] for name in settings} == settings


@pytest.mark.parametrize("name", ["builtin", "reference_views"])
def test_models_with_measured_settings_take_none_of_the_shared_ones_over(name):
    path = MODELS / "builtin/sjc.json" if name == "builtin" else MODELS / f"{name}.json"
    profile, _ = codec.decode(ModelProfile, json.loads(path.read_text(encoding="utf-8")))
    assert profile is not None
    for preset in SHARED:
        # What this model would take over: not where noise begins, if it is told no words of a view.
        shared = presets._of_range(read_preset(preset), profile.timesteps, 1000, profile.conditioning)
        assert ("timesteps" in shared["optimisation"]) == (profile.conditioning == "text")
        own = (profile.settings, profile.presets[preset])
        named = {(part, key) for layer in own for part, settings in layer.items() for key in settings}
        # Without a unit of their own its weights are published ones. What starts late without a factor never starts.
        taken = {("optimisation", key) for key in ("steps", "checkpoint_every", "loss_unit", "sharpening_start")}
        assert {(part, key) for part, settings in shared.items() for key in settings} <= named | taken
        assert any("emptiness_weight" in layer.get("optimisation", {}) for layer in own)


def test_an_older_profile_of_the_users_keeps_its_published_weight(tmp_path):
    own = {"settings": {"optimisation": {"emptiness_weight": 300}}}
    for job in jobs(folder(tmp_path / "model", profile=own)):
        assert (job.optimisation.loss_unit, job.optimisation.emptiness_weight) == ("published", 300)


def test_no_familys_file_takes_the_shared_weights_away():
    for path in MODELS.glob("*.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        if path.stem == "reference_views" or "family" not in data:
            continue
        layers = [data.get("settings", {}), *(data.get("presets", {}).get(name, {}) for name in SHARED)]
        assert not {name for layer in layers for name in layer.get("optimisation", {})} & {*LOSS_WEIGHTS, "loss_unit"}
