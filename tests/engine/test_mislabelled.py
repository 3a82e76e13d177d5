"""A corpus of networks under wrong labels: none runs as if it were right, and no right one is refused.

The networks are ideal ones of Gaussian samples: every kind under every label tells the readings, and folders of every
family, whose network answers so, tell what a user sees.
"""

import json

import pytest
import torch
from torch.nn import functional

from sjc_blender.engine.score_models import prediction_check
from sjc_blender.engine.score_models.loading import ADAPTERS, load_score_model
from sjc_blender.engine.score_models.preconditioning import EDM, FLOW, VARIANCE_PRESERVING
from sjc_blender.engine.score_models.prediction_check import alike, prediction_of, readings, smooth_sample, told_as
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.spec import ModelSpec
from tests.engine.ideal_networks import KINDS, SCHEDULES, SIGMA_DATA, IdealNetwork
from tests.engine.tiny_families import save_family

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
        if true in alike(told) and SIGMA_DATA.get(true) == SIGMA_DATA.get(told):
            assert prediction_of(found) == true


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
        assert any("no trained network" in remark for remark in model.remarks) == (label != kind)


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
