"""View-dependent prompts: which texts are encoded, how often, and how they are blended."""

from types import SimpleNamespace

import torch

from sjc_blender.engine.score_models.conditioning import PromptConditioner
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
