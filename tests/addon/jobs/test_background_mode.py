"""Operators in background mode, where no timer fires: whatever they begin has ended when they return."""

import signal

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.batch import batch as batches
from sjc_blender.addon.jobs import known_jobs
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from tests.addon.jobs.checkpoints import write_checkpoint

NEEDS_A_SCREEN = {"copy_report", "copy_setup_log", "open_folder", "open_manual", "open_setup_log", "show_preferences"}
NEEDS_A_SCREEN |= {"add_adapter", "choose_model_folder", "setting_preset_add", "export_result"}


@pytest.fixture
def scene_with_all(addon, scene, tmp_path, monkeypatch):
    """Give a scene that is ready for every operator that begins a job, and a finished job."""
    monkeypatch.setattr(batches, "latest", None)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    settings = scene.sjc
    settings.prompt, settings.negative_prompt, settings.preset = "a chair", "success", "draft"
    settings.model_kind, settings.model_id = "HUB", "some/model"
    job = api.generate("a mug", model="some/model", negative_prompt="success", preset="draft", wait=True)
    write_checkpoint(job.folder)
    bpy.ops.sjc.batch_new_text()
    scene.sjc_batch.text.clear()
    scene.sjc_batch.text.write("a duck\na swan\n")
    bpy.context.view_layer.objects.active = bpy.data.objects[job.imported[0]]
    yield job
    for other in QUEUE.jobs:
        QUEUE.cancel(other, now=True)


WAYS = {
    "generate": lambda job: {},
    "edit_result": lambda job: {},
    "resume": lambda job: {"folder": str(job.folder.path)},
    "continue_job": lambda job: {"folder": str(job.folder.path), "steps": 5},
    "batch_run": lambda job: {},
}
"""What each is given; the others of them go on with what these have left, see below."""


@pytest.mark.parametrize("name", WAYS)
def test_the_jobs_of_an_operator_have_ended_and_are_told_of(scene_with_all, name, capfd):
    before = api.jobs()
    assert getattr(bpy.ops.sjc, name)(**WAYS[name](scene_with_all)) == {"FINISHED"}
    begun = [job for job in api.jobs() if job not in before]
    assert [job.state for job in begun] == [JobState.DONE] * (2 if name == "batch_run" else 1)
    assert all(job.imported for job in begun)
    told = capfd.readouterr().err
    assert all(f"/{len(begun)}] {job.id}" in told for job in begun) and "step 20/20" in told


def test_a_job_that_fails_is_said_by_its_operator(scene_with_all):
    bpy.context.scene.sjc.negative_prompt = "error"
    with pytest.raises(RuntimeError, match="There is no such model"):
        bpy.ops.sjc.generate()
    assert api.jobs()[-1].state is JobState.FAILED
    with pytest.raises(RuntimeError, match="2 of 2 jobs failed"):
        bpy.ops.sjc.batch_run()
    bpy.context.scene.sjc.negative_prompt = "success"
    with pytest.raises(RuntimeError, match="2 of 2 jobs failed"):
        bpy.ops.sjc.batch_retry()


def test_ctrl_c_cancels_what_an_operator_has_begun_and_says_how_it_goes_on(scene_with_all, monkeypatch):
    bpy.context.scene.sjc.negative_prompt = "patient"

    def interrupt(job):
        if job.progress is not None:
            signal.raise_signal(signal.SIGINT)

    submit = api.submit
    monkeypatch.setattr(api, "submit", lambda *given, **options: submit(*given, progress=interrupt, **options))
    with pytest.raises(RuntimeError, match=r"(?s)Cancelled: .*sjc\.resume"):
        bpy.ops.sjc.generate()
    (job,) = api.jobs()[1:]
    assert job.state is JobState.CANCELLED and not job.live


def test_no_operator_leaves_anything_under_way(scene_with_all, monkeypatch):
    names = [name for name in dir(bpy.ops.sjc) if name not in NEEDS_A_SCREEN]
    assert {*WAYS, "batch_retry", "resume_all", "check_engine", "refresh_models"} <= set(names)
    known_jobs.refresh()
    left = []
    for name in names:
        operator = getattr(bpy.ops.sjc, name)
        wanted = {"folder", "job", "directory"} & set(operator.get_rna_type().properties.keys())
        given = {key: scene_with_all.id if key == "job" else str(scene_with_all.folder.path) for key in wanted}
        try:
            operator(**given)
        except RuntimeError as error:
            assert str(error).strip(), name
        if api.process_events() or any(job.live for job in api.jobs()):
            left.append(name)
            api.wait(timeout=30)
    assert left == []
