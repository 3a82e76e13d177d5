"""Whatever is given to the API for whatever argument: it works, or a sentence says what is wrong with it."""

import inspect
import os
from pathlib import Path

import bpy
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.jobs.job_request import JobRequest
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.checkpoints import write_checkpoint

FUNCTIONS = [name for name in api.__all__ if inspect.isfunction(getattr(api, name))]
OF_A_JOB = {"agree", "cancel", "clear", "delete_job", "edit", "import_result", "job", "pause", "recall", "resume"}
OF_A_JOB |= {"show", "unpause"}
OF_AN_OBJECT = {"bake_texture", "mark_as_asset", "remesh"}


@pytest.fixture
def made(addon, scene, tmp_path, monkeypatch):
    """Give a job with its objects, and what each function is given where nothing is wrong."""
    monkeypatch.setattr(QUEUE, "_jobs", [])
    monkeypatch.chdir(tmp_path)  # some of the wrong texts are paths
    job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "job", wait=True)
    write_checkpoint(job.folder, job.spec.optimisation.steps)
    right = dict.fromkeys(OF_A_JOB | OF_AN_OBJECT, (job,)) | {
        "batch": (["a chair"],),
        "continue_job": (job, 5),
        "delete_model": ("some/model",),
        "download_model": ("some/model",),
        "export_result": (job, tmp_path / "chair.ply"),
        "generate": ("a chair",),
        "model_profile": ("builtin",),
        "move": (job, 1),
        "set_look": (job, "RADIANCE"),
        "show_as": (job, "mesh"),
        "show_model": ("builtin",),
        "show_side": (job, "before"),
        "submit": (JobRequest(prompt="a chair", model="some/model"),),
    }
    yield right
    for job in QUEUE.jobs:
        QUEUE.cancel(job, now=True)
    api.wait(timeout=10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_argument_is_refused_in_a_sentence(made, tmp_path, name):
    function = getattr(api, name)
    world = bpy.data.worlds.new("World")
    wrong = [None, 3, -1, float("nan"), "", "nobody", b"x", tmp_path / "missing", world, object(), [3], {"a": 3}]
    signature = inspect.signature(function)
    right = dict(zip(signature.parameters, made.get(name, ()), strict=False))
    if name == "batch":
        right["start"] = False
    bare = []
    for parameter in signature.parameters:
        for value in wrong:
            try:
                function(**right | {parameter: value})
            except SjcError as error:
                sentence = " " in error.message and (error.message.endswith((".", "?", "!")) or "\n" in error.message)
                if not sentence:
                    bare.append(f"{parameter}={value!r}: no sentence: {error.message!r}")
            except Exception as error:
                bare.append(f"{parameter}={value!r}: {type(error).__name__}: {error}")
            for job in QUEUE.jobs:
                QUEUE.cancel(job, now=True)
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_done(addon, kind, tmp_path, capsys):
    before = list(QUEUE.jobs)
    named = kind(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    for call in (lambda: api.import_result(named), lambda: api.generate("a chair", folder=named)):
        with pytest.raises(SjcError) as refused:
            call()
        assert refused.value.code == "bad_usage" and "UTF-8" in refused.value.message
        str(refused.value).encode()
    assert command_line.main(["export", str(named), "--out", "chair.ply"]) != 0
    assert "UTF-8" in capsys.readouterr().err
    assert list(QUEUE.jobs) == before
