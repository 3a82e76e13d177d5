"""However a job is asked for, it is the same job: in the panel, a batch, an edit, the console, a command."""

import json
import math

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.batch import batch as batches
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.jobs import resolve, scene_view
from sjc_blender.addon.rigs import rig_building
from sjc_blender.addon.ui.batch import batch_operators
from sjc_blender.protocol import codec, presets, validation
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.checkpoints import write_checkpoint

MODEL = "some/model"


@pytest.fixture
def panel(addon, scene, monkeypatch, tmp_path):
    """The panel with every setting changed, in a saved file with a rig, a domain, a proxy and a guide."""
    monkeypatch.setattr(batches, "latest", None)
    monkeypatch.setattr(batch_operators, "verdict", None)
    monkeypatch.chdir(tmp_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    settings = scene.sjc
    settings.domain = rig_building.add_domain(scene)
    settings.rig = "CAMERAS"
    settings.cameras = rig_building.add_orbit_rig(
        scene, settings.domain, count=5, orbit=presets.load_profile(MODEL).orbit
    )
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.6)
    settings.proxy_kind, settings.proxy_object, settings.proxy_looseness = "OBJECT", bpy.context.object, 0.25
    bpy.ops.mesh.primitive_cone_add(radius1=0.5, depth=1.0)
    settings.guide_kind, settings.guide_object, settings.guide_strength = "OBJECT", bpy.context.object, 0.75
    settings.guide_picture = "normal"
    settings.guide_control, settings.guide_lowest, settings.guide_highest = "//depth", 0.125, 0.875
    settings.picture = bpy.data.images.new("Front", 4, 4)
    settings.picture_adapter, settings.picture_strength = "//ip.safetensors", 0.25
    settings.picture_reach = math.radians(45)
    settings.prompt, settings.negative_prompt, settings.seed = "a green chair", "success", 7
    settings.preset, settings.jitter, settings.make_volume = "draft", math.radians(30), False
    settings.model_kind, settings.model_id, settings.memory = "HUB", MODEL, "8GB"
    adapter = settings.adapters.add()
    adapter.path, adapter.weight = str(tmp_path / "style.safetensors"), 0.5
    return settings


def the_same_options(settings):
    """What the console is to be told for the same job."""
    return {
        "rig": settings.cameras.name,
        "domain": settings.domain.name,
        "proxy": settings.proxy_object.name,
        "looseness": settings.proxy_looseness,
        "guide": settings.guide_object.name,
        "guide_strength": settings.guide_strength,
        "guide_picture": "normal",
        "control": settings.guide_control,
        "picture": "Front",
        "picture_strength": 0.25,
        "ip_adapter": settings.picture_adapter,
        "negative_prompt": settings.negative_prompt,
        "jitter": 30.0,
        "preset": "draft",
        "model": MODEL,
        "outputs": "mesh",
    }


def overrides(tmp_path):
    adapters = [{"path": str(tmp_path / "style.safetensors"), "weight": 0.5}]
    return {"model.memory": "8GB", "model.adapters": adapters, "guide.levels": [0.125, 0.875], "picture.reach": 45.0}


def test_five_ways_to_ask_one_job(panel, tmp_path):
    bpy.ops.sjc.generate()
    asked = {"panel": api.jobs()[-1].spec}

    bpy.ops.sjc.batch_new_text()
    batch = bpy.context.scene.sjc_batch
    batch.text.clear()
    batch.text.write(panel.prompt)
    batch.seeds = "7"
    bpy.ops.sjc.batch_run()
    asked["batch panel"] = batches.latest.entries[0].planned.spec

    options = the_same_options(panel)
    asked["console"] = api.generate(panel.prompt, seed=7, overrides=overrides(tmp_path), **options).spec
    rows = [{"prompt": panel.prompt, "seed": 7, **overrides(tmp_path)}]
    presets_, rig = options.pop("preset"), options.pop("rig")
    asked["console batch"] = api.batch(rows, presets=presets_, rigs=rig, start=False, **options).entries[0].planned.spec

    command = ["generate", "--prompt", panel.prompt, "--rig", rig, "--domain", options["domain"], "--preset", "draft"]
    command += ["--proxy", options["proxy"], "--looseness", "0.25", "--negative-prompt", "success", "--seed", "7"]
    command += ["--guide", options["guide"], "--guide-strength", "0.75", "--control", "//depth"]
    command += ["--guide-picture", "normal", "--picture", "Front", "--picture-strength", "0.25"]
    command += ["--ip-adapter", "//ip.safetensors"]
    command += ["--jitter", repr(options["jitter"]), "--model", MODEL, "--out", "job", "--set", "outputs.volume=false"]
    for name, value in overrides(tmp_path).items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    main(command)
    asked["command"] = api.jobs()[-1].spec

    first = codec.encode(asked["panel"])
    assert first["model"]["memory"] == "8GB" and first["model"]["adapters"][0]["weight"] == 0.5
    assert len(first["cameras"]["cameras"]) == 5 and first["field"]["proxy"]["looseness"] == 0.25
    assert first["model"]["control"] == str(tmp_path / "depth") and len(first["guide"]["digest"]) == 64
    assert (first["guide"]["strength"], first["guide"]["levels"]) == (0.75, [0.125, 0.875])
    assert first["guide"]["picture"] == "normal"
    assert first["model"]["ip_adapter"] == str(tmp_path / "ip.safetensors") and len(first["picture"]["digest"]) == 64
    assert (first["picture"]["strength"], first["picture"]["reach"]) == (0.25, 45.0)
    for way, spec in asked.items():
        assert codec.encode(spec) == first, way


def test_an_edit_with_the_tabs_settings_is_the_same_in_the_panel_the_console_and_a_batch(panel, tmp_path):
    panel.proxy_kind = panel.guide_kind = "NONE"
    panel.picture = None
    job = api.generate("a red chair", model=MODEL, negative_prompt="success", folder=tmp_path / "old", wait=True)
    write_checkpoint(job.folder)
    bpy.context.view_layer.objects.active = bpy.data.objects[job.imported[0]]
    panel.edit_settings, panel.edit_prompt = "TAB", "a green chair"
    bpy.ops.sjc.edit_result()
    asked = [api.jobs()[-1].spec]
    tab = {"preset": "draft", "seed": 7, "model": MODEL, "negative_prompt": "success"}
    changed = {name: value for name, value in overrides(tmp_path).items() if not name.startswith(("guide", "picture"))}
    asked.append(api.edit(job, "a green chair", overrides=changed, **tab).spec)
    row = {"prompt": "a green chair", "edit": str(job.folder.path), **tab, **changed}
    asked.append(api.batch([row], start=False).entries[0].planned.spec)
    first = codec.encode(asked[0])
    assert first["model"]["memory"] == "8GB" and first["model"]["adapters"][0]["weight"] == 0.5
    assert all(codec.encode(spec) == first for spec in asked)


def test_graphics_memory_reaches_edits_with_their_own_settings_and_edits_of_a_batch(panel, tmp_path):
    job = api.generate("a red chair", model=MODEL, negative_prompt="success", folder=tmp_path / "old", wait=True)
    write_checkpoint(job.folder)
    bpy.context.view_layer.objects.active = bpy.data.objects[job.imported[0]]
    bpy.ops.sjc.edit_result()
    spec = api.jobs()[-1].spec
    assert (spec.model.memory, spec.model.adapters, spec.seed) == ("8GB", (), job.spec.seed)
    bpy.ops.sjc.batch_new_text()
    batch = bpy.context.scene.sjc_batch
    batch.text.clear()
    batch.text.write(json.dumps({"prompt": "a green chair", "edit": str(job.folder.path)}))
    bpy.ops.sjc.batch_check()
    assert batch_operators.verdict.endswith("No faults.")
    assert batches.latest is None
    bpy.ops.sjc.batch_run()
    assert batches.latest.entries[0].planned.spec.model.memory == "8GB"


def test_a_job_is_judged_once_however_many_cameras_it_has(panel, monkeypatch):
    collection = rig_building.add_orbit_rig(
        bpy.context.scene, panel.domain, count=24, orbit=presets.load_profile(MODEL).orbit
    )
    judged = []
    whole = validation.faults
    monkeypatch.setattr(validation, "faults", lambda spec, **how: judged.append(spec) or whole(spec, **how))
    decoded = []
    decode = codec.decode
    monkeypatch.setattr(codec, "decode", lambda cls, *rest: decoded.append(cls.__name__) or decode(cls, *rest))
    panel.cameras = collection
    spec, _inputs = resolve.resolved(panel.request(), scene_view.SceneView(bpy.context.scene))
    assert len(spec.cameras.cameras) == 24
    assert len(judged) == 1 and decoded.count("JobSpec") == 1


def test_what_jobs_share_of_the_scene_is_looked_at_once(panel, monkeypatch):
    looked = []
    for name in ("job_viewpoints", "filled_grid", "guide_mesh"):
        function = getattr(scene_view, name)
        monkeypatch.setattr(scene_view, name, lambda *a, _n=name, _f=function, **k: looked.append(_n) or _f(*a, **k))
    options = the_same_options(panel)
    presets_, rig = options.pop("preset"), options.pop("rig")
    batch = api.batch(["a chair", "a mug"], seeds=(1, 2), presets=presets_, rigs=rig, start=False, **options)
    assert len(batch.entries) == 4
    assert looked == ["job_viewpoints", "filled_grid", "guide_mesh"]


def test_a_region_of_nothing_is_refused(addon, scene):
    with pytest.raises(SjcError) as caught:
        api.submit(api.JobRequest(prompt="a red chair", region="Box"))
    assert caught.value.code == "region_without_edit"
    with pytest.raises(SjcError, match="row 1, column region"):
        api.batch([{"prompt": "a red chair", "region": "Box"}], start=False)


def test_a_field_may_be_named_with_dots_or_nested_and_only_once(addon, scene):
    dotted = {"optimisation.steps": 12, "field.resolution": 16}
    spec = api.generate("a red chair", model=MODEL, overrides=dotted).spec
    assert (spec.optimisation.steps, spec.field.resolution, spec.field.stages[-1][1]) == (12, 16, 16)
    with pytest.raises(SjcError) as caught:
        api.generate("a red chair", model=MODEL, overrides={**dotted, "optimisation": {"steps": 13}})
    assert caught.value.code == "bad_usage" and "optimisation.steps is set twice" in caught.value.message


def test_a_rig_of_another_kind_replaces_the_rig(panel):
    changed = {"cameras": {"kind": "orbit", "azimuth": (-90.0, 90.0)}}
    orbit = api.generate("a chair", overrides=changed, **the_same_options(panel)).spec.cameras
    assert orbit.kind == "orbit" and orbit.azimuth == (-90.0, 90.0)
    assert orbit.distance == presets.load_profile(MODEL).orbit.distance
    assert (
        api.generate("a chair", overrides={"cameras.jitter": 2.0}, **the_same_options(panel)).spec.cameras.jitter == 2
    )
