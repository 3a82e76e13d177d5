"""Guidance: what is evaluated, and what comes of it."""

import pytest
import torch

from sjc_blender.engine.score_models.guidance import guided
from sjc_blender.engine.score_models.score_model import Condition


class Recorder:
    """A network that answers input + mean of the embedding, and notes every call."""

    def __init__(self):
        self.batches = []

    def __call__(self, network_input, embeddings):
        self.batches.append(len(network_input))
        shift = 0.0 if embeddings is None else embeddings.mean(dim=(1, 2))[:, None, None, None]
        return network_input + shift


INPUT = torch.arange(2.0 * 3 * 2 * 2).reshape(2, 3, 2, 2)
POSITIVE, NEGATIVE = torch.full((1, 5, 4), 3.0), torch.full((1, 5, 4), 1.0)


@pytest.mark.parametrize(("scale", "shift"), [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (7.5, 16.0), (100.0, 201.0)])
def test_output_goes_from_the_negative_through_the_positive_by_the_scale(scale, shift):
    output = guided(Recorder(), INPUT, Condition(POSITIVE, NEGATIVE, scale))
    torch.testing.assert_close(output, INPUT + shift)


def test_both_texts_go_through_the_network_in_one_call():
    network = Recorder()
    guided(network, INPUT, Condition(POSITIVE, NEGATIVE, 7.5))
    assert network.batches == [4]


def test_at_scale_one_the_negative_is_not_evaluated():
    network = Recorder()
    guided(network, INPUT, Condition(POSITIVE, NEGATIVE, 1.0))
    assert network.batches == [2]


def test_without_a_condition_the_network_gets_no_embedding():
    torch.testing.assert_close(guided(Recorder(), INPUT, Condition()), INPUT)


def test_every_sample_may_have_a_text_of_its_own():
    positive = torch.stack([torch.full((5, 4), 3.0), torch.full((5, 4), 10.0)])
    output = guided(Recorder(), INPUT, Condition(positive, NEGATIVE, 2.0))
    torch.testing.assert_close(output[0], INPUT[0] + 5.0)
    torch.testing.assert_close(output[1], INPUT[1] + 19.0)


def test_guidance_without_a_negative_is_refused():
    with pytest.raises(ValueError, match=r"guidance_scale 7\.5 needs"):
        Condition(POSITIVE, None, 7.5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 7.5])
def test_the_classifier_score_is_the_difference_of_the_two_predictions(scale):
    """(D - z) / sigma^2 is s (score of the positive - score of the negative)."""
    network = Recorder()
    output = guided(network, INPUT, Condition(POSITIVE, NEGATIVE, scale, classifier_only=True))
    torch.testing.assert_close(output - INPUT, torch.full_like(INPUT, scale * 2.0))
    assert network.batches == [4]


def test_guidance_is_the_classifier_score_and_the_score_of_the_negative():
    free, only = (guided(Recorder(), INPUT, Condition(POSITIVE, NEGATIVE, 7.5, kind)) for kind in (False, True))
    negative = guided(Recorder(), INPUT, Condition(NEGATIVE))
    torch.testing.assert_close(free - INPUT, (only - INPUT) + (negative - INPUT))


@pytest.mark.parametrize(
    ("settings", "evaluations"),
    [({"guidance_scale": 1.0}, 1), ({"guidance_scale": 3.0}, 2), ({"classifier_only": True}, 2)],
)
def test_a_condition_knows_what_it_costs(settings, evaluations):
    network = Recorder()
    condition = Condition(POSITIVE, NEGATIVE, **settings)
    guided(network, INPUT, condition)
    assert sum(network.batches) == condition.evaluations * len(INPUT) == evaluations * len(INPUT)
    assert Condition().evaluations == 1


def test_what_belongs_together_is_asked_for():
    with pytest.raises(ValueError, match="needs a positive and a negative"):
        Condition(POSITIVE, classifier_only=True)
    with pytest.raises(ValueError, match="weights belong together"):
        Condition(POSITIVE, NEGATIVE, 3.0, other_views=POSITIVE[None])
