"""A corpus of networks under wrong labels: none runs as if it were right, and no right one is refused.

The networks are ideal ones of Gaussian samples: every kind under every label tells the readings, and folders of every
family, whose network answers so, tell what a user sees.
"""

import json
import shutil

import pytest
import torch
from torch.nn import functional

from sjc_blender.engine.score_models import prediction_check
from sjc_blender.engine.score_models.loading import ADAPTERS, load_score_model
from sjc_blender.engine.score_models.noise_levels import Clock, NoiseLevels, sigma_table
from sjc_blender.engine.score_models.preconditioning import EDM, FLOW, VARIANCE_PRESERVING
from sjc_blender.engine.score_models.prediction_check import (
    Trial,
    alike,
    prediction_of,
    readings,
    smooth_sample,
    told_as,
    try_out,
)
from sjc_blender.engine.score_models.remarks import remarks_on
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.ideal_networks import (
    KINDS,
    SCHEDULES,
    SIGMA_DATA,
    FinishingNetwork,
    IdealNetwork,
    RelabelledPrior,
)
from tests.engine.tiny_families import save_family
from tests.engine.tiny_text_to_image import save_text_to_image

FAMILIES = {
    "stable_diffusion": ("epsilon", "Stable Diffusion's"),
    "stable_diffusion_xl": ("v_prediction", "Stable Diffusion's"),
    "deepfloyd_if": ("epsilon", "cosine"),
    "dit": ("v_prediction", "linear"),
    "ddpm": ("sample", "linear"),
    "ddpm_classes": ("epsilon", "linear"),
}
"""Those whose scheduler says what they predict: what the network of each predicts here, and at which noise levels."""


@pytest.mark.parametrize("falling", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("true", KINDS)
def test_an_ideal_network_is_plausible_as_what_it_is_and_as_nothing_else(true, schedule, falling):
    for told in KINDS:
        model = IdealNetwork(true, told, schedule, falling)
        found = readings(model, None, smooth_sample(model, None))
        assert found[told].plausible == (told == true)
        if true in alike(told):
            assert prediction_of(found) == true


@pytest.mark.parametrize("falling", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("true", KINDS)
def test_a_network_that_finishes_pictures_in_one_step_is_plausible_as_what_it_is_and_as_nothing_else(
    true, schedule, falling
):
    for told in KINDS:
        model = FinishingNetwork(true, told, schedule, falling)
        trial = try_out(model, None, None)
        if true == told:
            assert (trial.prediction, trial.distilled) == (told, True)
        else:
            assert trial.prediction in (None, true)


@pytest.fixture(scope="module")
def prior():
    return load_score_model(ModelSpec("builtin", device="cpu"))


@pytest.mark.parametrize("true", KINDS)
def test_a_trained_network_under_another_label_is_told_with_its_own(prior, true):
    schedule = SCHEDULES["Stable Diffusion's"] | {"num_train_timesteps": 1000}
    for told in KINDS:
        model = RelabelledPrior(prior, true, told)
        trial = try_out(model, prior._pipeline, model.embedding)
        assert trial.prediction == (true if true in alike(told) else None)
        remarks = remarks_on(model, schedule, trial, None)
        if true == told:
            assert remarks == ()
        elif trial.prediction is None:
            assert [f'"prediction_type": "{told_as(true)}"' in remark for remark in remarks] == [True]


@pytest.mark.parametrize("told", SCHEDULES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_that_a_network_of_v_was_not_trained_with_is_remarked(prior, schedule, told):
    model = RelabelledPrior(prior, "v_prediction", "v_prediction", schedule, told)
    trial = try_out(model, prior._pipeline, model.embedding)
    remarks = remarks_on(model, SCHEDULES[told] | {"num_train_timesteps": 1000}, trial, None)
    assert len(remarks) == (schedule != told)


@pytest.mark.parametrize("steps", [500, 2000])
def test_another_number_of_timesteps_than_a_network_of_v_was_trained_with_is_remarked(prior, steps):
    schedule = SCHEDULES["Stable Diffusion's"] | {"num_train_timesteps": steps}
    table = sigma_table(schedule)
    model = prior.read_as(NoiseLevels("v_prediction", table, Clock("index", table)))
    remarks = remarks_on(model, schedule, try_out(model, prior._pipeline, prior.encode([""])), None)
    assert ['"num_train_timesteps": 1000' in remark for remark in remarks] == [True]


@pytest.mark.parametrize("kind", ["epsilon", "sample"])
def test_only_noise_is_no_prediction_at_a_zero_signal_to_noise_ratio(kind):
    model = IdealNetwork(kind, kind, "zero-SNR")
    schedule = SCHEDULES["zero-SNR"] | {"num_train_timesteps": 1000}
    remarks = remarks_on(model, schedule, try_out(model, None, None), None)
    assert ['"rescale_betas_zero_snr": false' in remark for remark in remarks] == [True] * (kind == "epsilon")


@pytest.mark.parametrize(("factor", "times"), [(1 / 8, "0.12"), (1.0, None), (8.0, "7.9")])
def test_a_scale_of_latents_that_is_another_autoencoders_is_remarked(prior, factor, times):
    smooth = factor * smooth_sample(prior, prior._pipeline)
    found = readings(prior, prior.encode([""]), smooth)
    trial = Trial(prediction_of(found), False, prior.encode([""]), smooth)
    remarks = remarks_on(prior, prior._pipeline.scheduler.config, trial, None)
    assert [f"{times} times as strong" in remark for remark in remarks] == [True] * (times is not None)


def test_a_network_that_answers_nothing_is_not_plausible():
    model = IdealNetwork("sample", "sample")
    model._predict = lambda seen, timestep, embeddings: torch.zeros_like(seen)
    faint = 0.1 * smooth_sample(model, None)
    assert prediction_of(readings(model, None, faint)) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_runs_under_its_own_label_and_no_other(family, tmp_path, monkeypatch):
    kind, schedule = FAMILIES[family]
    folder = save_family(family, tmp_path / family)
    usual = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())

    def answer(model, network_input, timestep, embeddings):
        ideal = IdealNetwork(kind, kind, schedule, size=model.sample_size)
        return ideal.answer(network_input, model._time(timestep))

    monkeypatch.setattr(ADAPTERS[family], "_predict", answer)
    monkeypatch.setattr(prediction_check, "encode_pictures", smooth_latents)
    of_unets = family.startswith("stable_diffusion")
    more = (*EDM.values(), FLOW) if family == "stable_diffusion_xl" else (FLOW,) if of_unets else ()
    for label in (*VARIANCE_PRESERVING, *more):
        relabel(folder, usual, label)
        if label in alike(kind) and label != kind:
            with pytest.raises(SjcError) as refused:
                load_score_model(ModelSpec(str(folder), device="cpu"))
            assert refused.value.code == "mislabelled_model"
            assert f'"prediction_type": "{told_as(kind)}"' in refused.value.hint
            continue
        model = load_score_model(ModelSpec(str(folder), device="cpu"))
        assert model.prediction_type == label
        named = f'"prediction_type": "{told_as(kind)}"'
        assert [named in remark for remark in model.remarks] == ([] if label == kind else [True])


def smooth_latents(vae, pictures):
    """What a trained encoder makes of smooth pictures; that of an untrained one is rough."""
    small = functional.avg_pool2d(pictures, 2)
    return torch.cat([small, small[:, :1]], dim=1)


def relabel(folder, usual, kind):
    """Let a model's files say that it predicts `kind`."""
    if kind in EDM.values():
        told = {"_class_name": "EDMEulerScheduler", "prediction_type": told_as(kind), "sigma_data": SIGMA_DATA[kind]}
    elif kind == FLOW:
        told = {**usual, "_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}
        told["use_flow_sigmas"] = True
    else:
        told = {**usual, "prediction_type": kind}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(told))
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"] = ["diffusers", told["_class_name"]]
    (folder / "model_index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("words", [30, 200])
def test_a_tokenizer_of_another_vocabulary_is_refused_or_remarked(tmp_path, words):
    folder = save_family("stable_diffusion", tmp_path / "model")
    own = load_score_model(ModelSpec(str(folder), device="cpu"))
    known = own._pipeline.text_encoder.get_input_embeddings().num_embeddings
    encoder = own._pipeline.text_encoder
    encoder.resize_token_embeddings(words)
    encoder.save_pretrained(folder / "text_encoder")
    if words < known:
        with pytest.raises(SjcError, match=f"the text encoder knows {words}") as refused:
            load_score_model(ModelSpec(str(folder), device="cpu"))
        assert refused.value.code == "broken_model"
        return
    remarks = load_score_model(ModelSpec(str(folder), device="cpu")).remarks
    assert any(f"knows {known} words, and its text encoder {words}" in remark for remark in remarks)


@pytest.mark.parametrize(("name", "warned"), [("model-turbo", True), ("model", False)])
def test_a_model_that_is_taken_for_distilled_by_its_name_is_told_so(tmp_path, name, warned):
    folder = shutil.copytree(BUILTIN, tmp_path / name)
    model = load_score_model(ModelSpec(str(folder), device="cpu"))
    assert (model.levels == (249, 499, 749, 999)) == warned
    assert [f"because of the name {name!r}" in remark for remark in model.remarks] == [True] * warned


def test_a_transformer_of_noise_that_is_said_to_be_a_flow_is_remarked_and_a_flow_of_noise_refused(tmp_path):
    for name, more in (("pixart_sigma", {}), ("sana", {"prediction_type": "epsilon", "use_flow_sigmas": False})):
        folder = save_text_to_image(name, tmp_path / name)
        scheduler = folder / "scheduler" / "scheduler_config.json"
        told = {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}
        told |= {"use_flow_sigmas": True, "num_train_timesteps": 1000, **more}
        scheduler.write_text(json.dumps(json.loads(scheduler.read_text()) | told))
        index = folder / "model_index.json"
        entry = {"scheduler": ["diffusers", "DPMSolverMultistepScheduler"]}
        index.write_text(json.dumps(json.loads(index.read_text()) | entry))
        if more:
            with pytest.raises(SjcError, match="those of 'flow_prediction'") as refused:
                load_score_model(ModelSpec(str(folder), device="cpu"))
            assert refused.value.code == "mislabelled_model"
        else:
            model = load_score_model(ModelSpec(str(folder), device="cpu"))
            assert model.prediction_type == "flow"
            assert model.remarks
