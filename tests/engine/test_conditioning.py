"""View-dependent prompts: which texts are encoded, how often, and how they are blended."""

import math
from types import SimpleNamespace

import pytest
import torch

from sjc_blender.engine.score_models.conditioning import PromptConditioner, conditioner_for
from sjc_blender.protocol import presets
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.views import Band, View, ViewVocabulary

FOUR = ("front", "left", "back", "right")
BLENDED = ViewVocabulary(
    "bilinear",
    (
        Band(0.0, tuple(View(90.0 * i, word + " view of {prompt}") for i, word in enumerate(FOUR))),
        Band(60.0, (View(0.0, "high view of {prompt}"),)),
    ),
)


class CountingEncoder:
    """Encodes every new text as the next unit vector."""

    def __init__(self):
        self.texts = []

    def encode(self, texts):
        start = len(self.texts)
        self.texts.extend(texts)
        return torch.eye(8)[start : start + len(texts)].reshape(-1, 2, 4)

    def weights(self, embedding):
        return {text: float(w) for text, w in zip(self.texts, embedding.flatten(), strict=False) if w}


def viewpoint(azimuth, elevation, text=""):
    return SimpleNamespace(azimuth=azimuth, elevation=elevation, camera=SimpleNamespace(view_text=text))


def test_each_distinct_text_is_encoded_once_however_many_views_are_drawn():
    model = CountingEncoder()
    conditioner = PromptConditioner(model, BLENDED, "a duck", "blurry", 5.0)
    for azimuth in range(-180, 180, 7):
        conditioner.at(viewpoint(azimuth, 20.0))
    assert sorted(model.texts) == sorted(
        [*(f"{word} view of a duck" for word in FOUR), "high view of a duck", "blurry"]
    )


def test_the_views_around_the_camera_are_blended():
    model = CountingEncoder()
    conditioner = PromptConditioner(model, BLENDED, "a duck", "", 5.0)
    condition = conditioner.at(viewpoint(22.5, 15.0))
    assert condition.positive.shape == (1, 2, 4)
    assert model.weights(condition.positive) == {
        "front view of a duck": 0.75 * 0.75,
        "left view of a duck": 0.75 * 0.25,
        "high view of a duck": 0.25,
    }


def test_the_negative_and_the_guidance_come_with_every_view():
    model = CountingEncoder()
    condition = PromptConditioner(model, BLENDED, "a duck", "blurry", 5.0).at(viewpoint(0.0, 0.0))
    assert model.weights(condition.negative) == {"blurry": 1.0}
    assert condition.guidance_scale == 5.0


def test_other_views_come_with_their_weights_where_they_are_wanted():
    model = CountingEncoder()
    settings = {"perp_neg_weight": 2.0, "rescale": 0.5, "classifier_only": True}
    conditioner = PromptConditioner(model, BLENDED, "a duck", "", 5.0, ["a cave"], **settings)
    condition = conditioner.at(viewpoint(135.0, 5.0))
    assert (condition.rescale, condition.classifier_only) == (0.5, True)
    assert condition.other_views.shape == (1, 2, 2, 4)
    named = [model.weights(embedding) for embedding in condition.other_views[0]]
    assert named == [{"front view of a duck": 1.0}, {"left view of a duck": 1.0}]
    expected = torch.tensor([[-2 * (math.exp(-0.25) + 0.967), -2 * (math.exp(-0.25) - 0.606)]])
    torch.testing.assert_close(condition.other_view_weights, expected)
    # Overhead, and where a camera has words of its own, there is nothing to lead away from.
    assert conditioner.at(viewpoint(135.0, 80.0)).other_views is None
    assert conditioner.at(viewpoint(135.0, 5.0, "a cave")).other_views is None
    assert PromptConditioner(model, BLENDED, "a car", "", 5.0).at(viewpoint(135.0, 5.0)).other_views is None


@pytest.mark.parametrize(
    ("blending", "expected"),
    [
        ("model", {"side view of a duck": 1.0}),
        ("nearest", {"side view of a duck": 1.0}),
        ("azimuth", {"front view of a duck": 0.25, "side view of a duck": 0.75}),
        (
            "bilinear",
            {"front view of a duck": 0.1875, "side view of a duck": 0.5625, "overhead view of a duck": 0.25},
        ),
    ],
)
def test_a_job_says_how_view_words_are_blended(blending, expected):
    model = CountingEncoder()
    spec = presets.new_job("a duck", model="any/other-model", optimisation={"view_blending": blending})
    condition = conditioner_for(spec, load_profile("any/other-model"), model).at(viewpoint(67.5, 22.5))
    assert model.weights(condition.positive) == pytest.approx(expected)


def test_a_job_says_how_it_is_guided():
    settings = {"guidance": "classifier_score", "guidance_scale": 1.0, "perp_neg_weight": 0.5}
    spec = presets.new_job("a duck", model="any/other-model", optimisation=settings)
    condition = conditioner_for(spec, load_profile("any/other-model"), CountingEncoder()).at(viewpoint(180.0, 0.0))
    assert (condition.classifier_only, condition.evaluations) == (True, 4)
    assert condition.other_view_weights[0].tolist() == pytest.approx([-0.9835, -0.197])
    spec = presets.new_job("a duck", model="any/other-model", optimisation={"guidance_rescale": 0.5})
    condition = conditioner_for(spec, load_profile("any/other-model"), CountingEncoder()).at(viewpoint(180.0, 0.0))
    assert (condition.classifier_only, condition.rescale, condition.evaluations) == (False, 0.5, 2)


def test_stable_diffusion_gets_the_papers_four_prefixes():
    model = CountingEncoder()
    conditioner = PromptConditioner(model, load_profile("any/other-model").views, "a duck")
    expected = {
        (10.0, 0.0): "front view of a duck",
        (-100.0, 0.0): "side view of a duck",
        (80.0, 30.0): "side view of a duck",
        (170.0, 41.0): "backside view of a duck",
        (170.0, 42.0): "overhead view of a duck",
    }
    for (azimuth, elevation), text in expected.items():
        assert model.weights(conditioner.at(viewpoint(azimuth, elevation)).positive) == {text: 1.0}


def test_a_cameras_own_text_replaces_the_view_words():
    model = CountingEncoder()
    own = ("underside of {prompt}", "a cave", "")
    conditioner = PromptConditioner(model, BLENDED, "a duck", "", 5.0, camera_texts=own)
    encoded = len(model.texts)
    said = [model.weights(conditioner.at(viewpoint(10.0, 5.0, text)).positive) for text in own[:2]]
    assert said == [{"underside of a duck": 1.0}, {"a cave": 1.0}]
    assert len(model.weights(conditioner.at(viewpoint(10.0, 5.0)).positive)) == 3
    assert len(model.texts) == encoded == len(set(model.texts))
