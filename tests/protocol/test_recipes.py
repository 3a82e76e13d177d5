"""The published recipes by name."""

import pytest

from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.recipes import recipe_names

SD = "some/model"


def test_there_are_the_24_of_the_authors_and_each_is_a_whole_job():
    names = recipe_names()
    assert len(names) == 24
    own = [name for name in names if not name.startswith("recipe_")]
    assert len({presets.new_job("", model=SD, preset=name).prompt for name in own}) == 21
    jobs = [presets.new_job("" if name in own else "a clay figure", model=SD, preset=name) for name in names]
    for job in jobs:
        assert (job.field.resolution, job.optimisation.guidance_scale) == (100, 100)
        assert job.optimisation.emptiness_late_factor == 20
    with_eq15 = {name for name, job in zip(names, jobs, strict=True) if job.optimisation.estimator == "eq15"}
    assert with_eq15 == {"recipe_2", "printer", "rocket", "school_bus", "zebra", "zelda_link"}


def test_a_recipe_has_its_prompt_and_settings():
    zebra = presets.new_job("", model=SD, preset="zebra")
    assert zebra.prompt == "A photo of a zebra walking"
    assert zebra.preset == "zebra"
    o = zebra.optimisation
    assert (o.steps, o.learning_rate, o.emptiness_weight, o.depth_weight) == (10_000, 0.02, 30_000, 0)


@pytest.mark.parametrize("name", ["recipe_1", "recipe_2", "recipe_3"])
def test_a_recipe_without_a_prompt_asks_for_one(name):
    with pytest.raises(InvalidSpec, match="prompt"):
        presets.new_job("", model=SD, preset=name)


def test_the_caller_may_change_the_prompt_and_any_setting():
    job = presets.new_job("a black horse", model=SD, preset="horse", optimisation={"steps": 5})
    assert (job.prompt, job.optimisation.steps) == ("a black horse", 5)


def test_a_recipe_stands_on_what_the_model_makes_of_the_papers_preset():
    paper = presets.new_job("a red chair", preset="paper")
    job = presets.new_job("a red chair", preset="chair")
    assert job.optimisation.guidance_scale == paper.optimisation.guidance_scale
    assert job.optimisation.steps == 50_000


def test_a_prompt_of_a_recipe_that_the_model_does_not_know_is_refused():
    with pytest.raises(SjcError, match="does not know"):
        presets.new_job("", preset="temple_of_heaven")


def test_an_unknown_name_is_answered_with_all_names():
    with pytest.raises(InvalidSpec, match=r"draft, .*zebra"):
        presets.new_job("a", model=SD, preset="fast")
