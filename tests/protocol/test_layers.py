"""A weight's number is never taken for one of another unit, nor what belongs to one kind of guidance for another's."""

import pytest

from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.errors import InvalidSpec
from sjc_blender.protocol.layers import LOSS_WEIGHTS, laid_over
from sjc_blender.protocol.spec import OptimisationSpec
from sjc_blender.protocol.validation import spec_from_json

SCORE = {"optimisation": {"loss_unit": "score", "emptiness_weight": 2.0, "camouflage_weight": 3.0, "steps": 7}}


def test_they_are_all_the_weights_that_a_job_has():
    fields = [name for name in codec.encode(OptimisationSpec()) if name.endswith("_weight")]
    assert sorted(LOSS_WEIGHTS) == sorted(name for name in fields if name != "perp_neg_weight")


def test_a_file_that_names_no_unit_means_published_weights_and_takes_none_of_another_unit_over():
    found = laid_over(SCORE, {"optimisation": {"emptiness_weight": 500}})
    assert found == {"optimisation": {"loss_unit": "published", "emptiness_weight": 500, "steps": 7}}


def test_a_file_without_weights_leaves_them_as_they_are():
    found = laid_over(SCORE, {"optimisation": {"steps": 9}})
    assert found == {"optimisation": {**SCORE["optimisation"], "steps": 9}}


def test_weights_of_one_unit_are_laid_over_each_other():
    found = laid_over(SCORE, {"optimisation": {"loss_unit": "score", "emptiness_weight": 1.0}})
    assert found["optimisation"] == {**SCORE["optimisation"], "emptiness_weight": 1.0}


def test_a_users_weight_is_in_the_unit_of_the_job():
    job = presets.new_job("a red car", optimisation={"emptiness_weight": 2.5})
    assert (job.optimisation.loss_unit, job.optimisation.emptiness_weight) == ("published", 2.5)
    assert job.optimisation.camouflage_weight > 0
    job = presets.new_job("a red car", optimisation={"loss_unit": "score", "emptiness_weight": 2.5})
    assert (job.optimisation.loss_unit, job.optimisation.emptiness_weight) == ("score", 2.5)


def test_a_users_other_unit_takes_the_presets_weights_away():
    job = presets.new_job("a red car", optimisation={"loss_unit": "score", "emptiness_weight": 2.5})
    assert job.optimisation.camouflage_weight == 0


def test_a_published_number_in_a_job_of_the_other_unit_is_refused_with_the_way_out():
    with pytest.raises(InvalidSpec, match="loss_unit=published") as refusal:
        presets.new_job("a red car", optimisation={"loss_unit": "score", "emptiness_weight": 20_000})
    assert [fault.field for fault in refusal.value.faults] == ["optimisation.emptiness_weight"]


def test_a_job_from_before_there_were_units_means_what_it_meant():
    data = codec.encode(presets.new_job("a red car", preset="paper"))
    del data["optimisation"]["loss_unit"]
    data["optimisation"]["camouflage_weight"] = 0.1
    old = spec_from_json(data).optimisation
    assert (old.loss_unit, old.emptiness_weight, old.camouflage_weight) == ("published", 1e4, 0.1)


@pytest.mark.parametrize(
    ("guidance", "rescale"),
    [({}, 0.5), ({"guidance": "classifier_free"}, 0.5), ({"guidance": "classifier_score"}, None)],
)
def test_guidance_of_another_kind_takes_no_rescaling_over(guidance, rescale):
    found = laid_over({"optimisation": {"guidance_rescale": 0.5, "steps": 7}}, {"optimisation": guidance})
    assert found["optimisation"].get("guidance_rescale") == rescale
    assert found["optimisation"]["steps"] == 7
