"""What changes over a run, at its ends and in between."""

import pytest

from sjc_blender.engine.optimisation.schedules import (
    clip_limit,
    holds,
    is_late,
    nearest_level,
    resolution,
    schedule_share,
    timestep_range,
)
from sjc_blender.protocol import presets
from sjc_blender.protocol.spec import FieldSpec, OptimisationSpec, ProxySpec


def shares(steps, looseness=None):
    proxy = None if looseness is None else ProxySpec("0" * 64, looseness)
    spec = presets.new_job("a chair", optimisation={"steps": 100}, field={"proxy": proxy})
    return [schedule_share(spec, step) for step in steps]


def test_schedules_run_with_the_steps_and_stay_at_their_end():
    assert shares((0, 25, 40, 90, 100, 130)) == [0.0, 0.25, 0.4, 0.9, 1.0, 1.0]


@pytest.mark.parametrize(("looseness", "start"), [(0.0, 0.5), (0.3, 0.5), (0.5, 0.5), (0.8, 0.2), (1.0, 0.0)])
def test_a_run_with_a_proxy_passes_over_what_finds_the_shape_half_of_it_at_most(looseness, start):
    expected = [start, (1 + start) / 2, 1.0, 1.0]
    assert shares((0, 50, 100, 130), looseness) == pytest.approx(expected, abs=1e-12)


def test_the_range_of_noise_levels_moves_from_its_start_to_its_end():
    settings = OptimisationSpec(timesteps=(200, 980), timesteps_end=(200, 500))
    ranges = {0.0: (200, 980), 0.25: (200, 860), 1.0: (200, 500)}
    assert {share: timestep_range(settings, share) for share in ranges} == ranges


def test_a_fixed_level_is_a_range_of_one():
    assert timestep_range(OptimisationSpec(timesteps=(300, 300)), 0.5) == (300, 300)


def test_the_clip_moves_linearly():
    settings = OptimisationSpec(clip=(0.5, 2.0))
    assert [clip_limit(settings, share) for share in (0.0, 0.5, 1.0)] == [0.5, 1.25, 2.0]
    assert clip_limit(OptimisationSpec(), 0.0) is None


def test_late_losses_begin_at_their_share():
    assert [is_late(OptimisationSpec(), share) for share in (0.49, 0.5)] == [False, True]


def test_stages_begin_at_their_shares():
    field = FieldSpec(48, stages=((0.0, 24), (0.25, 32), (0.4, 48)))
    assert [resolution(field, share) for share in (0.0, 0.24, 0.25, 0.39, 0.4, 1.0)] == [24, 24, 32, 32, 48, 48]
    assert resolution(FieldSpec(48), 0.0) == 48


def test_a_run_with_a_proxy_begins_on_the_grid_that_is_there_half_way():
    field = {"resolution": 96, "stages": ((0.0, 24), (0.4, 48), (0.9, 96)), "proxy": ProxySpec("0" * 64, 0.5)}
    spec = presets.new_job("a chair", optimisation={"steps": 100}, field=field)
    grids = [resolution(spec.field, schedule_share(spec, step)) for step in (0, 79, 80, 100)]
    assert grids == [48, 48, 96, 96]


def test_a_share_of_the_steps_is_reached_by_the_step_that_is_that_share():
    for steps in (10, 300, 800, 3000):
        spec = presets.new_job("a chair", optimisation={"steps": steps})
        for percent in range(1, 100):
            first = next(step for step in range(steps + 1) if schedule_share(spec, step) >= percent / 100)
            assert first == -(-percent * steps // 100)


def test_a_proxy_is_let_go_the_sooner_the_looser_it_is():
    settings = OptimisationSpec(steps=100)
    held = {looseness: [step for step in range(130) if holds(looseness, settings, step)] for looseness in (0, 0.5, 0.9)}
    assert held == {0: list(range(130)), 0.5: list(range(50)), 0.9: list(range(10))}


@pytest.mark.parametrize(
    ("drawn", "allowed", "expected"), [(300, (10, 969), 249), (960, (10, 969), 749), (5, (260, 400), 249)]
)
def test_a_distilled_model_is_asked_at_its_own_noise_levels(drawn, allowed, expected):
    assert nearest_level(drawn, (249, 499, 749, 999), allowed) == expected
    assert nearest_level(drawn, (), allowed) == drawn
