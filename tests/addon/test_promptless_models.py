"""Models that take no prompt: nothing stands in the way of the button, and the job is called by the model's name."""

import json

import pytest

import sjc_blender
from sjc_blender.addon.job_location import new_job_folder
from sjc_blender.protocol import presets


@pytest.fixture
def settings(scene):
    """Switch the add-on on; give the scene's settings."""
    sjc_blender.register()
    yield scene.sjc
    sjc_blender.unregister()


@pytest.fixture
def church(tmp_path):
    folder = tmp_path / "church"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "DDPMPipeline"}))
    return folder


def test_the_button_asks_for_a_prompt_only_if_the_model_takes_one(settings, church):
    settings.prompt = ""
    assert settings.obstacle() == "Write a prompt first"
    settings.model_kind, settings.model_source = "OWN", str(church)
    assert settings.obstacle() == ""


def test_a_job_without_a_prompt_lies_in_a_folder_named_after_its_model(church):
    spec = presets.new_job("", model=str(church))
    assert new_job_folder(spec.subject).name.endswith("-church")
