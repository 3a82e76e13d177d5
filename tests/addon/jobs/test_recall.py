"""Every setting comes back from a job; more steps; the first save; other scenes and files."""

import stat
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.jobs import known_jobs, pump, setting_recall
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.process.child_owner import end_children
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.processes import until

PROMPT = "ein grüner Stuhl"


@pytest.fixture
def settings(addon, scene):
    return scene.sjc


@pytest.fixture
def generate(addon, tmp_path, monkeypatch):

    def start(way="success", **options):
        given = {"model": "some/model", "negative_prompt": way, "folder": tmp_path / "ä job", "wait": True}
        return api.generate(options.pop("prompt", PROMPT), **given | options)

    return start


def code_of(function, *arguments, **options):
    with pytest.raises(SjcError) as caught:
        function(*arguments, **options)
    return caught.value.code


def step_until(condition):
    until(lambda: pump.step() or condition(), seconds=10.0)


def differ(group):
    """Set everything in a group of properties to something else than its default."""
    for prop in group.bl_rna.properties:
        if prop.identifier in {"rna_type", "name"} or prop.is_readonly:
            continue
        if prop.type == "BOOLEAN":
            setattr(group, prop.identifier, not prop.default)
        elif prop.type in {"INT", "FLOAT"} and not prop.is_array:
            high = min(prop.soft_max, prop.hard_max)
            setattr(group, prop.identifier, type(prop.default)(min(high, prop.default + 1)))
        elif prop.type == "STRING":
            setattr(group, prop.identifier, "größer")
        elif prop.type == "ENUM" and not prop.is_enum_flag and len(prop.enum_items) > 1:
            others = [item.identifier for item in prop.enum_items if item.identifier != prop.default]
            setattr(group, prop.identifier, others[0])


def test_every_setting_comes_back(settings, scene, finished_job):
    folder = finished_job()
    differ(settings)
    settings.cameras = bpy.data.collections.new("Views")
    settings.domain = bpy.data.objects.new("Box", None)
    before = setting_recall._plain_group(settings)
    setting_recall.keep_settings(folder, settings)
    other = bpy.data.scenes.new("Other").sjc
    assert setting_recall._plain_group(other) != before
    assert setting_recall.recall(folder, other) == []
    assert setting_recall._plain_group(other) == before
    assert other.cameras == settings.cameras


def test_what_is_not_in_this_file_is_said_and_the_rest_is_set(settings, finished_job):
    folder = finished_job()
    settings.prompt, settings.domain = PROMPT, bpy.data.objects.new("Box", None)
    setting_recall.keep_settings(folder, settings)
    bpy.data.objects.remove(settings.domain)
    settings.prompt = "other"
    (missed,) = setting_recall.recall(folder, settings)
    assert "'Box'" in missed
    assert settings.prompt == PROMPT


@pytest.mark.parametrize("text", ["", "[]", '{"settings": 3}', '{"settings": {"preset": "gone", "unknown": 1}}'])
def test_a_broken_or_newer_record_of_settings_is_no_trouble(settings, finished_job, text):
    folder = finished_job()
    folder.settings_path.write_text(text)
    assert all(isinstance(words, str) for words in setting_recall.recall(folder, settings))


def test_a_job_of_the_command_line_gives_what_its_spec_says(generate, settings):
    job = generate(preset="draft", seed=7, outputs=["mesh"], overrides={"model": {"memory": "6GB"}})
    settings.rig = "CAMERAS"
    assert api.recall(job) == []
    assert (settings.prompt, settings.preset, settings.seed, settings.model_source) == (
        PROMPT,
        "draft",
        7,
        "some/model",
    )
    assert (settings.make_volume, settings.make_mesh, settings.rig) == (False, True, "ORBIT")
    assert settings.memory == "6GB"


def test_the_panels_job_keeps_its_settings(generate, settings):
    settings.prompt, settings.seed, settings.negative_prompt = "a red chair", 12, "success"
    bpy.ops.sjc.generate()
    (job,) = api.jobs()
    step_until(lambda: not job.live)
    settings.seed = 1
    bpy.ops.sjc.recall(folder=str(job.folder.path))
    assert settings.seed == 12


# ---- More steps, earlier sessions ---------------------------------------------------------------------------------


def test_a_finished_job_goes_on_in_a_folder_of_its_own(generate, tmp_path):
    job = generate()
    job.folder.checkpoint.write_text("20")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    longer = api.continue_job(job, 300, wait=True)
    assert longer.state is JobState.DONE and longer.folder.path.parent == tmp_path / "sjc_jobs"
    assert longer.spec.optimisation.steps == job.spec.optimisation.steps + 300
    assert code_of(api.continue_job, tmp_path / "nothing", 5) == "no_job"


def test_a_job_is_in_the_index_from_its_start_to_its_end(generate):
    job = generate("patient", wait=False)
    assert known_jobs.index().entries() == {job.folder.path: True}
    step_until(lambda: job.progress)
    api.cancel(job)
    step_until(lambda: not job.live)
    assert known_jobs.index().entries() == {job.folder.path: False}
    assert api.interrupted() == [], "its user stopped it"
    assert [record.folder.path for record in api.history()] == [job.folder.path]


def test_what_the_end_of_blender_stopped_is_offered_to_the_next_one(generate, tmp_path):
    job, waiting = generate("patient", wait=False), generate("patient", wait=False, folder=tmp_path / "second")
    step_until(lambda: job.progress)
    end_children([QUEUE], 5.0)
    QUEUE._jobs.clear()  # the next session
    offers = api.interrupted()
    assert {record.folder.path for record in offers} == {job.folder.path, waiting.folder.path}
    again = api.resume(job.folder.path)
    assert [record.folder.path for record in known_jobs.offers()] == [waiting.folder.path]
    api.cancel(again, now=True)
    step_until(lambda: not again.live)


# ---- Files --------------------------------------------------------------------------------------------------------


def volume_path():
    (obj,) = [obj for obj in bpy.data.objects if obj.type == "VOLUME"]
    return obj.data.filepath


def test_the_first_save_brings_the_grids_along(generate, tmp_path):
    job = generate()
    assert Path(volume_path()).parent == job.folder.result
    target = tmp_path / "a place" / "scène.blend"
    target.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    bpy.ops.wm.open_mainfile(filepath=str(target))
    assert volume_path().startswith("//sjc")
    copy = Path(bpy.path.abspath(volume_path()))
    assert copy.parent == target.parent / "sjc"
    api.delete_job(job.folder.path)
    (obj,) = [obj for obj in bpy.data.objects if obj.type == "VOLUME"]
    assert obj.data.grids.load(), "it needs the job's folder no more"


def test_two_results_of_one_name_and_the_same_grids_share_a_file(generate, tmp_path):
    generate(folder=tmp_path / "1")
    generate(folder=tmp_path / "2")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    paths = {Path(bpy.path.abspath(volume.filepath)) for volume in bpy.data.volumes}
    assert [path.parent for path in paths] == [tmp_path / "sjc"] and all(path.is_file() for path in paths)


def test_where_nothing_can_be_put_saving_still_works(generate, tmp_path):
    job = generate()
    (tmp_path / "sjc").write_text("a file is in the way")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert Path(bpy.path.abspath(volume_path())).parent == job.folder.result


def test_a_result_comes_into_a_read_only_file(generate, tmp_path):
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    path.chmod(stat.S_IREAD)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    job = generate()
    assert len(job.imported) == 2


def test_a_linked_scene_is_refused_and_its_namesake_is_not_taken_for_it(generate, tmp_path):
    bpy.context.scene.name = "Stage"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_source, target):
        target.scenes = ["Stage"]
    linked = bpy.data.scenes["Stage", str(tmp_path / "library.blend")]
    assert code_of(generate, scene=linked) == "scene_linked"
    assert not (tmp_path / "ä job").exists()
    bpy.data.scenes.new("Stage")
    job = generate(wait=False, scene=bpy.data.scenes["Stage", None])
    bpy.data.scenes.remove(bpy.data.scenes["Stage", None])
    step_until(lambda: not job.live)
    assert job.import_error.code == "scene_missing"
    assert not linked.objects


def test_each_of_two_scenes_gets_its_own(generate, tmp_path, scene):
    other = bpy.data.scenes.new("Other")
    first = generate(wait=False, folder=tmp_path / "1")
    second = generate(wait=False, folder=tmp_path / "2", scene=other)
    step_until(lambda: first.imported and second.imported)
    assert set(first.imported) == {obj.name for obj in scene.objects}
    assert set(second.imported) == {obj.name for obj in other.objects}


def test_undo_and_redo_after_an_import_keep_the_objects_whole(generate, scene):
    bpy.ops.ed.undo_push(message="before")
    job = generate()
    for _ in range(2):
        bpy.ops.ed.undo()
        assert not bpy.data.objects
        bpy.ops.ed.redo()
    assert {obj.name for obj in bpy.data.objects} == set(job.imported)
    (obj,) = [obj for obj in bpy.data.objects if obj.type == "VOLUME"]
    assert obj.data.grids.load()
