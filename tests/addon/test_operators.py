"""What the buttons do, and what they say when they cannot."""

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon.jobs.job_request import JobRequest
from sjc_blender.addon.rigs import rig_watch
from sjc_blender.addon.rigs.rig_choice import RigChoice
from sjc_blender.addon.ui.job import generate_operators
from sjc_blender.addon.ui.settings import properties
from sjc_blender.addon.ui.settings.rig_properties import has_box
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.presets import new_job, preset_names
from sjc_blender.protocol.spec import JobSpec


@pytest.fixture
def settings(scene, monkeypatch):
    """Switch the add-on on; give the scene's settings."""
    monkeypatch.setattr(generate_operators, "refusal", None)
    sjc_blender.register()
    yield scene.sjc
    sjc_blender.unregister()


@pytest.fixture
def asked(monkeypatch, finished_job):
    """Give what the panel asks of the API."""
    calls = []

    def submit(request, *, scene, import_results=True, farm):
        assert scene == bpy.context.scene
        calls.append(request)
        return SimpleNamespace(id="job1", spec=JobSpec(request.prompt), folder=finished_job())

    monkeypatch.setattr(generate_operators.api, "submit", submit)
    return calls


def test_generate_hands_every_setting_to_the_api(settings, scene, asked):
    bpy.ops.sjc.add_rig(count=3)
    block = bpy.data.objects.new("Block", bpy.data.meshes.new("Block"))
    settings.prompt, settings.negative_prompt = "a red chair", "blurry"
    settings.jitter = math.radians(5)
    settings.proxy_kind, settings.proxy_object, settings.proxy_looseness = "OBJECT", block, 0.25
    settings.preset, settings.seed = "draft", 12
    settings.make_mesh = False
    settings.model_kind, settings.model_source, settings.memory = "OWN", "//models/sd", "8GB"
    assert bpy.ops.sjc.generate() == {"FINISHED"}
    (request,) = asked
    assert request == JobRequest(
        prompt="a red chair",
        negative_prompt="blurry",
        rig=RigChoice("CAMERAS", settings.cameras),
        domain=settings.domain,
        jitter=5.0,
        preset="draft",
        seed=12,
        model="//models/sd",
        outputs=("volume",),
        overrides={"model": {"adapters": []}},
        proxy=block,
        looseness=0.25,
        memory="8GB",
    )


def test_an_angle_at_its_bound_is_as_many_degrees_as_are_allowed(settings, scene, tmp_path):
    bpy.ops.sjc.add_rig(count=3)
    settings.picture = bpy.data.images.new("Front", 4, 4)
    settings.jitter = settings.picture_reach = settings.picture_elevation = math.pi
    assert rig_watch.look(scene).error is None
    request = settings.request()
    assert (request.jitter, request.overrides["picture"]) == (90.0, {"reach": 180.0})
    (tmp_path / "model_index.json").write_text('{"_class_name": "Zero123Pipeline"}')
    settings.model_kind, settings.model_source = "OWN", str(tmp_path)
    for angle, degrees in ((math.pi, 90.0), (-math.pi, -90.0), (math.radians(22.5), 22.5)):
        settings.picture_elevation = angle
        assert settings.request().overrides["picture"] == {"elevation": degrees}


def test_the_defaults_are_the_orbit_the_built_in_prior_and_both_outputs(settings, asked):
    settings.prompt = "a red chair"
    bpy.ops.sjc.generate()
    (request,) = asked
    assert (request.rig, request.domain, request.model) == (RigChoice(), None, "builtin")
    assert request.outputs == ("volume", "mesh")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"rig": "CAMERAS"}, "collection"),
        ({"make_volume": False, "make_mesh": False}, "a volume, a mesh or both"),
        ({"model_kind": "OWN"}, "folder or file"),
    ],
)
def test_a_button_that_is_grey_says_why(settings, changes, words):
    settings.prompt = "a red chair"
    assert settings.obstacle() == ""
    assert bpy.ops.sjc.generate.poll()
    for name, value in changes.items():
        setattr(settings, name, value)
    assert words in settings.obstacle()
    assert not bpy.ops.sjc.generate.poll()


def test_what_hinders_a_job_is_reported_and_stays_until_it_is_dismissed(settings):
    settings.prompt, settings.rig = "a red chair", "CAMERAS"
    settings.cameras = bpy.data.collections.new("Views")
    with pytest.raises(RuntimeError, match="'Views' has no cameras"):  # how Blender tells scripts of a report
        bpy.ops.sjc.generate()
    assert generate_operators.refusal.code == "no_cameras"
    bpy.ops.sjc.dismiss()
    assert generate_operators.refusal is None


def test_a_job_that_starts_takes_the_old_message_away(settings, asked):
    settings.prompt = "a red chair"
    generate_operators.refusal = SjcError("no_cameras", "No cameras.")
    bpy.ops.sjc.generate()
    assert generate_operators.refusal is None


def test_adding_a_rig_chooses_it_and_is_one_step_back(settings, scene):
    scene.cursor.location = (1, 2, 3)
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.sjc.add_rig("EXEC_DEFAULT", True, count=5)
    assert (settings.rig, len(settings.cameras.all_objects)) == ("CAMERAS", 5)
    assert tuple(settings.domain.location) == (1, 2, 4)  # of a box that stands on the cursor
    bpy.ops.ed.undo()
    settings = bpy.context.scene.sjc
    assert (settings.rig, settings.cameras, settings.domain) == ("ORBIT", None, None)
    assert len(bpy.data.cameras) == 0


def test_adding_a_rig_around_something_flat_is_refused_in_a_sentence(settings):
    bpy.ops.mesh.primitive_plane_add()
    settings.domain = bpy.context.object
    with pytest.raises(RuntimeError, match="'Plane' is flat"):
        bpy.ops.sjc.add_rig()


def test_adding_a_domain_chooses_it(settings):
    bpy.ops.sjc.add_domain()
    assert settings.domain.empty_display_type == "CUBE"


def test_new_objects_wait_for_object_mode(settings):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    for operator in (bpy.ops.sjc.add_rig, bpy.ops.sjc.add_domain, bpy.ops.sjc.import_result):
        assert not operator.poll()


def test_only_what_has_a_box_is_offered_as_a_domain(settings):
    camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
    box = bpy.data.objects.new("Box", bpy.data.meshes.new("Box"))
    assert [has_box(settings, obj) for obj in (camera, box, bpy.data.objects.new("Empty", None))] == [False, True, True]


def test_a_seed_by_chance_is_another_one(settings):
    seeds = set()
    for _ in range(5):
        bpy.ops.sjc.random_seed()
        seeds.add(settings.seed)
    assert len(seeds) == 5


def test_a_result_comes_in_from_its_folder(settings, scene, finished_job, small_field):
    vertices = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    arrays = {"vertices": vertices, "faces": np.int32([[0, 1, 2]]), "normals": vertices + 1, "colours": vertices}
    folder = finished_job(field=small_field, mesh=arrays)
    bpy.ops.sjc.import_result(directory=str(folder.path))
    assert {obj.type for obj in scene.objects} == {"VOLUME", "MESH"}


def test_a_folder_without_a_job_is_said(settings, tmp_path):
    with pytest.raises(RuntimeError, match="holds no job"):
        bpy.ops.sjc.import_result(directory=str(tmp_path))


@pytest.mark.parametrize("operator", ["cancel", "pause", "unpause"])
def test_a_job_that_is_not_there_is_said(settings, operator):
    with pytest.raises(RuntimeError, match="has no job 'gone'"):
        getattr(bpy.ops.sjc, operator)(job="gone")


def offered(settings):
    """What the list of presets offers: names and tooltips."""
    return [(name, tip) for name, _label, tip, _number in properties._presets_of(settings, bpy.context)]


def test_the_presets_are_those_that_ship_quickest_first(settings):
    assert [name for name, _tip in offered(settings)] == preset_names()
    assert settings.preset == "standard"
    for name in preset_names():
        settings.preset = name
        assert settings.preset == name


def test_the_tooltip_of_a_preset_tells_what_it_is_with_the_chosen_model(settings):
    told = {}
    for kind, source in (("BUILTIN", "builtin"), ("HUB", "runwayml/stable-diffusion-v1-5")):
        settings.model_kind, settings.model_id = kind, source
        for name, tip in offered(settings):
            spec = new_job("a red chair", preset=name, model=source)
            wanted = f": {spec.optimisation.steps} steps, {spec.field.resolution} voxels along the longest side"
            assert wanted in tip
            told[kind, name] = wanted
    assert any(told["BUILTIN", name] != told["HUB", name] for name in preset_names())


def test_a_model_whose_profile_cannot_be_read_leaves_the_tooltips_without_figures(settings, tmp_path):
    (tmp_path / "sjc.json").write_text("{")
    (tmp_path / "model_index.json").write_text("{}")
    settings.model_kind, settings.model_source = "OWN", str(tmp_path)
    assert not any("steps" in tip for _name, tip in offered(settings))
