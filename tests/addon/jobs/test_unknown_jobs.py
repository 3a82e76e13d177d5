"""Jobs that came with somebody else's .blend: shown, and never run before the user has agreed."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.commands import command_line
from sjc_blender.addon.environment import session
from sjc_blender.addon.jobs import known_jobs
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.jobs.job_records import RecordState
from sjc_blender.addon.ui.history.history_operators import SJC_OT_continue_job, SJC_OT_recall
from sjc_blender.addon.ui.job.job_operators import SJC_OT_resume
from sjc_blender.protocol import events, model_families, validation
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec, ModelSpec

PROMPT, MODEL = "a nice \x1b[31mchair", "/home/mallory/models/chair"


@pytest.fixture
def addon(scene, tmp_path, fake_python, monkeypatch):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_python))
    monkeypatch.setattr(session, "obstacle", lambda: "")
    (tmp_path / "downloads").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "downloads" / "scene.blend"))
    sjc_blender.register()
    yield QUEUE
    sjc_blender.unregister()
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture
def theirs(addon, tmp_path):
    """Lay a job of somebody else beside the open .blend, as if it was interrupted."""
    spec = JobSpec(PROMPT, model=ModelSpec(MODEL))
    folder = JobFolder.create(tmp_path / "downloads" / "sjc_jobs" / "chair", spec)
    folder.append_event(events.CheckpointSaved("checkpoint.safetensors", 60))
    folder.checkpoint.write_bytes(b"state")
    return folder


def refused(function, *arguments, **options):
    with pytest.raises(SjcError) as caught:
        function(*arguments, **options)
    return caught.value


USES = {
    "resume": lambda folder: api.resume(folder),
    "continue": lambda folder: api.continue_job(folder, 10),
    "recall": lambda folder: api.recall(folder),
    "edit": lambda folder: api.edit(folder, "a red chair"),
}


def test_it_is_shown_and_not_offered(theirs):
    (record,) = api.history()
    assert (record.folder.path, record.state) == (theirs.path, RecordState.INTERRUPTED)
    assert api.interrupted() == []


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_nothing_is_done_with_it_before_its_user_has_agreed(theirs, addon, use):
    error = refused(use, str(theirs.path))
    assert error.code == "unknown_job" and not addon.jobs
    assert MODEL in error.message and str(theirs.path) in error.message and "nice" in error.message
    assert "\x1b" not in str(error)
    api.agree(str(theirs.path))
    try:
        use(str(theirs.path))
    except SjcError as error:
        assert error.code != "unknown_job"


def test_an_agreement_is_kept_for_the_next_session(theirs, users_jobs):
    api.agree(theirs.path)
    assert known_jobs.index().entries() == {theirs.path: False}
    api.resume(theirs.path)
    assert known_jobs.index().entries() == {theirs.path: True}


def test_only_a_job_can_be_agreed_to(addon, tmp_path):
    assert refused(api.agree, tmp_path).code == "no_job"
    assert known_jobs.index().entries() == {}


def test_nothing_of_its_model_is_looked_at(theirs, addon, monkeypatch):
    text = theirs.spec_path.read_text(encoding="utf-8")
    theirs.spec_path.write_text(text.replace('"prompt": "a nice \\u001b[31mchair"', '"prompt": ""'), encoding="utf-8")
    assert theirs.read_spec().prompt == ""

    def look(source):
        raise AssertionError(f"{source} was looked at")

    monkeypatch.setattr(validation, "needs_prompt", look)
    monkeypatch.setattr(model_families, "local_model", look)
    api.history()
    for use in USES.values():
        assert refused(use, str(theirs.path)).code == "unknown_job"


class Asked:
    """A window manager that keeps what it is to ask."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def invoke_confirm(self, operator, event, *, message, **_):
        self.said.append(message)
        return {"RUNNING_MODAL"}

    def invoke_props_dialog(self, operator, **_):
        return {"RUNNING_MODAL"}


def acted(cls, folder: Path):
    """Stand in for an operator of that class, which only Blender can make."""
    operator = SimpleNamespace(folder=str(folder), agreed=False, steps=10, report=lambda *_: None)
    for name in ("invoke", "execute", "act", "ask", "doubt", "settle"):
        setattr(operator, name, getattr(cls, name).__get__(operator))
    return operator


@pytest.mark.parametrize("cls", [SJC_OT_resume, SJC_OT_recall])
def test_a_button_names_prompt_model_and_place_and_goes_on_only_after_that(theirs, cls):
    window = Asked()
    context = SimpleNamespace(window_manager=window, scene=bpy.context.scene)
    operator = acted(cls, theirs.path)
    assert operator.invoke(context, None) == {"RUNNING_MODAL"}
    (said,) = window.said
    assert MODEL in said and str(theirs.path) in said and "nice" in said
    assert theirs.path not in known_jobs.index().entries(), "nothing has happened yet"
    assert operator.execute(context) == {"FINISHED"}
    assert theirs.path in known_jobs.index().entries()
    again = acted(cls, theirs.path)
    again.invoke(context, None)
    assert len(window.said) == 1, "once is enough"


def test_more_steps_are_asked_for_with_the_same_warning(theirs):
    context = SimpleNamespace(window_manager=Asked(), scene=bpy.context.scene)
    operator = acted(SJC_OT_continue_job, theirs.path)
    operator.invoke(context, None)
    assert operator.agreed
    assert operator.execute(context) == {"FINISHED"}


def test_a_script_that_calls_the_button_is_refused_too(theirs, addon):
    with pytest.raises(RuntimeError, match="Not started by you"):
        bpy.ops.sjc.resume(folder=str(theirs.path))
    assert not addon.jobs


def test_the_command_line_needs_the_word(theirs, addon, capsys, monkeypatch):
    arguments = ["edit", str(theirs.path), "--prompt", "a red chair"]
    assert command_line.main(arguments) != 0
    assert "--agree" in capsys.readouterr().err
    seen = []
    monkeypatch.setattr(api, "edit", lambda *a, **k: seen.append(a) or (_ for _ in ()).throw(SjcError("x", "Seen.")))
    command_line.main([*arguments, "--agree"])
    assert seen and theirs.path in known_jobs.index().entries()


def test_jobs_of_this_session_are_known(addon, tmp_path):
    job = api.generate("a chair", model="some/model", negative_prompt="success", folder=tmp_path / "mine", wait=True)
    known_jobs.index().forget(job.folder.path)
    api.recall(job)
