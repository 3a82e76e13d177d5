"""One engine as a child process: isolated, always answerable, never left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sjc_blender.addon.process.engine_process import BOOTSTRAP, ISOLATED, EngineProcess, child_environment
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from tests.addon.jobs.processes import alive, kill, pid_in, until

REPOSITORY = Path(__file__).resolve().parents[3]

PARENT = """
import sys, time
from pathlib import Path
from sjc_blender.addon.process.engine_process import EngineProcess
from sjc_blender.protocol.job_folder import JobFolder

process = EngineProcess.start(Path(sys.argv[1]), JobFolder(Path(sys.argv[2])), online=False)
time.sleep(60)
"""


def run(job) -> tuple[list[events.Event], EngineProcess]:
    process = EngineProcess.start(job.interpreter, job.folder, online=False)
    until(lambda: process.ended)
    told = process.events()
    process.close()
    return told, process


def test_events_come_in_the_order_in_which_they_were_told(make_job):
    told, process = run(make_job())
    assert process.return_code == 0
    steps = [event.step for event in told if isinstance(event, events.Progress)]
    assert steps == list(range(1, 21))
    kinds = [type(event) for event in told if not isinstance(event, events.Progress)]
    assert kinds == [events.Phase, events.Warned, events.Phase, events.Preview, events.Result]


@pytest.mark.parametrize("prompt", ["ein grüner Stuhl", "赤い椅子", 'a "quoted" $HOME `chair`; rm -rf'])
def test_prompts_and_folders_of_any_language_arrive_whole(make_job, prompt):
    told, _ = run(make_job(prompt=prompt, name="ein Ördner 椅子 with spaces"))
    assert events.Warned(prompt) in told
    assert isinstance(told[-1], events.Result)


def test_stray_output_goes_to_the_log_and_disturbs_nothing(make_job):
    job = make_job("garbage")
    told, _ = run(job)
    assert isinstance(told[-1], events.Result)
    log = job.folder.log_path.read_bytes()
    assert b"Loading weights: 100%" in log and b"\xff\xfe\x00" in log and b'"event": "later"' in log


def test_the_log_is_added_to_and_the_last_words_are_of_this_run(make_job):
    job = make_job("crash")
    job.folder.log_path.write_text("of an earlier run\n")
    _, process = run(job)
    assert process.last_words() == [
        "Traceback (most recent call last):",
        "ModuleNotFoundError: No module named 'torch'",
    ]
    assert job.folder.log_path.read_text().startswith("of an earlier run\n")


def test_the_environment_has_nothing_of_the_users_python():
    environ = {"PYTHONPATH": "/x", "PYTHONHOME": "/y", "PythonStartup": "/z", "PATH": "/bin", "HF_HOME": "/models"}
    child = child_environment(environ, online=False)
    assert {name for name in child if name.upper().startswith("PYTHON")} == {"PYTHONNOUSERSITE", "PYTHONUNBUFFERED"}
    assert (child["PATH"], child["HF_HOME"], child["OMP_WAIT_POLICY"]) == ("/bin", "/models", "passive")


def test_the_network_is_used_only_if_allowed():
    assert child_environment({}, online=False)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in child_environment({}, online=True)


def test_cancel_is_heard_and_ends_the_process(make_job):
    job = make_job("patient")
    process = EngineProcess.start(job.interpreter, job.folder, online=False)
    pid_in(job.folder.path / "engine.pid")
    process.cancel(grace=10.0)
    process.cancel(grace=10.0)
    until(lambda: process.ended)
    assert isinstance(process.events()[-1], events.Cancelled)
    assert process.return_code == 3
    process.close()


def test_who_does_not_hear_is_ended_with_its_children(make_job):
    job = make_job("deaf")
    process = EngineProcess.start(job.interpreter, job.folder, online=False)
    child = pid_in(job.folder.path / "child.pid")
    process.cancel(grace=0.3)
    process.supervise()
    assert not process.ended
    until(lambda: process.supervise() or process.ended)
    until(lambda: not alive(child))
    process.close()


def test_a_killed_engine_is_noticed_though_its_child_holds_the_pipe(make_job):
    job = make_job("deaf")
    process = EngineProcess.start(job.interpreter, job.folder, online=False)
    child = pid_in(job.folder.path / "child.pid")
    kill(pid_in(job.folder.path / "engine.pid"))
    until(lambda: process.ended, seconds=2.0)
    process.close()
    until(lambda: not alive(child))


def test_the_engine_ends_when_its_parent_is_killed(make_job):
    job = make_job("patient")
    command = [sys.executable, "-c", PARENT, str(job.interpreter), str(job.folder.path)]
    parent = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(REPOSITORY)})
    engine = pid_in(job.folder.path / "engine.pid")
    assert alive(engine)
    parent.kill()
    parent.wait(timeout=30)
    until(lambda: not alive(engine))
    assert (job.folder.path / "checkpoint.safetensors").exists()


def test_a_program_that_cannot_be_started_is_told(make_job, tmp_path):
    job = make_job()
    for broken in (tmp_path / "nothing", tmp_path):
        with pytest.raises(SjcError) as caught:
            EngineProcess.start(broken, job.folder, online=False)
        assert caught.value.code == "engine_not_started"
        assert str(broken) in caught.value.message


def test_a_log_that_cannot_be_written_is_told(make_job):
    job = make_job()
    job.folder.log_path.mkdir()
    with pytest.raises(SjcError) as caught:
        EngineProcess.start(job.interpreter, job.folder, online=False)
    assert caught.value.code == "not_a_plain_file"


@pytest.fixture
def installed(tmp_path) -> Path:
    """Give the package as an installed extension: beside others, one of them named like a library."""
    repository = tmp_path / "user default"
    package = repository / "sjc_blender"
    process = package / "addon" / "process"
    process.mkdir(parents=True)
    (package / "engine").mkdir()
    shutil.copy(BOOTSTRAP, process)
    for module in (package, package / "addon", process, package / "engine"):
        (module / "__init__.py").write_text("")
    (package / "engine" / "__main__.py").write_text(
        "import sys, numpy, pathlib, sjc_blender\n"
        "from sjc_blender.engine import __name__ as name\n"
        "print(name, pathlib.Path(sjc_blender.__file__).parent, sys.argv[1:])\n"
        "print(sys.flags.isolated, sys.stdout.encoding)\n"
    )
    for library in ("numpy", "another_extension"):
        (repository / library).mkdir()
        (repository / library / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    return package


def test_only_the_package_itself_is_taken_from_the_extensions_folder(installed):
    command = [sys.executable, *ISOLATED, str(installed / "addon" / "process" / BOOTSTRAP.name), "run", "a job"]
    environ = os.environ | {"PYTHONPATH": str(installed.parent), "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environ, cwd=installed.parent)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"sjc_blender.engine {installed} ['run', 'a job']", "1 utf-8"]


def test_another_extension_cannot_be_imported_by_the_engine(installed):
    (installed / "engine" / "__main__.py").write_text("import another_extension\n")
    command = [sys.executable, *ISOLATED, str(installed / "addon" / "process" / BOOTSTRAP.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=installed.parent)
    assert "No module named 'another_extension'" in done.stderr


def test_the_job_folder_may_be_named_relatively(make_job, monkeypatch, tmp_path):
    job = make_job()
    monkeypatch.chdir(tmp_path)
    job.folder = JobFolder(Path(job.folder.path.name))
    told, _ = run(job)
    assert isinstance(told[-1], events.Result)
