"""The simulation of docs/scale.md against its closed form."""

import pytest

from benchmarks.farm.simulate import Farm, expected_hours, simulated


@pytest.mark.parametrize("failure_seconds", [1e12, 3600.0, 600.0])
def test_many_jobs_take_what_the_closed_form_says(failure_seconds):
    farm = Farm(20_000, 10, 40.0, 10.0, 10.0, failure_seconds, 30.0)
    outcome = simulated(farm, 0)
    assert outcome.hours == pytest.approx(expected_hours(farm), rel=0.02)
    assert outcome.gigabytes == 600.0
    assert (outcome.failures > 0) is (failure_seconds < 1e6)


def test_without_failures_a_farm_is_as_quick_as_its_workers():
    farm = Farm(100, 10, 36.0, 10.0, 10.0, 1e12, 30.0)
    assert simulated(farm, 0).hours == pytest.approx(0.1)
