"""Several seeds of one wish; the same wish again; and what is suggested while a prompt is written."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api, user_preferences
from sjc_blender.addon.jobs import known_jobs, pump, start
from sjc_blender.addon.jobs.job import JobState
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.jobs.job_records import read_record
from sjc_blender.addon.ui.job import generate_operators, main_panel, variations
from sjc_blender.addon.ui.settings import prompt_search
from sjc_blender.protocol import presets
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec, ModelSpec
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def settings(scene, monkeypatch, tmp_path, as_in_a_window):
    monkeypatch.setattr(generate_operators, "refusal", None)
    monkeypatch.setattr(user_preferences, "find_engine_python", lambda *_: Path("python"))
    numbers = iter(range(1000))
    # As in a window: without one the operator waits for the end of each job.
    submit = api.submit
    monkeypatch.setattr(api, "submit", lambda request, **how: submit(request, **how | {"wait": False}))
    monkeypatch.setattr(start, "new_job_folder", lambda _subject: tmp_path / f"job {next(numbers)}")
    sjc_blender.register()
    bpy.context.scene.sjc.prompt = "a red chair"
    yield bpy.context.scene.sjc
    QUEUE._jobs.clear()
    sjc_blender.unregister()


@pytest.fixture
def session(settings):
    return bpy.context.window_manager.sjc


def buttons(operator="sjc.import_result"):
    layout = Layout()
    main_panel.SJC_PT_main.draw(SimpleNamespace(layout=layout), context())
    return [(options["text"], possible) for name, options, *_, possible in layout.places()[0] if name == operator]


def test_a_job_that_was_resumed_is_no_variation_of_itself(settings, session):
    bpy.ops.sjc.generate()
    (failed,) = QUEUE.jobs
    failed.state = JobState.FAILED
    resumed = dataclasses.replace(failed, state=JobState.QUEUED)
    QUEUE._jobs.append(resumed)
    assert variations.set_of(resumed) == [resumed]
    session.variations = 2
    bpy.ops.sjc.generate()
    *_, first, second = QUEUE.jobs
    first.state = JobState.FAILED
    QUEUE._jobs.append(again := dataclasses.replace(first, state=JobState.QUEUED))
    assert [job is again or job is second for job in variations.set_of(again)] == [True, True]


def test_variations_are_as_many_jobs_with_seeds_of_their_own_that_wait_to_be_kept(settings, session):
    settings.seed, session.variations = 7, 4
    bpy.ops.sjc.generate()
    assert [job.spec.seed for job in QUEUE.jobs] == [7, 8, 9, 10]
    assert len({job.spec.prompt for job in QUEUE.jobs}) == 1
    assert not any(job.import_results for job in QUEUE.jobs)
    kept = [json.loads(job.folder.settings_path.read_text("utf-8"))["settings"]["seed"] for job in QUEUE.jobs]
    assert kept == [7, 8, 9, 10], "each is recalled with its own seed"
    pump.tell()
    assert buttons() == [("Next", False), ("2.", False), ("3.", False), ("4.", False)]


def test_each_variation_is_kept_by_a_click_when_it_is_done(settings, session):
    session.variations = 3
    bpy.ops.sjc.generate()
    first, second, third = QUEUE.jobs
    pump.tell()
    first.state, first.imported = JobState.DONE, ("a red chair",)
    second.state = JobState.DONE
    third.state = JobState.RUNNING
    shown = buttons()
    assert shown[-3:] == [("Kept", False), ("Keep 1", True), ("0%", False)]


def test_the_pictures_of_variations_take_no_other_room_as_they_come(settings, session):
    session.variations = 4
    bpy.ops.sjc.generate()
    pump.tell()

    def height():
        layout = Layout()
        main_panel.SJC_PT_main.draw(SimpleNamespace(layout=layout), context())
        return layout.places()[1]

    before = height()
    for state in (JobState.RUNNING, JobState.DONE):
        for job in QUEUE.jobs:
            job.state = state
            assert height() == before


def test_one_is_one_job_that_comes_into_the_scene(settings, session):
    bpy.ops.sjc.generate()
    (job,) = QUEUE.jobs
    assert job.import_results


def test_the_same_settings_again_are_known_and_another_seed_is_offered(settings):
    assert not generate_operators.was_made(bpy.context.scene)
    bpy.ops.sjc.generate()
    assert generate_operators.was_made(bpy.context.scene)
    settings.preset = "draft"
    assert not generate_operators.was_made(bpy.context.scene)
    settings.preset = "standard"
    settings.negative_prompt = "blue"
    assert not generate_operators.was_made(bpy.context.scene), "whatever setting is another one"
    settings.negative_prompt = ""
    QUEUE.jobs[0].fail(SjcError("engine_died", "The engine ended."))
    assert not generate_operators.was_made(bpy.context.scene), "what failed may be tried again"
    QUEUE.jobs[0].state = JobState.DONE
    bpy.ops.sjc.generate(new_seed=True)
    assert [job.spec.seed for job in api.jobs()] == [0, 1]
    assert settings.seed == 1


def test_used_prompts_and_those_of_the_built_in_model_are_suggested(settings, tmp_path, monkeypatch):
    folder = JobFolder.create(tmp_path / "old", presets.new_job("a violet walrus", model={"source": "some/model"}))
    other = JobFolder.create(tmp_path / "older", JobSpec("x", model=ModelSpec("google/ddpm-cifar10-32")))
    data = json.loads(other.spec_path.read_text("utf-8"))
    other.spec_path.write_text(json.dumps({**data, "prompt": ""}), "utf-8")
    monkeypatch.setattr(known_jobs, "records", [read_record(folder.path), read_record(other.path)])
    every = prompt_search.suggestions(settings, bpy.context, "")
    assert every[:2] == ["a violet walrus", "a red duck"], "a job without a prompt has none to suggest"
    assert "a blue mug" in prompt_search.suggestions(settings, bpy.context, "MUG blu")
    assert prompt_search.suggestions(settings, bpy.context, "wal") == ["a violet walrus"]
    settings.model_kind, settings.model_id = "HUB", "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert prompt_search.suggestions(settings, bpy.context, "") == ["a violet walrus"]
