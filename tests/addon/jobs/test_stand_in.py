"""The engine that computes nothing takes the real one's place, for people who test their own tools."""

import sys

import bpy
import numpy as np
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_queue
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.process.engine_process import BOOTSTRAP, STAND_IN, EngineProcess, engine_command
from sjc_blender.protocol import events, presets
from sjc_blender.protocol.checkpoint_content import checkpoint_content
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.processes import until


@pytest.fixture
def addon(scene, monkeypatch, tmp_path):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", "stand-in")
    sjc_blender.register()
    yield
    for job in job_queue.QUEUE.jobs:
        job_queue.QUEUE.cancel(job, now=True)
    sjc_blender.unregister()


def test_blenders_own_python_runs_it():
    command = engine_command(STAND_IN, "run", "a job")
    assert command[0] == sys.executable and command[-4:] == [str(BOOTSTRAP), "--stand-in", "run", "a job"]


def test_a_job_goes_the_whole_way_and_its_results_come_into_the_scene(addon, tmp_path):
    told = []
    job = api.generate(
        "a green chair",
        folder=tmp_path / "job",
        overrides={"domain": {"half_extents": (1.0, 0.5, 0.75)}},
        wait=True,
        progress=lambda job: told.append(job.state),
    )
    assert job.error is None and job.state is JobState.DONE, job.error
    assert job.import_error is None
    assert {bpy.data.objects[name].type for name in job.imported} == {"VOLUME", "MESH"}
    assert job.progress.step == job.progress.total == job.spec.optimisation.steps
    assert job.folder.is_done(("volume", "mesh")) and not job.folder.busy
    mesh = next(bpy.data.objects[name] for name in job.imported if bpy.data.objects[name].type == "MESH")
    assert tuple(mesh.dimensions) == pytest.approx((1.5, 0.75, 1.125), rel=1e-3)
    assert JobState.RUNNING in told


def test_other_prompts_have_other_colours_and_the_same_one_the_same(addon, tmp_path):
    def colour(name, prompt):
        job = api.generate(prompt, folder=tmp_path / name, import_results=False, wait=True)
        with np.load(job.folder.field) as arrays:
            return arrays["rgb"][0, 0, 0]

    assert np.array_equal(colour("a", "a red chair"), colour("b", "a red chair"))
    assert not np.array_equal(colour("a2", "a red chair"), colour("c", "a blue duck"))


def test_its_results_can_be_edited(addon, tmp_path):
    job = api.generate("a red chair", folder=tmp_path / "job", wait=True)
    edited = api.edit(job, "a blue chair", folder=tmp_path / "edited", wait=True)
    assert edited.state is JobState.DONE, edited.error
    assert checkpoint_content(edited.folder.checkpoint) != checkpoint_content(job.folder.checkpoint)


def test_what_is_not_asked_for_is_not_made(addon, tmp_path):
    job = api.generate("a red chair", outputs=["mesh"], folder=tmp_path / "job", wait=True)
    assert len(job.imported) == 1 and not job.folder.has(job.folder.field)


def test_it_hears_a_pause_and_a_cancel(tmp_path):
    folder = JobFolder.create(tmp_path / "job", presets.new_job("a red chair"))
    process = EngineProcess.start(STAND_IN, folder, online=False)
    process.say(events.PAUSE)
    process.cancel(10.0)
    until(lambda: process.ended)
    kinds = [type(event) for event in process.events()]
    process.close()
    # Whether it was quicker than the command is left to the machine; it ends in either case.
    assert kinds[-1] in {events.Cancelled, events.Result}
    assert not folder.busy


def test_the_check_says_what_it_is(addon):
    found = api.check_engine(wait=True)
    assert "stand-in" in str(found)


def test_what_it_cannot_do_is_said(addon):
    with pytest.raises(api.SjcError) as caught:
        api.models()
    assert caught.value.code == "stand_in_cannot"
