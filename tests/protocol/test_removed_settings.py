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

    def make(part="optimisation", **changed):
        folder = JobFolder.create(tmp_path / "job", presets.new_job("a red chair"))
        data = as_before(codec.encode(folder.read_spec()))
        data[part] |= changed
        folder.spec_path.write_text(json.dumps(data), encoding="utf-8")
        return folder

    return make


def test_no_field_of_today_has_the_name_of_one_that_is_gone():
    today = codec.encode(presets.new_job("a red chair"))
    assert not any(removed.keys() & today[part].keys() for part, removed in REMOVED.items())


def test_a_job_that_has_them_switched_off_is_read(old_job):
    folder = old_job()
    data = json.loads(folder.spec_path.read_text())
    assert all(removed.keys() < data[part].keys() for part, removed in REMOVED.items())
    assert folder.read_spec() == presets.new_job("a red chair")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("optimisation", "near_view_weight", 300.0),
        ("optimisation", "near_view_weight", False),
        ("optimisation", "timesteps_curve", "square_root"),
        ("optimisation", "opacity_entropy_weight", None),
        ("optimisation", "antithetic", True),
        ("optimisation", "antithetic", 0),
        ("field", "blob_radius", 0.3),
    ],
)
def test_a_job_that_uses_one_is_refused_by_its_name(old_job, part, name, value):
    with pytest.raises(InvalidSpec) as error:
        old_job(part, **{name: value}).read_spec()
    assert f"{part}.{name}" in error.value.message
    assert "no longer has this setting" in error.value.message


def test_an_estimator_that_is_gone_is_refused_with_those_that_are_there(old_job):
    with pytest.raises(
        InvalidSpec, match=r"optimisation\.estimator is 'blend'; allowed: one of 'eq15', 'eq16', 'none'"
    ):
        old_job(estimator="blend").read_spec()


def test_an_option_that_sets_one_is_refused_by_its_name():
    with pytest.raises(InvalidSpec) as error:
        presets.new_job("a red chair", overrides={"optimisation.feature_variation_weight": 1})
    assert "optimisation.feature_variation_weight" in error.value.message
