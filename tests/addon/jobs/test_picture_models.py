"""Models that turn a picture into an object: the same picture from the panel, the console, a batch and a command."""

import json
import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.jobs import job_edit
from sjc_blender.addon.ui.models import model_panel
from sjc_blender.protocol import codec
from sjc_blender.protocol.errors import SjcError
from tests.addon.drawn_layout import Layout, context
from tests.addon.jobs.checkpoints import write_checkpoint


@pytest.fixture
def model(tmp_path):
    """The index of such a model, which is all that the add-on reads."""
    folder = tmp_path / "zero123"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "Zero123Pipeline"}))
    return {"model": str(folder)}


@pytest.fixture
def chair(scene):
    image = bpy.data.images.new("Chair", 2, 3, alpha=True)
    image.pixels.foreach_set(np.tile(np.array([1.0, 0.0, 0.2, 1.0], np.float32), 6))
    return image


def test_however_a_job_is_asked_for_it_has_the_same_picture(addon, chair, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = bpy.context.scene.sjc
    settings.prompt, settings.negative_prompt, settings.preset = "a chair", "of another model", "draft"
    settings.model_kind, settings.model_source = "OWN", model["model"]
    assert settings.obstacle() == "Choose a picture first"
    settings.picture, settings.picture_elevation = chair, math.radians(22.5)
    assert settings.obstacle() == ""
    bpy.ops.sjc.generate()
    asked = {"panel": api.jobs()[-1].spec}
    seen_from = {"picture.elevation": 22.5}
    options = {"preset": "draft", "folder": tmp_path / "console", "overrides": seen_from, **model}
    asked["console"] = api.generate("a chair", picture="Chair", **options).spec
    row = {"prompt": "a chair", "picture": "Chair", "picture.elevation": "22.5"}
    batch = api.batch([row], presets="draft", start=False, folder=tmp_path / "batch", **model)
    asked["batch"] = batch.entries[0].planned.spec
    command = ["generate", "--prompt", "a chair", "--preset", "draft"]
    command += ["--model", model["model"], "--out", "command"]
    main([*command, "--picture", "Chair", "--set", "picture.elevation=22.5"])
    asked["command"] = api.jobs()[-1].spec
    first = codec.encode(asked["panel"])
    assert len(first["picture"]["digest"]) == 64 and first["picture"]["elevation"] == 22.5
    for way, spec in asked.items():
        told = codec.encode(spec)
        assert told["picture"] == first["picture"], way
        assert told["model"]["ip_adapter"] == "", way


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"picture": None}, "a picture of the object"),
        ({"ip_adapter": "a.safetensors"}, "empty with a model that turns a picture"),
        ({"overrides": {"picture.elevation": 100}}, "-90 to 90"),
    ],
)
def test_what_such_a_model_cannot_use_is_refused_and_leaves_nothing(addon, chair, model, tmp_path, changes, told):
    with pytest.raises(SjcError) as caught:
        api.generate("a chair", folder=tmp_path / "job", **{"picture": chair, **model, **changes})
    assert caught.value.code == "invalid_spec" and told in str(caught.value)
    assert not (tmp_path / "job").exists()


def test_an_edit_keeps_the_picture_unless_its_model_sees_none(addon, chair, model, tmp_path):
    job = api.generate("a chair", picture=chair, folder=tmp_path / "job", wait=True, **model)
    write_checkpoint(job.folder)
    edited = api.edit(job, "a table", preset="draft", folder=tmp_path / "edit")
    assert edited.spec.picture == job.spec.picture
    assert edited.folder.picture.read_bytes() == job.folder.picture.read_bytes()
    other = api.edit(job, "a table", model="other/model", folder=tmp_path / "other")
    assert other.spec.picture is None and not other.folder.picture.exists()
    assert job_edit.WITHOUT_PICTURE in other.warnings


def test_the_panel_asks_for_the_picture_in_place_of_an_ip_adapter(addon, scene, chair, model):
    def asked():
        layout = Layout()
        model_panel._draw_picture(layout, scene.sjc)
        return {args[1] for kind, args, _, _ in layout.drawn if kind in {"template_ID", "prop"}}

    scene.sjc.picture = chair
    assert asked() == {"picture", "picture_adapter", "picture_strength", "picture_reach"}
    scene.sjc.model_kind, scene.sjc.model_source = "OWN", model["model"]
    assert asked() == {"picture", "picture_elevation"}
    layout = Layout()
    model_panel.SJC_PT_model.draw(SimpleNamespace(layout=layout), context())
    assert "picture_elevation" in {args[1] for kind, args, _, _ in layout.drawn if kind == "prop"}


@pytest.mark.parametrize("pipeline", [None, "MVDreamPipeline", "DDPMPipeline", "StableDiffusionPipeline"])
def test_a_guide_and_a_picture_that_the_model_cannot_follow_are_refused_before_the_click(
    addon, scene, tmp_path, pipeline
):
    def has_field():
        layout = Layout()
        model_panel.SJC_PT_model.draw(SimpleNamespace(layout=layout), context())
        return "picture" in {args[1] for kind, args, _, _ in layout.drawn if kind == "template_ID"}

    settings = scene.sjc
    settings.prompt = "a red chair"
    if pipeline is not None:
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
        settings.model_kind, settings.model_source = "OWN", str(tmp_path)
    takes_both = pipeline in (None, "StableDiffusionPipeline")  # the built-in one can be given them, too
    assert settings.obstacle() == ""
    made = bpy.data.objects.new("P", bpy.data.meshes.new("P"))
    settings.guide_kind, settings.guide_object, settings.guide_control = "OBJECT", made, "someone/depth"
    assert settings.obstacle() == ("" if takes_both else "This model takes no guide; choose none")
    settings.guide_kind = "NONE"
    assert has_field() == (pipeline == "StableDiffusionPipeline")
    settings.picture, settings.picture_adapter = bpy.data.images.new("Front", 4, 4), "/adapters/ip.safetensors"
    assert settings.obstacle() == ("" if takes_both else "This model takes no picture; remove it")
    assert has_field(), "so that it can be removed"


def test_a_model_that_has_to_be_downloaded_first_asks_for_the_same_as_later(addon, scene, chair):
    settings = scene.sjc
    settings.picture = chair
    settings.model_kind, settings.model_id = "HUB", "bennyguo/zero123-xl-diffusers"
    assert settings.takes_picture and not settings.takes_prompt
    settings.model_id = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert settings.takes_prompt and not settings.takes_picture and settings.steered
