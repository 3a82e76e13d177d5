"""What changes over a run, at its ends and in between."""

import pytest

from sjc_blender.engine.schedules import clip_limit, has_begun, holds, is_late, resolution, timestep_range
from sjc_blender.protocol.spec import FieldSpec, OptimisationSpec


@pytest.mark.parametrize(
    ("curve", "ranges"),
    [
        ("linear", {0: (200, 980), 25: (200, 860), 100: (200, 500), 130: (200, 500)}),
        ("square_root", {0: (200, 980), 25: (200, 740), 100: (200, 500), 130: (200, 500)}),
    ],
)
def test_the_range_of_noise_levels_moves_from_its_start_to_its_end(curve, ranges):
    settings = OptimisationSpec(steps=100, timesteps=(200, 980), timesteps_end=(200, 500), timesteps_curve=curve)
    assert {step: timestep_range(settings, step) for step in ranges} == ranges


def test_a_fixed_level_is_a_range_of_one():
    assert timestep_range(OptimisationSpec(timesteps=(300, 300)), 5000) == (300, 300)


def test_the_clip_moves_linearly():
    settings = OptimisationSpec(steps=10_000, clip=(0.5, 2.0))
    assert [clip_limit(settings, step) for step in (0, 5000, 10_000, 12_000)] == [0.5, 1.25, 2.0, 2.0]
    assert clip_limit(OptimisationSpec(), 0) is None


def test_late_losses_begin_at_their_share():
    assert [is_late(OptimisationSpec(steps=10), step) for step in (4, 5)] == [False, True]
    assert [has_begun(0.3, OptimisationSpec(steps=10), step) for step in (2, 3)] == [False, True]
    assert has_begun(0.0, OptimisationSpec(), 0)


def test_stages_begin_at_their_shares():
    field = FieldSpec(48, stages=((0.0, 24), (0.25, 32), (0.4, 48)))
    assert [resolution(field, 100, step) for step in (0, 24, 25, 39, 40, 100)] == [24, 24, 32, 32, 48, 48]
    assert resolution(FieldSpec(48), 100, 0) == 48


def test_a_proxy_is_let_go_the_sooner_the_looser_it_is():
    settings = OptimisationSpec(steps=100)
    held = {looseness: [step for step in range(130) if holds(looseness, settings, step)] for looseness in (0, 0.5, 0.9)}
    assert held == {0: list(range(130)), 0.5: list(range(50)), 0.9: list(range(10))}
