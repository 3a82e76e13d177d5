"""What is said when something has ended while nobody looked."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest

import sjc_blender
from sjc_blender.addon.environment import session
from sjc_blender.addon.environment.engine_keeper import Status
from sjc_blender.addon.jobs import pump
from sjc_blender.addon.jobs.job import Job, JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.results import background_work
from sjc_blender.addon.ui import notices, sound
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder


@pytest.fixture
def said(scene, monkeypatch):
    told = []
    monkeypatch.setattr(notices, "tell", lambda message, level="INFO": told.append((message, level)))
    sjc_blender.register()
    yield told
    QUEUE._jobs.clear()
    sjc_blender.unregister()


@pytest.fixture
def job(said, tmp_path):
    spec = presets.new_job("a {red} chair", seed=3)
    QUEUE._jobs.append(Job(JobFolder.create(tmp_path / "job", spec), spec, Path("python"), state=JobState.RUNNING))
    pump.tell()
    assert not said
    return QUEUE.jobs[0]


def test_a_job_that_is_done_and_in_the_scene_is_told_once(job, said):
    job.state = JobState.DONE
    pump.tell()
    assert not said, "it is not in the scene yet"
    job.imported = ("a chair",)
    pump.tell()
    pump.tell()
    assert said == [("a {red} chair, seed 3 is done, and in the scene", "INFO")]


def test_what_failed_is_told_with_its_reason(job, said):
    job.fail(SjcError("engine_died", "The engine ended.\nIts last words: {}", "Resume it."))
    pump.tell()
    assert said == [("a {red} chair, seed 3 failed: The engine ended.", "WARNING")]


def test_a_result_that_is_not_in_the_scene_is_told(job, said):
    job.state, job.import_error = JobState.DONE, SjcError("scene_missing", "There is no scene.")
    pump.tell()
    assert said == [("a {red} chair, seed 3 is done, but not in the scene: There is no scene.", "WARNING")]


def test_what_its_user_cancelled_is_no_news(job, said):
    job.state = JobState.CANCELLED
    pump.tell()
    assert not said


def test_the_end_of_a_set_up_is_told(said, monkeypatch):
    def now(**values):
        monkeypatch.setattr(session.KEEPER, "_state", dataclasses.replace(session.KEEPER.state, **values))
        for listener in session.LISTENERS:
            listener()

    now(status=Status.READY)
    assert not said, "it was there before"
    now(status=Status.SETTING_UP)
    now(status=Status.UNKNOWN)
    now(status=Status.READY)
    now(status=Status.READY)
    assert said == [("The engine is ready", "INFO")]
    now(status=Status.SETTING_UP)
    now(status=Status.MISSING, failure=SjcError("disk_full", "The disk is full."))
    assert said[1:] == [("The engine was not set up: The disk is full.", "WARNING")]


def test_a_texture_that_is_baked_is_told(said):
    for failure in (None, SjcError("no_result", "There is no field.")):
        for listener in background_work.LISTENERS:
            listener("texture a red chair mesh", failure)
            listener("cut a red chair mesh", failure)  # a slider that is dragged
    assert said == [
        ("a red chair mesh has a texture", "INFO"),
        ("a red chair mesh was not baked: There is no field.", "WARNING"),
    ]


def test_the_sound_is_played_only_where_it_is_wished(monkeypatch):
    rung = []
    module = SimpleNamespace(
        Sound=SimpleNamespace(sine=lambda _pitch: rung.append(1) or (_ for _ in ()).throw(RuntimeError)),
    )
    monkeypatch.setitem(__import__("sys").modules, "aud", module)
    for wished in (False, True):
        addons = {sound.base_package: SimpleNamespace(preferences=SimpleNamespace(play_sound=wished))}
        somewhere = SimpleNamespace(
            app=SimpleNamespace(background=False),
            context=SimpleNamespace(preferences=SimpleNamespace(addons=addons)),
        )
        monkeypatch.setattr(sound, "bpy", somewhere)
        sound.ring()  # a Blender without sound is no trouble
        assert bool(rung) is wished
