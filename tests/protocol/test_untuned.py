"""Settings that nobody measured with a model are said to be so; its own, and pictures, are not."""

import json
import shutil

import pytest

from sjc_blender.protocol.model_families import BUILTIN
from sjc_blender.protocol.untuned import UNTUNED, untuned


def make(folder, index, profile=None):
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": index}))
    if profile is not None:
        needed = {"name": "mine", "family": "stable_diffusion", "image_size": 512}
        (folder / "sjc.json").write_text(json.dumps(needed | profile))
    return str(folder)


@pytest.mark.parametrize(
    "index", ["StableDiffusionPipeline", "StableDiffusionXLPipeline", "IFPipeline", "DDPMPipeline"]
)
def test_the_settings_of_a_family_are_not_a_models_own(tmp_path, index):
    assert untuned(make(tmp_path / "model", index)) == UNTUNED


def test_a_profile_without_settings_has_none_of_its_own(tmp_path):
    assert untuned(make(tmp_path / "a", "StableDiffusionPipeline", {"background": [0, 0, 0, 0]})) == UNTUNED
    measured = {"settings": {"optimisation": {"guidance_scale": 7.5}}}
    assert untuned(make(tmp_path / "b", "StableDiffusionPipeline", measured)) == ""
    assert untuned(make(tmp_path / "c", "StableDiffusionPipeline", {"presets": {"draft": {"field": {}}}})) == ""


def test_nothing_is_said_of_what_needs_none_or_is_unknown(tmp_path):
    assert untuned("builtin") == ""
    assert untuned(str(shutil.copytree(BUILTIN, tmp_path / "prior"))) == ""
    assert untuned("nobody/has-this-here") == ""
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "reference_views.json").write_text("{}")
    assert untuned(str(tmp_path / "views")) == ""
    assert untuned(make(tmp_path / "bad", "StableDiffusionPipeline", {"image_size": 0})) == ""
