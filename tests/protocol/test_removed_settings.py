"""A job of an earlier release that has settings which are gone: read where they did nothing, refused where they did."""

import json

import pytest

from sjc_blender.protocol import codec, presets
from sjc_blender.protocol.errors import InvalidSpec
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.removed_settings import REMOVED, as_before


@pytest.fixture
def old_job(tmp_path):
    """A job's folder, whose ``job.json`` has these values of removed settings beside all others."""

    def make(**changed):
        folder = JobFolder.create(tmp_path / "job", presets.new_job("a red chair"))
        data = as_before(codec.encode(folder.read_spec()))
        data["optimisation"] |= changed
        folder.spec_path.write_text(json.dumps(data), encoding="utf-8")
        return folder

    return make


def test_no_field_of_today_has_the_name_of_one_that_is_gone():
    assert not REMOVED.keys() & codec.encode(presets.new_job("a red chair"))["optimisation"].keys()


def test_a_job_that_has_them_switched_off_is_read(old_job):
    folder = old_job()
    assert REMOVED.keys() < json.loads(folder.spec_path.read_text())["optimisation"].keys()
    assert folder.read_spec() == presets.new_job("a red chair")


@pytest.mark.parametrize(
    ("name", "value"),
    [("near_view_weight", 300.0), ("timesteps_curve", "square_root"), ("opacity_entropy_weight", None)],
)
def test_a_job_that_uses_one_is_refused_by_its_name(old_job, name, value):
    with pytest.raises(InvalidSpec) as error:
        old_job(**{name: value}).read_spec()
    assert f"optimisation.{name}" in error.value.message
    assert "no longer has this setting" in error.value.message


def test_an_option_that_sets_one_is_refused_by_its_name():
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a red chair", overrides={"optimisation.feature_variation_weight": 1})
    assert "optimisation.feature_variation_weight" in error.value.message
