"""`models show` and `models profile`: of well-known models' configurations, and of what cannot be used."""

import dataclasses
import json
import shutil

import pytest
import torch
from diffusers import AutoencoderKL

from sjc_blender.engine.commands.cli import main
from sjc_blender.engine.score_models.latents import decode_latents, encode_pictures
from sjc_blender.engine.score_models.model_facts import facts_of
from sjc_blender.engine.score_models.profile_template import template_of
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_events import ModelFacts, ProfileTemplate
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.presets import new_job, preset_names
from tests.engine.ball_views import write_ball_views
from tests.engine.public_configurations import REFUSED, USABLE, save_public
from tests.engine.test_model_store import run
from tests.engine.tiny_text_to_image import save_text_to_image


@pytest.mark.parametrize("name", USABLE)
def test_a_well_known_model_is_shown_as_what_it_is(name, tmp_path):
    folder = save_public(name, tmp_path / "someones-model")
    facts = facts_of(str(folder), tried=False)
    prediction, levels, lowest, highest, zero, distilled = USABLE[name]["is"]
    told = (facts.family, facts.prediction, facts.noise_levels, facts.zero_snr, facts.distilled)
    assert told == (USABLE[name]["family"], prediction, levels, zero, distilled)
    assert (facts.lowest_sigma, facts.highest_sigma) == pytest.approx((lowest, highest), rel=2e-3)
    assert not facts.own_profile and facts.profile.endswith(f"{facts.family}.json")
    assert facts.channels == {"stable_diffusion_3": 16}.get(facts.family, 3 if facts.pixel_space else 4)
    assert not facts.tried


@pytest.mark.parametrize("name", USABLE)
def test_its_profile_is_good_as_it_is_and_changes_nothing_but_the_background(name, tmp_path):
    folder = save_public(name, tmp_path / "someones-model")
    plain = {preset: new_job("a duck", model=str(folder), preset=preset) for preset in preset_names()}
    profile = template_of(str(folder))
    (folder / "sjc.json").write_text(json.dumps(profile))
    assert load_profile(str(folder)).name == "someones-model"
    assert facts_of(str(folder), tried=False).own_profile
    for preset, before in plain.items():
        after = new_job("a duck", model=str(folder), preset=preset)
        assert len(after.field.background) == facts_of(str(folder), tried=False).channels
        same = {"background": before.field.background}
        assert after.optimisation == before.optimisation and after.cameras == before.cameras
        assert type(after.field)(**{**vars(after.field), **same}) == before.field


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_what_to_do(name, tmp_path):
    folder = save_public(name, tmp_path / "model")
    for ask in (lambda: facts_of(str(folder), tried=False), lambda: template_of(str(folder))):
        with pytest.raises(SjcError) as refused:
            ask()
        assert refused.value.code == "unsupported_pipeline"
        assert "text" in refused.value.hint


@pytest.mark.parametrize("name", ["flux", "kolors", "qwen_image", "kandinsky_3", "deepfloyd_if"])
def test_a_pipeline_of_the_table_is_shown_without_its_weights_as_it_is_with_them(name, tmp_path):
    folder = save_text_to_image(name, tmp_path / "model")
    told, tried = (facts_of(str(folder), tried=tried) for tried in (False, True))
    assert dataclasses.replace(told, tried=True, warnings=tried.warnings) == tried


def test_what_a_network_answers_is_told_where_it_is_tried(tmp_path):
    folder = shutil.copytree(BUILTIN, tmp_path / "prior")
    assert facts_of(str(folder), tried=True).warnings == ()
    file = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"rescale_betas_zero_snr": True}))
    assert "zero terminal" in " ".join(facts_of(str(folder), tried=True).warnings)
    assert facts_of(str(folder), tried=False).warnings == ()
    file.write_text(json.dumps(config | {"prediction_type": "epsilon"}))
    assert facts_of(str(folder), tried=False).prediction == "epsilon"
    with pytest.raises(SjcError, match="those of 'v_prediction'"):
        facts_of(str(folder), tried=True)


@pytest.mark.parametrize("colour", ["#808080", "#204060"])
def test_the_background_of_a_profile_is_the_colour_as_the_encoder_sees_it(colour):
    background = torch.tensor(template_of("builtin", colour)["background"])
    vae = AutoencoderKL.from_pretrained(BUILTIN / "vae")
    seen = decode_latents(vae, background.view(1, -1, 1, 1).expand(1, -1, 16, 16))[0, :, 8:-8, 8:-8].mean(dim=(1, 2))
    wanted = torch.tensor(list(bytes.fromhex(colour[1:]))) / 255
    assert (seen - wanted).abs().max() < 0.08


def test_encoding_undoes_decoding_where_the_autoencoder_tells_its_statistics():
    vae = AutoencoderKL.from_pretrained(BUILTIN / "vae")
    picture = torch.full((1, 3, 32, 32), 0.2)
    plain = encode_pictures(vae, picture)
    vae.register_to_config(latents_mean=[0.5, -0.5, 0.1, 0.2], latents_std=[2.0, 0.5, 1.0, 3.0])
    told = encode_pictures(vae, picture)
    assert not torch.allclose(told, plain)
    torch.testing.assert_close(decode_latents(vae, told)[0, 0].mean(), torch.tensor(0.6), atol=0.05, rtol=0)


def test_reference_views_are_shown_and_need_no_profile(tmp_path):
    folder = write_ball_views(tmp_path)
    facts = facts_of(str(folder), tried=False)
    assert (facts.family, facts.prediction, facts.parameters) == ("reference_views", "pictures", 0)
    with pytest.raises(SjcError, match="reference views"):
        template_of(str(folder))


def test_a_fault_of_its_own_profile_is_named(tmp_path):
    folder = shutil.copytree(BUILTIN, tmp_path / "prior")
    profile = json.loads((folder / "sjc.json").read_text())
    (folder / "sjc.json").write_text(json.dumps(profile | {"background": [1, 2], "image_size": 1}))
    with pytest.raises(SjcError, match=r"image_size is 1; .*background is ") as refused:
        facts_of(str(folder), tried=False)
    assert refused.value.code == "bad_model_profile"


def test_the_command_tells_a_person(capsys):
    assert main(["models", "show", "builtin"]) == 0
    told = capsys.readouterr().out
    assert "Predicts:   v_prediction" in told and "1000 levels" in told and "sjc.json" in told
    assert main(["models", "profile", "builtin", "--background", "#ffffff"]) == 0
    assert json.loads(capsys.readouterr().out)["family"] == "stable_diffusion"
    assert main(["models", "profile", "builtin", "--background", "white"]) == 1
    assert "#rrggbb" in capsys.readouterr().err
    assert main(["models", "show", "no/such-model"]) == 1
    assert "no/such-model" in capsys.readouterr().err


def test_the_command_tells_a_program():
    shown, template = run("show", "builtin")[-1], run("profile", "builtin")[-1]
    assert isinstance(shown, ModelFacts) and isinstance(template, ProfileTemplate)
    assert shown == facts_of("builtin", tried=False)
    assert template.profile == template_of("builtin")
