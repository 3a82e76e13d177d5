"""A prompt as the name or the number of a class, and jobs of models with classes or without any prompt."""

import pytest
import torch

from sjc_blender.engine.score_models.class_names import ClassNames, names_from_config
from sjc_blender.engine.score_models.conditioning import conditioner_for
from sjc_blender.engine.score_models.loading import load_score_model
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.model_profile import load_profile
from tests.engine.tiny_families import save_family

CLASSES = ClassNames(3, 3, names_from_config({"0": "goldfish, Carassius auratus", "1": "white shark", "2": "hen"}, 3))


@pytest.mark.parametrize(
    ("text", "label"),
    [("goldfish", 0), ("Carassius Auratus", 0), (" White shark ", 1), ("2", 2), ("", 3), ("  ", 3)],
)
def test_a_class_is_found_by_any_of_its_names_and_its_number(text, label):
    assert CLASSES.label(text) == label


@pytest.mark.parametrize("text", ["golden fish", "3", "-1", "1.0"])
def test_an_unknown_class_is_told_with_the_near_ones(text):
    with pytest.raises(SjcError) as error:
        CLASSES.label(text)
    assert error.value.code == "unknown_class"
    assert "0 to 2" in error.value.hint
    if text == "golden fish":
        assert "'goldfish'" in error.value.message


@pytest.mark.parametrize(
    "told", [["a"], "a", None, {"3": "a"}, {"-1": "a"}, {"a": "b"}, {"0": 1}, {"0": None}, {"٣": "a"}]
)
def test_names_of_other_classes_than_the_model_has_are_refused(told):
    with pytest.raises(SjcError, match=r"id2label holds .* 0 to 2") as error:
        names_from_config(told, 3)
    assert error.value.code == "broken_model"


def test_without_a_null_class_there_is_no_guidance():
    with pytest.raises(SjcError) as error:
        ClassNames(3, None).label("")
    assert error.value.code == "no_null_class"
    assert "guidance_scale to 1" in error.value.hint


@pytest.fixture(scope="module", params=["dit", "ddpm_classes"])
def class_model(request, tmp_path_factory):
    return str(save_family(request.param, tmp_path_factory.mktemp("class") / request.param))


def test_every_view_of_a_class_has_the_same_condition_guided_from_no_class(class_model):
    spec = presets.new_job("duck", model=class_model, optimisation={"guidance_scale": 4.0})
    model = load_score_model(spec.model)
    condition = conditioner_for(spec, load_profile(class_model), model).at(None)
    assert (condition.positive.tolist(), condition.negative.tolist()) == ([1], [2])
    z = torch.ones(1, model.channels, model.sample_size, model.sample_size)
    assert torch.isfinite(model.denoise(z, 500, condition)).all()


def test_a_class_has_a_classifier_score_but_no_other_views(class_model):
    profile, score = load_profile(class_model), {"guidance": "classifier_score", "guidance_scale": 1.0}
    spec = presets.new_job("duck", model=class_model, optimisation=score)
    condition = conditioner_for(spec, profile, load_score_model(spec.model)).at(None)
    assert (condition.classifier_only, condition.negative.tolist()) == (True, [2])
    spec = presets.new_job("duck", model=class_model, optimisation={"perp_neg_weight": 1.0})
    with pytest.raises(SjcError, match="perp_neg_weight needs view words") as error:
        conditioner_for(spec, profile, load_score_model(spec.model))
    assert error.value.code == "guidance_needs_prompt"


def test_without_any_prompt_there_is_no_classifier_score(tmp_path):
    folder = str(save_family("ddpm", tmp_path / "ddpm"))
    spec = presets.new_job("", model=folder, optimisation={"guidance": "classifier_score"})
    with pytest.raises(SjcError, match="classifier_score needs a prompt") as error:
        conditioner_for(spec, load_profile(folder), load_score_model(spec.model))
    assert error.value.code == "guidance_needs_prompt"


def test_a_model_of_classes_asks_for_one(class_model):
    with pytest.raises(InvalidSpec, match="prompt"):
        presets.new_job("", model=class_model)


def test_a_model_without_a_prompt_asks_for_none(tmp_path):
    folder = str(save_family("ddpm", tmp_path / "ddpm"))
    spec = presets.new_job("", model=folder)
    assert spec.prompt == ""
    assert conditioner_for(spec, load_profile(folder), None).at(None).positive is None


def test_a_table_of_another_length_gets_a_range_of_its_own(tmp_path):
    folder = save_family("ddpm", tmp_path / "ddpm")
    config = folder / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace('"num_train_timesteps": 1000', '"num_train_timesteps": 200'))
    assert presets.new_job("", model=str(folder)).optimisation.timesteps == (2, 193)
    assert len(load_score_model(presets.new_job("", model=str(folder)).model).sigmas) == 200
