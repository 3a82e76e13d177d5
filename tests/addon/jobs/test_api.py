"""From the scene to a job, and from its result back into the scene."""

import bpy
import pytest
from mathutils import Vector

from sjc_blender.addon import api, registration
from sjc_blender.addon.jobs import job_import, lifecycle, pump
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.rigs import occupied
from sjc_blender.protocol.errors import InvalidSpec, SjcError
from sjc_blender.protocol.spec import CameraRig, OrbitRig
from tests.addon.jobs.processes import until

PROMPT = "ein grüner Stuhl"


@pytest.fixture(autouse=True)
def engine(scene, fake_python, monkeypatch):
    """Let the fake engine be the engine."""
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))


@pytest.fixture
def generate(tmp_path):
    def start(way="success", **options):
        settings = {"model": "some/model", "negative_prompt": way, "folder": tmp_path / "a job", "wait": True}
        return api.generate(options.pop("prompt", PROMPT), **settings | options)

    return start


@pytest.fixture
def views(scene):
    """Give a collection with a camera that sees the unit box."""
    collection = bpy.data.collections.new("Views")
    scene.collection.children.link(collection)
    obj = bpy.data.objects.new("Front", bpy.data.cameras.new("Front"))
    obj.location = (0, -5, 0)
    obj.rotation_euler = Vector((0, 1, 0)).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(obj)
    return collection


def refusal(function, *arguments, **options) -> SjcError:
    with pytest.raises(SjcError) as caught:
        function(*arguments, **options)
    return caught.value


def step_until(condition):
    until(lambda: pump.step() or condition(), seconds=10.0)


# ---- From the scene to a job --------------------------------------------------------------------------------------


def test_the_settings_arrive_in_the_jobs_folder(generate, tmp_path):
    job = generate(
        preset="draft", seed=7, outputs=["mesh"], overrides={"optimisation": {"steps": 3}, "model": {"device": "cpu"}}
    )
    spec = job.folder.read_spec()
    assert spec == job.spec
    assert (spec.prompt, spec.preset, spec.seed, spec.optimisation.steps) == (PROMPT, "draft", 7, 3)
    assert (spec.model.source, spec.model.device) == ("some/model", "cpu")
    assert (spec.outputs.volume, spec.outputs.mesh) == (False, True)
    assert job.folder.path == tmp_path / "a job" and job.id == "a job"


def test_the_rig_is_the_models_orbit_or_the_cameras_of_a_collection(generate, views, tmp_path):
    assert isinstance(generate(folder=tmp_path / "1").spec.cameras, OrbitRig)
    for number, rig in enumerate((views, "Views")):
        cameras = generate(folder=tmp_path / f"rig{number}", rig=rig, jitter=5.0).spec.cameras
        assert isinstance(cameras, CameraRig) and cameras.jitter == 5.0
        assert [camera.name for camera in cameras.cameras] == ["Front"]


def test_the_domain_is_a_moved_and_scaled_object_or_the_unit_box(generate, scene, tmp_path):
    assert generate(folder=tmp_path / "1").spec.domain.matrix_world[0] == (1.0, 0.0, 0.0, 0.0)
    empty = bpy.data.objects.new("Box", None)
    empty.location, empty.scale = (1, 2, 3), (2, 2, 2)
    scene.collection.objects.link(empty)
    for number, domain in enumerate((empty, "Box")):
        spec = generate(folder=tmp_path / f"box{number}", domain=domain).spec
        assert spec.domain.matrix_world == ((2, 0, 0, 1), (0, 2, 0, 2), (0, 0, 2, 3), (0, 0, 0, 1))


def test_the_scenes_camera_takes_the_previews(generate, scene, views, tmp_path):
    scene.camera = views.objects["Front"]
    assert generate().spec.outputs.preview_camera is None, "half of the box that stands on the ground is out of sight"
    scene.camera.location = (0, -7, 1)
    bpy.context.view_layer.update()
    assert generate(folder=tmp_path / "another").spec.outputs.preview_camera.name == "Front"


def test_another_scene_than_the_active_one(generate, scene):
    other = bpy.data.scenes.new("Other")
    job = generate(scene=other)
    assert job.destination.scene() == other and len(job.imported) == 2
    assert set(job.imported) == {obj.name for obj in other.objects}
    assert not scene.objects


def test_without_a_folder_the_job_lies_beside_the_saved_file(generate, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    first, second = generate(folder=None), generate(folder=None)
    assert first.folder.path.parent == second.folder.path.parent == tmp_path / "sjc_jobs"
    assert first.folder.path != second.folder.path
    assert first.id.endswith("ein-grüner-stuhl")
    assert generate(folder="//beside").folder.path == tmp_path / "beside"


def test_without_a_saved_file_it_lies_in_the_users_folder(generate, tmp_path, monkeypatch):
    monkeypatch.setattr(bpy.utils, "user_resource", lambda kind, path: str(tmp_path / kind / path))
    assert generate(folder=None).folder.path.parent == tmp_path / "DATAFILES" / "sjc_jobs"


# ---- What is refused, before anything is made ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, code",
    [
        ({"rig": "Nobody"}, "unknown_rig"),
        ({"domain": "Nobody"}, "unknown_domain"),
        ({"outputs": ["volume", "sculpture"]}, "unknown_output"),
        ({"outputs": []}, "unknown_output"),
        ({"engine_python": "/no/python"}, "engine_python_missing"),
        ({"prompt": " "}, "invalid_spec"),
        ({"preset": "hasty"}, "invalid_spec"),
        ({"overrides": {"optimisation": {"stepz": 1}}}, "invalid_spec"),
        ({"overrides": {"colour": "red"}}, "invalid_spec"),
        ({"overrides": {"seed": -1}}, "invalid_spec"),
    ],
)
def test_what_cannot_start_is_refused_and_leaves_nothing_behind(generate, tmp_path, options, code):
    assert refusal(generate, **options).code == code
    assert not (tmp_path / "a job").exists()
    assert api.jobs() == []


def test_every_fault_is_told_at_once(generate):
    error = refusal(generate, prompt="", seed=-1, overrides={"field": {"resolution": 1}})
    assert isinstance(error, InvalidSpec)
    assert {fault.field for fault in error.faults} == {"prompt", "seed", "field.resolution"}


def test_a_collection_without_cameras_is_refused(generate, scene):
    bpy.data.collections.new("Empty")
    assert refusal(generate, rig="Empty").code == "no_cameras"


def test_a_folder_that_cannot_be_written_is_refused(generate, tmp_path):
    (tmp_path / "file").write_text("")
    assert refusal(generate, folder=tmp_path / "file" / "job").code == "folder_not_writable"


def test_a_folder_with_another_job_is_left_alone(generate, tmp_path):
    generate()
    before = (tmp_path / "a job" / "job.json").read_bytes()
    assert refusal(generate, seed=1).code == "folder_in_use"
    assert (tmp_path / "a job" / "job.json").read_bytes() == before


# ---- The result into the scene ------------------------------------------------------------------------------------


def test_volume_and_mesh_arrive_when_the_job_is_done(generate, scene):
    job = generate()
    assert job.state is JobState.DONE and job.import_error is None
    assert {scene.objects[name].type for name in job.imported} == {"VOLUME", "MESH"}
    assert all(scene.objects[name]["sjc_prompt"] == PROMPT for name in job.imported)


def test_they_are_one_undo_step(generate, scene):
    bpy.ops.ed.undo_push(message="before")
    job = generate()
    assert len(bpy.data.objects) == 2
    bpy.ops.ed.undo()
    assert len(bpy.data.objects) == 0
    bpy.ops.ed.redo()
    assert sorted(obj.name for obj in bpy.data.objects) == sorted(job.imported)


def test_a_job_survives_undo(generate, scene):
    bpy.ops.ed.undo_push(message="before")
    scene.collection.objects.link(bpy.data.objects.new("Something", None))
    bpy.ops.ed.undo_push(message="something")
    job = generate(wait=False)
    bpy.ops.ed.undo()
    step_until(lambda: job.imported)
    assert set(job.imported) == {obj.name for obj in bpy.data.scenes["Scene"].objects}


def test_nothing_is_imported_if_nobody_wants_it(generate, scene):
    job = generate(import_results=False)
    assert job.state is JobState.DONE and not scene.objects


def test_progress_is_told(generate):
    told = []
    generate(progress=lambda job: told.append((str(job.state), job.progress.step if job.progress else 0)))
    assert told[0] == ("running", 0) and told[-1] == ("done", 20)


def test_a_job_that_fails_is_returned_with_its_error(generate, scene):
    job = generate("error")
    assert job.state is JobState.FAILED and job.error.code == "unknown_model"
    assert not scene.objects


def test_a_result_that_cannot_be_read_is_told_and_the_job_is_done(generate, scene, monkeypatch):
    def broken(folder, scene):
        raise SjcError("broken_result", "It is broken.")

    monkeypatch.setitem(job_import.IMPORTERS, "mesh", broken)
    job = generate()
    assert job.state is JobState.DONE and job.import_error.code == "broken_result"
    assert [scene.objects[name].type for name in job.imported] == ["VOLUME"]


def test_a_fault_of_the_importers_is_a_sentence_and_its_traceback_in_the_log(generate, monkeypatch):
    monkeypatch.setitem(job_import.IMPORTERS, "mesh", lambda folder, scene: 1 / 0)
    job = generate()
    assert job.import_error.code == "import_failed"
    assert "ZeroDivisionError" in job.folder.log_path.read_text()


def test_a_result_can_be_imported_again_by_job_or_folder(generate, scene):
    job = generate(import_results=False, outputs=["mesh"])
    assert [obj.type for obj in api.import_result(job)] == ["MESH"]
    assert len(job.imported) == 1
    assert [obj.type for obj in api.import_result(str(job.folder.path), outputs=["volume", "mesh"])] == [
        "VOLUME",
        "MESH",
    ]
    assert len(scene.objects) == 3


def test_importing_what_is_no_job_is_refused(tmp_path):
    assert refusal(api.import_result, tmp_path).code == "no_job"


# ---- Files come and go ---------------------------------------------------------------------------------------------


@pytest.fixture
def handlers():
    registration.register(lifecycle)
    yield
    registration.unregister(lifecycle)


def test_a_job_survives_the_loading_of_a_file(generate, handlers, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    job = generate(wait=False)
    step_until(lambda: job.progress)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    step_until(lambda: not job.live)
    assert job.state is JobState.DONE
    assert set(job.imported) == {obj.name for obj in bpy.data.scenes["Scene"].objects}


def test_a_result_without_its_scene_waits_for_it(generate, handlers, tmp_path):
    bpy.context.scene.name = "Stage"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    job = generate(wait=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    step_until(lambda: not job.live)
    assert job.state is JobState.DONE and job.import_error.code == "scene_missing"
    assert "'Stage'" in job.import_error.message and str(job.folder.path) in job.import_error.hint
    assert not bpy.data.objects
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    step_until(lambda: job.imported)
    assert job.import_error is None
    assert len(bpy.data.scenes["Stage"].objects) == 2


def test_the_end_of_the_addon_is_the_end_of_its_jobs(generate):
    registration.register(lifecycle)
    job = generate("patient", wait=False)
    step_until(lambda: job.progress)
    registration.unregister(lifecycle)
    assert job.state is JobState.CANCELLED and job.folder.checkpoint.exists()


# ---- Cancel, resume, look up ---------------------------------------------------------------------------------------


def test_cancel_by_id_and_resume(generate):
    job = generate("patient", wait=False)
    assert api.jobs() == [job] and api.job("a job") is job
    step_until(lambda: job.progress)
    api.cancel("a job")
    step_until(lambda: not job.live)
    assert job.state is JobState.CANCELLED
    again = api.resume(job.folder.path)
    step_until(lambda: again.progress)
    assert again.spec == job.spec and api.job("a job") is again
    api.cancel(again, now=True)
    step_until(lambda: not again.live)


def test_two_jobs_wait_in_line_and_both_are_imported(generate, tmp_path):
    first = generate(wait=False, folder=tmp_path / "first")
    second = generate(wait=True, folder=tmp_path / "second")
    assert (first.state, second.state) == ("done", "done")
    assert len(bpy.data.objects) == 4


def test_what_stands_where_a_result_is_is_known_however_the_result_came(generate, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=2)
    layer = bpy.context.view_layer
    bpy.context.object.name = "Crate"
    job = generate(folder=tmp_path / "job")
    assert occupied.still_there(job.id, layer).name == "Crate"
    occupied.found.clear()
    api.import_result(tmp_path / "job")
    assert occupied.found["job"][0] == "Crate"
    occupied.hide(bpy.data.objects["Crate"], layer)
    api.import_result(tmp_path / "job")
    assert not occupied.found["job"]


def test_a_proxy_is_offered_to_be_hidden_once_the_result_stands_in_it(generate):
    bpy.ops.mesh.primitive_cube_add(size=1)
    bpy.context.object.name = "Blockout"
    job = generate(proxy="Blockout")
    assert occupied.still_there(job.id, bpy.context.view_layer).name == "Blockout"
    bpy.data.objects["Blockout"].display_type = "WIRE"  # as a blockout is often shown: it hides nothing
    api.import_result(job)
    assert not occupied.found[job.id]


def test_the_object_comes_while_its_pictures_are_made_and_all_of_it_is_done_at_the_end(generate):
    job = generate("film", wait=False)
    until(lambda: pump.step() or job.imported)
    assert (job.state, job.fraction) == (JobState.RUNNING, 0.99)
    assert [bpy.data.objects[name].type for name in job.imported] == ["VOLUME", "MESH"]
    (job.folder.path / "filmed").touch()
    until(lambda: pump.step() or not job.live)
    assert (job.state, job.fraction, len(bpy.data.objects)) == (JobState.DONE, 1.0, 2)


def test_what_is_arranged_with_its_pictures_waits_for_them(generate, scene):
    job = generate("film", wait=False)
    job.arrange = lambda _job: None
    until(lambda: pump.step() or job.object_whole)
    pump.step()
    assert not job.imported and not job.awaits_import
    (job.folder.path / "filmed").touch()
    until(lambda: pump.step() or job.imported)
    assert job.state is JobState.DONE
