"""Perp-Neg: what is perpendicular, which views a camera is led away from, and how strongly."""

import itertools
import math

import pytest
import torch

from sjc_blender.engine.score_models.guidance import guided
from sjc_blender.engine.score_models.perp_neg import other_views, perpendicular
from sjc_blender.engine.score_models.score_model import Condition
from sjc_blender.protocol.model_profile import load_profile
from sjc_blender.protocol.views import PAPER_VIEWS


def directions(count, seed=0):
    return torch.randn(count, 3, 5, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dot(a, b):
    return (a * b).sum(dim=(1, 2, 3))


def test_what_is_perpendicular_is_so_in_every_sample_and_nothing_else_is_lost():
    direction, main = directions(2)
    rest = perpendicular(direction, main)
    torch.testing.assert_close(dot(rest, main), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-12)
    # What was taken away is a multiple of the main direction.
    cosine = dot(direction - rest, main).abs() / (dot(direction - rest, direction - rest) * dot(main, main)).sqrt()
    torch.testing.assert_close(cosine, torch.ones(3, dtype=torch.float64))


def test_of_the_main_direction_itself_nothing_is_left():
    (main,) = directions(1)
    torch.testing.assert_close(perpendicular(-2.5 * main, main), torch.zeros_like(main))


def test_where_the_prompt_says_nothing_the_whole_direction_counts():
    (direction,) = directions(1)
    torch.testing.assert_close(perpendicular(direction, torch.zeros_like(direction)), direction)


class Table:
    """A denoiser that answers z plus the picture that its embedding names, and notes what it was asked."""

    def __init__(self, pictures):
        self.pictures = pictures
        self.asked = []

    def __call__(self, z, embeddings):
        self.asked.append(embeddings.flatten().tolist())
        return z + torch.stack([self.pictures[int(e)] for e in embeddings.flatten()])


def test_guidance_leads_away_from_other_views_by_their_perpendicular_parts():
    pictures = directions(4)[:, 0]
    z = directions(1, seed=1)[0][:2]
    weights = torch.tensor([[-1.5, -0.25], [0.0, -2.0]], dtype=torch.float64)
    names = torch.tensor([[2.0, 3.0]])
    condition = Condition(torch.tensor([1.0]), torch.tensor([0.0]), 7.0, other_views=names, other_view_weights=weights)
    found = guided(Table(pictures), z, condition)
    positive = pictures[1] - pictures[0]
    for sample in range(2):
        expected = positive.clone()
        for weight, picture in zip(weights[sample], pictures[2:], strict=True):
            direction = picture - pictures[0]
            expected += weight * (direction - (direction * positive).sum() / positive.square().sum() * positive)
        torch.testing.assert_close(found[sample], z[sample] + pictures[0] + 7.0 * expected)
    # Along the prompt's own direction nothing has changed: the object is no less what the prompt says.
    along = ((found - z - pictures[0]) * positive).sum(dim=(1, 2, 3))
    torch.testing.assert_close(along, (7.0 * positive.square().sum()).expand(2))


def test_all_views_go_through_the_network_in_one_call_even_at_scale_one():
    table = Table(directions(4)[:, 0])
    others = {"other_views": torch.tensor([[2.0, 3.0]]), "other_view_weights": torch.tensor([[-1.0, -1.0]])}
    condition = Condition(torch.tensor([1.0]), torch.tensor([0.0]), 1.0, **others)
    guided(table, directions(1)[0][:2], condition)
    assert table.asked == [[0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]]
    assert condition.evaluations * 2 == len(table.asked[0])


def weights_at(azimuth, elevation=0.0, views=PAPER_VIEWS):
    return {view.text.removesuffix(" {prompt}"): weight for view, weight in other_views(views, azimuth, elevation)}


@pytest.mark.parametrize(
    ("azimuth", "front", "side"),
    [
        # Constants of threestudio: 4 exp(-r/2) - 2.426, exp(-r/2) + 0.967, exp(-r/2) - 0.606.
        (0.0, 0.0, 4 - 2.426),
        (45.0, 4 * math.exp(-0.25) - 2.426, 4 * math.exp(-0.25) - 2.426),
        (90.0, math.exp(-0.5) + 0.967, 0.0),
        (135.0, math.exp(-0.25) + 0.967, math.exp(-0.25) - 0.606),
        (180.0, 1.967, 0.394),
    ],
)
def test_a_view_is_led_away_from_front_and_side_by_how_far_they_are(azimuth, front, side):
    for turned in (azimuth, -azimuth, azimuth + 360):
        found = weights_at(turned)
        assert found.keys() == {"front view of", "side view of"}
        assert found["front view of"] == pytest.approx(-front, abs=2e-3)
        assert found["side view of"] == pytest.approx(-side, abs=2e-3)


def test_the_weights_have_no_jumps_and_never_attract():
    fine = [weights_at(azimuth / 10) for azimuth in range(-1800, 1801)]
    for name in ("front view of", "side view of"):
        values = [weights[name] for weights in fine]
        assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 0.003
        assert max(values) <= 0


def test_overhead_has_no_other_views():
    assert weights_at(170.0, 80.0) == {}


def test_the_side_is_the_nearer_one_in_the_models_own_words():
    views = load_profile("builtin").views
    assert set(weights_at(100.0, 5.0, views)) == {"front side low view of", "left side low view of"}
    assert set(weights_at(-100.0, 60.0, views)) == {"front side high view of", "right side high view of"}
