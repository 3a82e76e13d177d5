"""Whatever is given to the API for whatever argument: it works, or a sentence says what is wrong with it."""

import enum
import inspect
import os
from pathlib import Path

import bpy
import numpy as np
import pytest

from sjc_blender.addon import api
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.jobs.job_request import JobRequest
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.checkpoints import write_checkpoint

FUNCTIONS = [name for name in api.__all__ if inspect.isfunction(getattr(api, name))]
CLASSES = {name: getattr(api, name) for name in api.__all__ if inspect.isclass(getattr(api, name))}
MADE_BY_CALLERS = ("Farm", "JobFolder", "JobRequest", "RigChoice")
GIVEN_TO_CALLERS = {
    "Batch",
    "BatchFault",
    "BroughtFiles",
    "Diagnosis",
    "EngineState",
    "Entry",
    "Fault",
    "InvalidBatch",
    "InvalidSpec",
}
GIVEN_TO_CALLERS |= {"Job", "JobRecord", "JobSpec", "ModelStatus", "RigReport", "SjcError", "UnusedFiles"}
"""Classes that the API makes, and that nobody else has to."""
OF_THE_INSIDE = {"BatchFault.of", "Job.apply", "Job.fail", "Job.notify"}
"""Methods by which the parts of the add-on tell each other; those of a `JobFolder` are the engine's as well."""
METHODS = [
    f"{name}.{method}"
    for name, cls in CLASSES.items()
    if name != "JobFolder" and not issubclass(cls, enum.Enum)
    for method, value in vars(cls).items()
    if inspect.isroutine(value) and not method.startswith("_") and f"{name}.{method}" not in OF_THE_INSIDE
]
OF_A_JOB = {"agree", "cancel", "clear", "delete_job", "edit", "import_result", "job", "pause", "recall", "resume"}
OF_A_JOB |= {"show", "unpause"}
OF_AN_OBJECT = {"bake_texture", "mark_as_asset", "remesh"}


@pytest.fixture
def made(addon, scene, tmp_path, monkeypatch):
    """Give a job with its objects, and what each function is given where nothing is wrong."""
    monkeypatch.chdir(tmp_path)  # some of the wrong texts are paths
    job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "job", wait=True)
    write_checkpoint(job.folder)
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


class Unspeakable:
    """Something of somebody else's that cannot even be shown."""

    folder = 3

    def __repr__(self):
        raise RuntimeError("no")


def wrong_values(tmp_path):
    """Give what is right for few arguments."""
    world = bpy.data.worlds.new("World")
    deleted = [bpy.data.objects.new("gone", None), bpy.data.collections.new("gone"), bpy.data.scenes.new("gone")]
    for thing, where in zip(deleted, (bpy.data.objects, bpy.data.collections, bpy.data.scenes), strict=True):
        where.remove(thing)
    endless: dict = {}
    endless["a"] = endless
    numbers = [3, -1, float("nan"), float("inf"), 10**400, -(10**400), 1j, np.float32(0.5), np.arange(3), True]
    texts = ["", " ", "nobody", "n" * 5000, "a\0b", "\ud800", "//", "{0}", b"x"]
    lists = [[], [3], [[3]], ["nobody"], ["\ud800"], {"a": 3}, {3: 4}, endless, iter([3]), [None]]
    return [None, *numbers, *texts, *lists, tmp_path / "missing", world, *deleted, object(), str, len]


def bare_errors(call, parameters, right, tmp_path):
    """List what is raised that is no SjcError with a sentence, when each argument in turn is each wrong value."""
    bare = []
    for parameter in parameters:
        for value in wrong_values(tmp_path):
            shown = "Unspeakable()" if isinstance(value, Unspeakable) else f"{parameter}={repr(value)[:60]}"
            try:
                call(**right | {parameter: value})
            except SjcError as error:
                if not is_sentence(error.message):
                    bare.append(f"{shown}: no sentence: {error.message!r}")
            except Exception as error:
                bare.append(f"{shown}: {type(error).__name__}: {error}")
            for job in QUEUE.jobs:
                QUEUE.cancel(job, now=True)
    return bare


def is_sentence(text):
    return " " in text and (text.endswith((".", "?", "!")) or "\n" in text)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_argument_is_refused_in_a_sentence(made, tmp_path, name):
    function = getattr(api, name)
    signature = inspect.signature(function)
    right = dict(zip(signature.parameters, made.get(name, ()), strict=False))
    if name == "batch":
        right["start"] = False
    bare = bare_errors(function, signature.parameters, right, tmp_path)
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("name", METHODS)
def test_so_it_is_by_the_methods_of_what_is_returned(made, tmp_path, name):
    class_name, method = name.split(".")
    options = {"model": "some/model", "negative_prompt": "success", "folder": tmp_path / "batch", "start": False}
    batch = api.batch(["a chair"], **options)
    owners = {"Job": QUEUE.jobs[0], "Batch": batch, "RigReport": api.rig_report(), "BatchFault": fault()}
    function = getattr(owners[class_name], method)
    right = {"entry": batch[0]} if method == "objects" else {}
    bare = bare_errors(function, inspect.signature(function).parameters, right, tmp_path)
    assert not bare, "\n".join(bare)
    function(**right)
    if method == "as_json":  # which takes none
        return
    with pytest.raises(SjcError, match="nothing_of_the_kind"):
        function(**right, nothing_of_the_kind=3)


def fault():
    with pytest.raises(api.InvalidBatch) as refused:
        api.batch([{"prompt": "a chair", "seed": "x"}])
    return refused.value.faults[0]


@pytest.mark.parametrize("name", MADE_BY_CALLERS)
def test_what_callers_make_is_judged_when_it_is_made_or_used(made, tmp_path, name):
    cls = CLASSES[name]
    right = {"Farm": {"address": "localhost:1"}, "JobFolder": {"path": tmp_path}, "RigChoice": {}}
    of_a_job = {"model": "some/model", "negative_prompt": "success", "prompt": "a chair"}
    use = {
        "Farm": lambda made: api.generate(**of_a_job, farm=made),
        "JobRequest": api.submit,
        "RigChoice": lambda made: api.rig_report(made),
    }

    def used(**given):
        made = cls(**given)
        return use[name](made) if name != "JobFolder" else made

    parameters = [parameter for parameter in inspect.signature(cls).parameters if parameter != "played"]
    bare = bare_errors(used, parameters, right.get(name, of_a_job), tmp_path)
    assert not bare, "\n".join(bare)


def test_nothing_that_is_listed_is_forgotten_here():
    enums = {name for name, cls in CLASSES.items() if issubclass(cls, enum.Enum)}
    assert set(CLASSES) == {*MADE_BY_CALLERS, *GIVEN_TO_CALLERS, *enums}
    others = [name for name in api.__all__ if name not in {*FUNCTIONS, *CLASSES} and callable(getattr(api, name))]
    assert not others


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_argument_that_does_not_exist_is_named(addon, name):
    with pytest.raises(SjcError) as refused:
        getattr(api, name)(nothing_of_the_kind=3)
    assert refused.value.code == "bad_usage" and is_sentence(refused.value.message)
    assert f"api.{name}" in refused.value.message
    with pytest.raises(SjcError) as refused:
        getattr(api, name)(*range(40))
    assert refused.value.code == "bad_usage"


def test_an_argument_that_was_meant_is_said(addon):
    with pytest.raises(SjcError, match="perhaps preset"):
        api.generate("a chair", presets="draft")
    with pytest.raises(SjcError, match="prompt"):
        api.generate()


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
