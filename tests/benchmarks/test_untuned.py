"""The measurement of the shared presets with a model that has no settings of its own."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks.quality import untuned
from benchmarks.quality.looks import Lens, look_at
from benchmarks.quality.shape import empty_grid, true_solid


def specs():
    return {row.name: row.spec("a red duck", 0, "some/model") for row in untuned.rows(list(untuned.BARE_GRIDS))}


def test_each_preset_stands_beside_the_bare_paper_with_as_many_steps():
    found = specs()
    for name in untuned.BARE_GRIDS:
        bare, preset = found[f"paper-{name}"], found[name]
        assert bare.optimisation.steps == preset.optimisation.steps
        assert (bare.optimisation.guidance_scale, bare.optimisation.loss_unit) == (100, "published")
        assert (bare.optimisation.timesteps_end, bare.field.stages) == (None, ())


def test_a_small_object_looks_as_large_as_a_usual_one():
    assert untuned.zoomed(1.0).field_of_view == pytest.approx(Lens.usual().field_of_view)
    seen = []
    for size in (1.0, 0.6):
        grid = empty_grid(48)
        grid.density_grid[torch.from_numpy(true_solid("snowman", grid, size))] = 100.0
        seen.append(float((look_at(grid, untuned.zoomed(size)).opacity > 0.5).float().mean()))
    assert seen[1] == pytest.approx(seen[0], rel=0.15)


def test_an_error_counts_as_the_worst_and_what_is_missing_is_left_out(tmp_path):
    job = SimpleNamespace(path=tmp_path, name="duck", colour="red", figures=lambda: {"failed": 1.0, "evaluations": 8})
    failed = untuned.judged(job)
    good = {
        "fog": 0.0,
        "janus_rate": 0.5,
        "janus_at_best": 0.38,
        "second_front": 0.25,
        "object": 1.0,
        "iou": 0.5,
        "size": 1.0,
        "evaluations": 8,
    }
    line = untuned.table({"draft": [failed, good]}).splitlines()[2]
    assert line.startswith(
        "| draft | 2 | 0.50 (0.00-1.00) | 0.50 | 0.38 | 0.25 | 0.50 (0.00-1.00) | 0.25 (0.00-0.50) | 1.00 | 8.00"
    )
