"""The engine in a Blender session: never waited for, never without permission, shown as it is."""

import time
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import sjc_blender
from sjc_blender.addon import api
from sjc_blender.addon.commands.command_line import main
from sjc_blender.addon.environment import session
from sjc_blender.addon.environment.engine_keeper import EngineState, Status
from sjc_blender.addon.jobs.job_queue import QUEUE
from sjc_blender.addon.process.environment_place import environment_place
from sjc_blender.addon.ui.environment import environment_panel
from sjc_blender.protocol.diagnosis import Diagnosis, Finding
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.setup_events import Stage
from tests.addon.drawn_layout import Layout, context


@pytest.fixture
def addon(scene, monkeypatch):
    monkeypatch.delenv("SJC_ENGINE_PYTHON", raising=False)
    sjc_blender.register()
    yield
    sjc_blender.unregister()


def settled() -> EngineState:
    end = time.monotonic() + 20
    while api.engine_state().status is Status.UNKNOWN:
        assert time.monotonic() < end
        time.sleep(0.01)
    return api.engine_state()


def drawn(state: EngineState | None, monkeypatch, draw=environment_panel.draw_missing_engine, diagnosis=None) -> Layout:
    if state is not None:
        monkeypatch.setattr(environment_panel.api, "engine_state", lambda: state)
    monkeypatch.setattr(session.CHECK, "diagnosis", diagnosis)
    shown = context()
    shown.preferences.system.use_online_access = False
    layout = Layout()
    draw(layout, shown)
    return layout


def words(layout: Layout) -> str:
    return " ".join(layout.texts())


def test_a_slow_interpreter_is_not_waited_for(addon, tmp_path, monkeypatch):
    slow = tmp_path / "python"
    slow.write_text('#!/bin/sh\nsleep 1\necho \'{"version": [3, 11], "missing": []}\'\n')
    slow.chmod(0o755)
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(slow))
    assert api.engine_state().status is Status.UNKNOWN  # told at once: the interpreter answers a second later
    state = settled()
    assert (state.status, state.interpreter, state.source) == (Status.READY, slow, "variable")


def test_without_permission_nothing_is_fetched_and_the_way_is_told(addon, users_engine):
    assert not bpy.app.online_access
    with pytest.raises(SjcError) as caught:
        api.set_up_engine()
    assert caught.value.code == "offline"
    assert "Allow Online Access" in caught.value.hint and "wheelhouse" in caught.value.hint
    assert not users_engine.exists()


def test_a_folder_of_packages_that_is_not_there_is_told(addon, tmp_path):
    with pytest.raises(SjcError) as caught:
        api.set_up_engine(wheelhouse=tmp_path / "nowhere")
    assert caught.value.code == "wheelhouse_missing"


def test_an_engine_that_is_at_work_is_not_changed(addon, wheelhouse, monkeypatch):
    job = SimpleNamespace(live=True, interpreter=environment_place().interpreter)
    monkeypatch.setattr(type(QUEUE), "jobs", property(lambda _queue: [job]))
    for change in (lambda: api.set_up_engine(wheelhouse=wheelhouse), api.remove_engine):
        with pytest.raises(SjcError) as caught:
            change()
        assert caught.value.code == "engine_in_use"
    monkeypatch.undo()


def test_the_command_sets_up_and_removes(addon, tiny, wheelhouse, installer, monkeypatch, capsys):
    made = session.SetupRequest

    def tiny_request(action, root, wheelhouse=""):
        lists = {name: str(tiny.with_name(f"{name}.txt")) for name in ("torch", "tools")}
        return made(action, root, wheelhouse, requirements=str(tiny), modules=("tinyengine",), **lists)

    monkeypatch.setattr(session, "SetupRequest", tiny_request)
    assert main(["setup", "--wheelhouse", str(wheelhouse)]) == 0
    told = capsys.readouterr()
    assert f"python: {environment_place().interpreter}" in told.out
    assert "[5/5] Checking the engine" in told.err
    assert main(["setup", "--remove"]) == 0
    assert not environment_place().environment.exists()


def test_the_command_without_permission(addon, capsys):
    assert main(["setup"]) == 1
    assert "--online-mode" in capsys.readouterr().err


def test_the_doctor_tells_why_there_is_no_engine(addon, capsys):
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert f"ok  Blender: {bpy.app.version_string}" in told
    assert "NO  Engine: The engine is not set up yet." in told and "Press Set Up Engine" in told


def test_the_doctor_tells_which_interpreter_and_why(addon, fake_interpreter, monkeypatch, capsys):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_interpreter))
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert f"ok  Interpreter: {fake_interpreter}: the environment variable SJC_ENGINE_PYTHON names it" in told
    assert "NO  Memory: 0.1 GB" in told and "Close other programs" in told


def test_an_engine_that_dies_of_its_check_is_told(addon, fake_interpreter, monkeypatch, capsys):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", str(fake_interpreter))
    fake_interpreter.write_text(fake_interpreter.read_text().split("#check")[0] + 'echo "no libc10" >&2; exit 7\n')
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "the check ended with exit code 7" in told and "no libc10" in told


@pytest.fixture
def fake_interpreter(tmp_path) -> Path:
    """Give an engine's Python that finds one fault."""
    path = tmp_path / "python"
    line = '{"event": "diagnosis", "findings": [{"subject": "Memory", "text": "0.1 GB", "works": false, "fix": "Close other programs."}]}'  # noqa: E501
    path.write_text(
        '#!/bin/sh\ncase "$*" in *find_spec*) echo \'{"version": [3, 11], "missing": []}\'; exit;; esac\n#check\n'
        f"echo '{line}'\nexit 1\n"
    )
    path.chmod(0o755)
    return path


PLACE = environment_place({"XDG_DATA_HOME": "/data", "LOCALAPPDATA": "/data"})
NOT_SET = SjcError("engine_python_not_set", "The engine is not set up yet.", "Press Set Up Engine.")


def test_without_an_engine_there_is_one_box_with_one_button(addon, monkeypatch):
    monkeypatch.setattr(session, "require_packages", lambda: "")
    layout = drawn(EngineState(Status.MISSING, PLACE, problem=NOT_SET), monkeypatch)
    assert "The engine is not set up yet" in words(layout)
    assert "Set Up Engine" in layout.texts("operator")
    assert "sjc.open_setup_log" not in layout.operators()


def test_a_missing_permission_can_be_given_there(addon, monkeypatch):
    layout = drawn(EngineState(Status.MISSING, PLACE, problem=NOT_SET), monkeypatch)
    assert "Blender may not use it" in words(layout)
    assert "Allow Online Access" in layout.texts("prop")


def test_a_set_up_shows_how_far_it_is_and_can_be_stopped(addon, monkeypatch):
    stage = Stage(4, 5, "Installing the packages", "Fetching torch (800.0MiB)", 700_000_000, 1_400_000_000)
    layout = drawn(EngineState(Status.SETTING_UP, PLACE, stage=stage, started=True), monkeypatch)
    ((progress),) = [options for kind, _, options, _ in layout.drawn if kind == "progress"]
    assert progress == {"factor": pytest.approx(8 / 14), "text": "Step 4 of 5", "translate": False}
    assert {"700 MB of about 1.4 GB", "Fetching torch (800.0MiB)"} <= set(layout.texts())
    assert list(layout.operators()) == ["sjc.cancel_setup"]


def test_a_failure_shows_what_to_do_and_the_log(addon, monkeypatch):
    monkeypatch.setattr(session, "require_packages", lambda: "")
    failure = SjcError("no_network", "There is no connection to pypi.org.", "Check the internet connection.")
    state = EngineState(Status.MISSING, PLACE, problem=NOT_SET, failure=failure, started=True)
    layout = drawn(state, monkeypatch)
    assert "There is no connection to pypi.org. Check the internet connection." in words(layout)
    assert {"sjc.open_setup_log", "sjc.copy_setup_log"} <= set(layout.operators())
    assert "Set Up Engine" in layout.texts("operator")


def test_a_set_up_that_was_stopped_can_be_resumed(addon, monkeypatch):
    monkeypatch.setattr(session, "require_packages", lambda: "")
    layout = drawn(EngineState(Status.MISSING, PLACE, problem=NOT_SET, started=True), monkeypatch)
    assert "Resume Set-Up" in layout.texts("operator")


def test_a_python_of_ones_own_that_cannot_be_used_is_told(addon, monkeypatch):
    problem = SjcError("engine_python_missing", "The engine's Python /x does not exist.", "Choose another.")
    layout = drawn(EngineState(Status.MISSING, PLACE, problem=problem), monkeypatch)
    assert "The engine's Python /x does not exist." in words(layout)
    assert "sjc.show_preferences" in layout.operators()


def test_a_ready_engine_asks_for_nothing_at_the_top(addon, monkeypatch):
    ready = EngineState(Status.READY, PLACE, Path("/data/python"), "environment", started=True, size=1_600_000_000)
    assert not drawn(ready, monkeypatch).drawn
    found = Diagnosis((Finding("Memory", "0.1 GB", False, "Close other programs."),))
    layout = drawn(ready, monkeypatch, environment_panel.draw_engine, found)
    assert "The engine is ready" in words(layout)
    assert "Memory: 0.1 GB Close other programs." in words(layout)
    assert {"sjc.check_engine", "sjc.set_up_engine", "sjc.remove_engine"} <= set(layout.operators())


def test_an_old_engine_offers_the_update(addon, monkeypatch):
    old = EngineState(Status.READY, PLACE, Path("/data/python"), "environment", outdated=True, started=True, size=1)
    assert "Update Engine" in drawn(old, monkeypatch).texts("operator")


def test_in_a_window_generate_waits_for_the_engine(addon, monkeypatch):
    monkeypatch.setattr(session, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    for status, said in ((Status.READY, ""), (Status.MISSING, "Set up the engine first")):
        monkeypatch.setattr(session, "state", lambda status=status: EngineState(status, PLACE))
        assert session.obstacle() == said
    monkeypatch.undo()


def test_the_log_goes_to_the_clipboard_or_it_is_said_why_not(addon, users_engine):
    with pytest.raises(RuntimeError, match="log cannot be read"):
        bpy.ops.sjc.copy_setup_log()
    log = api.engine_state().place.log
    log.parent.mkdir(parents=True)
    log.write_text("said", "utf-8")
    assert bpy.ops.sjc.copy_setup_log() == {"FINISHED"}
