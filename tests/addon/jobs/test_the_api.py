"""The API as scripts meet it: the way to it, jobs by any name, waiting, threads, and sentences for what is wrong."""

import argparse
import ast
import inspect
import re
import subprocess
import sys
import threading
from pathlib import Path

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.jobs import job_queue, lifecycle
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.protocol.errors import SjcError
from tests.addon.jobs.processes import until

ROOT = Path(sjc_blender.__file__).parents[1]


@pytest.fixture
def generate(addon, scene, tmp_path, monkeypatch):

    def start(way="success", name="a job", **options):
        given = {"model": "some/model", "negative_prompt": way, "folder": tmp_path / name, "preset": "draft"}
        return api.generate("a chair", **given | options)

    yield start
    for job in QUEUE.jobs:
        QUEUE.cancel(job, now=True)
    api.wait(timeout=60)


def code_of(function, *arguments, **options):
    with pytest.raises(SjcError) as caught:
        function(*arguments, **options)
    return caught.value.code


def test_there_is_one_short_way_to_it_and_its_version_is_the_extensions(addon, scene):
    assert bpy.context.window_manager.sjc.api is api
    assert sjc_blender.api is api
    manifest = (ROOT / "blender_manifest.toml").read_text()
    assert re.search(r'^version = "(.*)"', manifest, re.MULTILINE)[1] == sjc_blender.__version__ == api.__version__
    assert f"## [{api.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
    assert (ROOT / "sjc_blender" / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'apy'"):
        _ = sjc_blender.apy


def test_nothing_is_put_beside_the_extension(addon, scene):
    """As Blender's preferences report it (modules/addon_utils.py): no path, no module of its own at the top."""
    script = (
        "import sys, bpy; paths = list(sys.path); modules = set(sys.modules); import sjc_blender; "
        "sjc_blender.register(); bpy.context.window_manager.sjc.api; "
        f"new = {{name.split('.')[0] for name in set(sys.modules) - modules}}; root = {str(ROOT / 'sjc_blender')!r}; "
        "own = {name for name in new if root in str(getattr(sys.modules.get(name), '__file__', ''))}; "
        "assert own == {'sjc_blender'}, own; assert sys.path == paths; sjc_blender.unregister()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_everything_it_lists_is_there_and_says_what_it_does():
    for name in api.__all__:
        value = getattr(api, name)
        if inspect.isfunction(value):
            assert value.__doc__ and value.__name__ == name, name
            assert list(inspect.signature(value).parameters) != ["arguments", "options"], name
    told = api.__doc__
    for name in ("generate", "wait", "process_events", "__version__", "CHANGELOG"):
        assert name in told


def test_its_help_explains_every_argument_and_names_nothing_of_the_inside():
    for name in api.__all__:
        function = getattr(api, name)
        if inspect.isfunction(function):
            text, arguments = inspect.getdoc(function), inspect.signature(function).parameters
            explained = "Parameters\n---" in text or len(arguments) <= 1 or "as of `api.generate`" in text
            assert explained or "else as `generate`" in text, name
            if "Parameters\n---" in text:
                listed = text.split("Parameters\n---")[1].split("\nReturns\n")[0].split("\nRaises\n")[0]
                missing = [
                    word for word in arguments if not re.search(rf"^[\w, ]*\b{word}\b[\w, ]*( :|$)", listed, re.M)
                ]
                assert not missing, f"{name}: {missing}"
            assert not re.search(r"sjc_blender\.addon|named_job|unknown_jobs`|\.py\b", text), name
            if "scene" in arguments:
                assert arguments["scene"].annotation == "bpy.types.Scene | str | None", name


def test_what_is_returned_or_raised_is_listed():
    returned = {"Job", "Batch", "Entry", "JobRecord", "RecordState", "JobState", "EngineState", "Status", "ModelStatus"}
    raised = {"SjcError", "InvalidSpec", "Fault", "InvalidBatch", "BatchFault"}
    assert returned | raised | {"JobFolder", "JobSpec", "RigReport", "Diagnosis"} <= set(api.__all__)


def test_a_job_is_meant_by_whatever_names_it(generate, scene):
    job = generate(wait=True)
    record = next(record for record in api.history() if record.folder.path == job.folder.path)
    for name in (job, job.id, job.folder, job.folder.path, str(job.folder.path), record):
        assert api.job(name) is job
    for obj in [bpy.data.objects[name] for name in job.imported]:
        assert api.job(obj) is job and api.job(obj.name) is job
    for use in (api.recall, api.import_result, api.cancel, api.pause, api.unpause, api.show):
        for name in (bpy.data.objects[job.imported[0]], job.id, record, str(job.folder.path)):
            use(name)
    api.move(job.id, 1)
    assert api.resume(bpy.data.objects[job.imported[0]], import_results=False, wait=True).folder.path == job.folder.path


def test_an_object_is_meant_by_itself_its_name_and_its_job(generate, tmp_path):
    job = generate(wait=True)
    mesh = next(bpy.data.objects[name] for name in job.imported if bpy.data.objects[name].type == "MESH")
    for source in (mesh, mesh.name, job):
        api.export_result(source, tmp_path / "chair.ply")
        api.mark_as_asset(source)
    assert api.export_result(job, tmp_path / "chair.vdb").is_file()
    api.set_look(job, "SCATTERING")
    assert code_of(api.remesh, "nothing of the kind") == "unknown_object"
    assert code_of(api.remesh, 5) == "unknown_object"
    bpy.data.objects.remove(mesh)
    assert code_of(api.remesh, mesh) == "unknown_object"


def test_waiting_ends_with_the_job_or_with_the_time(generate):
    slow = generate("patient", "slow")
    assert slow.wait(0.3) is slow and slow.live
    assert api.wait(slow.id, timeout=0.2) is False
    assert api.process_events() is True
    api.cancel(slow)
    assert api.wait() is True and not slow.live
    first, second = generate(name="1"), generate(name="2")
    assert api.wait([first, second.id])
    assert first.imported and second.imported
    until(lambda: api.process_events() is False, seconds=10.0)
    assert first.wait() is first


def test_after_waiting_no_engine_holds_the_folder(generate, monkeypatch):
    monkeypatch.setattr(job_queue, "EXIT_SECONDS", 0.5)
    job = generate("lingering", wait=True)
    assert job.imported and not job_queue.QUEUE.live
    api.clear()
    assert job not in job_queue.QUEUE.jobs


def test_reprs_are_short(generate):
    job = generate(wait=True)
    batch = api.batch(["a chair"], model="some/model", start=False)
    shown = [repr(job), repr(batch), *map(repr, api.history())]
    assert repr(job) == "<Job 'a job': done>"
    assert all(len(text) < 120 and "\n" not in text for text in shown)


def test_a_batch_is_a_sequence(generate, tmp_path):
    options = {"model": "some/model", "negative_prompt": "success", "folder": tmp_path / "batch"}
    batch = api.batch(["a chair", "a mug"], start=False, **options)
    assert len(batch) == 2 and [entry.planned.spec.prompt for entry in batch] == ["a chair", "a mug"]
    assert batch[-1] in batch and batch[:1] == [batch[0]]
    batch.start()
    assert api.wait(batch) and len(batch.results()) == len(bpy.context.scene.objects)
    assert api.job(batch[0]) is batch[0].job


def test_calls_of_another_thread_are_refused_by_name(generate):
    job = generate()
    caught = []

    def elsewhere():
        for function, *arguments in ((api.generate, "a chair"), (api.jobs,), (job.wait,), (api.batch, [])):
            try:
                function(*arguments)
            except SjcError as error:
                caught.append((error.code, error.message))

    thread = threading.Thread(target=elsewhere, name="renderer")
    thread.start()
    thread.join()
    assert [code for code, _ in caught] == ["other_thread"] * 4
    assert "api.generate" in caught[0][1] and "'renderer'" in caught[0][1]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: api.generate("a chair", rig=5), "unknown_rig"),
        (lambda: api.generate("a chair", domain=5), "unknown_domain"),
        (lambda: api.generate("a chair", proxy=5), "unknown_proxy"),
        (lambda: api.generate("a chair", scene="Nowhere"), "unknown_scene"),
        (lambda: api.generate("a chair", scene=5), "unknown_scene"),
        (lambda: api.generate("a chair", outputs=5), "unknown_output"),
        (lambda: api.generate("a chair", overrides=5), "bad_usage"),
        (lambda: api.generate(None), "invalid_spec"),
        (lambda: api.generate("a chair", seed="1"), "invalid_spec"),
        (lambda: api.generate("a chair", seed=2**63), "invalid_spec"),
        (lambda: api.generate("a chair", preset=5), "invalid_spec"),
        (lambda: api.generate("a chair", model=5), "invalid_spec"),
        (lambda: api.resume(5), "not_a_job"),
        (lambda: api.import_result(None), "not_a_job"),
        (lambda: api.cancel(None), "not_a_job"),
        (lambda: api.wait(5), "not_a_job"),
        (lambda: api.job("nobody"), "no_such_job"),
        (lambda: api.recall("nobody"), "no_job"),
        (lambda: api.edit(5), "not_a_job"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(addon, scene, call, code):
    assert code_of(call) == code


def test_what_was_meant_is_said_and_letter_case_is_forgiven(generate):
    for wrong, meant in (({"overrides": {"optimisation.stps": 3}}, "steps"), ({"preset": "standart"}, "standard")):
        with pytest.raises(SjcError, match=f"perhaps {meant}"):
            generate(**wrong)
    job = generate(preset="Draft", outputs=["MESH"], rig="orbit", wait=True)
    assert (job.spec.preset, job.spec.outputs.mesh, job.spec.outputs.volume) == ("draft", True, False)
    assert api.show_as(job, "Volume").type == "VOLUME"
    api.set_look(job, "scattering")


def test_one_word_for_one_thing_in_the_api_the_columns_and_the_options():
    from sjc_blender.addon.batch.columns import is_column
    from sjc_blender.addon.commands import generate_command

    parser = argparse.ArgumentParser()
    generate_command.add_options(parser)
    options = {option for action in parser._actions for option in action.option_strings}
    taken = inspect.signature(api.generate).parameters
    for word in ("outputs", "looseness", "folder", "proxy", "preset", "seed", "rig", "domain", "model", "jitter"):
        assert word in taken and f"--{word}" in options and is_column(word), word
    assert "overrides" in taken and "--override" in options


def test_scenes_may_be_named(generate):
    other = bpy.data.scenes.new("Other")
    assert generate(scene="Other", wait=True).destination.scene() == other
    assert len(other.objects) == 2


def test_large_seeds_work_or_are_refused_in_words(generate, scene):
    job = generate(seed=2**40, wait=True)
    assert job.spec.seed == 2**40 and len(job.imported) == 2
    missed = api.recall(job)
    assert len(missed) == 1 and str(2**40) in missed[0]


def test_a_background_blender_that_ends_too_early_says_so(generate, capfd):
    generate("patient", "left")
    lifecycle.end_jobs()
    told = capfd.readouterr().err
    assert "Blender ends before 1 job (left)" in told and "api.wait()" in told


def test_in_background_mode_the_button_waits(generate, scene):
    scene.sjc.prompt, scene.sjc.negative_prompt, scene.sjc.preset = "a chair", "success", "draft"
    scene.sjc.model_kind, scene.sjc.model_id = "HUB", "some/model"
    bpy.ops.sjc.generate()
    (job,) = api.jobs()
    assert len(job.imported) == 2


def test_the_script_of_the_docs_runs_as_it_stands(generate, tmp_path, monkeypatch):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    page = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    script = page[page.index("# Four seeds") :].split("```", 1)[0]
    assert len(script.splitlines()) <= 30
    compiled = ast.parse(script)
    for node in ast.walk(compiled):  # the fake engine stands for the built-in prior
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("generate"):
            node.keywords += [
                ast.keyword("model", ast.Constant("some/model")),
                ast.keyword("negative_prompt", ast.Constant("success")),
            ]
    exec(compile(ast.fix_missing_locations(compiled), "python-api.md", "exec"), {})
    assert (tmp_path / "chair.glb").stat().st_size > 0
