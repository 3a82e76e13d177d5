"""Real set-ups, by the real process: made, stopped, resumed, mended, updated, removed."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from sjc_blender.addon.environment.engine_check import EngineCheck
from sjc_blender.addon.environment.engine_keeper import BOOTSTRAP, EngineKeeper, Status
from sjc_blender.addon.environment.environment_setup import STAGES
from sjc_blender.addon.process.child_process import ISOLATED
from sjc_blender.addon.process.engine_python import find_engine_python
from sjc_blender.addon.process.marker import read_marker, requirements_hash
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.lease import Lease
from tests.addon.environment.conftest import pinned
from tests.addon.jobs.processes import alive, pid_in

PARENT = """
import subprocess, sys, time
subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
time.sleep(60)
"""


def finish(keeper: EngineKeeper, seconds: float = 300.0) -> list:
    """Pump until nothing is waited for; give the stages that were seen."""
    stages, end = [], time.monotonic() + seconds
    while keeper.busy:
        assert time.monotonic() < end, keeper.state
        keeper.pump()
        stage = keeper.state.stage
        if stage is not None and (not stages or stages[-1].number != stage.number):
            stages.append(stage)
        time.sleep(0.01)
    return stages


def set_up(keeper: EngineKeeper, request) -> list:
    keeper.look("")
    finish(keeper)
    keeper.start(request, online=False)
    return finish(keeper)


def runs(interpreter: Path) -> str:
    return subprocess.run([interpreter, "-I", "-c", "import tinyengine; print(tinyengine.VALUE)"], text=True,
                          capture_output=True, check=False).stdout.strip()  # fmt: skip


def test_from_nothing_to_an_engine_that_is_found_by_itself(keeper, request_of, tiny):
    request = request_of()
    place = request.place
    stages = set_up(keeper, request)
    state = keeper.state
    assert state.failure is None
    assert [stage.name for stage in stages] == [name for name in STAGES if name in {s.name for s in stages}]
    assert stages[-1].number == stages[-1].count == len(STAGES)
    assert (state.status, state.source, state.outdated) == (Status.READY, "environment", False)
    assert state.interpreter == place.interpreter
    assert runs(place.interpreter) == "1"
    marker = read_marker(place.marker)
    assert marker.requirements == requirements_hash(tiny, tiny.with_name("torch.txt"))
    assert state.size == marker.size > 0
    assert not place.cache.exists()
    assert "tinyengine" in place.log.read_text("utf-8")


FOREIGN_VARIABLES = {
    "PIP_TARGET": "/elsewhere",
    "PIP_PREFIX": "/elsewhere",
    "PIP_USER": "1",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_CONSTRAINT": "/no/such/constraints.txt",
    "PIP_NO_BINARY": ":all:",
    "PIP_DRY_RUN": "1",
    "PIP_PYTHON": "/no/such/python",
    "PIP_INDEX_URL": "https://no.such.host/simple",
    "PIP_REPORT": "/no/such/folder/report.json",
    "UV_OFFLINE": "0",
    "UV_CONSTRAINT": "/no/such/constraints.txt",
    "UV_OVERRIDE": "/no/such/overrides.txt",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_NO_BINARY": "1",
    "UV_PYTHON": "2.7",
    "UV_SYSTEM_PYTHON": "1",
    "UV_PYTHON_PREFERENCE": "only-managed",
    "UV_CONFIG_FILE": "/no/such/uv.toml",
    "UV_PROJECT_ENVIRONMENT": "/elsewhere",
    "UV_NO_CACHE": "1",
    "UV_LINK_MODE": "symlink",
    "UV_VENV_SEED": "1",
    "UV_TORCH_BACKEND": "no-such-backend",
    "VIRTUAL_ENV": "/no/such/environment",
    "CONDA_PREFIX": "/no/such/environment",
    "PYTHONHOME": "/no/such/home",
}


def test_the_users_settings_of_pip_and_uv_do_not_reach_it(keeper, request_of, tmp_path, monkeypatch):
    for name, value in FOREIGN_VARIABLES.items():
        monkeypatch.setitem(keeper._environ, name, value)
    for name, file, text in (
        ("XDG_CONFIG_HOME", "pip/pip.conf", "[global]\ntarget = /elsewhere\nno-binary = :all:\nuser = true\n"),
        ("XDG_CONFIG_DIRS", "uv/uv.toml", 'offline = false\nno-binary = true\nexclude-newer = "2001-01-01"\n'),
    ):
        path = tmp_path / name / file
        path.parent.mkdir(parents=True)
        path.write_text(text)
        monkeypatch.setitem(keeper._environ, name, str(tmp_path / name))
    set_up(keeper, request_of())
    assert keeper.state.failure is None
    assert runs(request_of().place.interpreter) == "1"


def test_a_package_with_other_contents_than_the_list_names_is_refused(keeper, request_of, installer, tiny):
    tiny.write_text(f"tinyengine==1.0 --hash=sha256:{'0' * 64}\n")
    set_up(keeper, request_of())
    assert keeper.state.failure.code == "download_corrupt"
    assert runs(request_of().place.interpreter) == ""


def test_a_package_without_a_hash_is_refused(keeper, request_of, installer, tiny):
    tiny.write_text("tinyengine==1.0\n")
    set_up(keeper, request_of())
    assert keeper.state.failure is not None
    assert runs(request_of().place.interpreter) == ""


def test_no_package_is_built_from_source(keeper, request_of, installer, tiny, tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    with tarfile.open(sources / "tinyengine-1.0.tar.gz", "w:gz") as archive:
        for name, text in (("PKG-INFO", "Metadata-Version: 2.1\nName: tinyengine\nVersion: 1.0\n"),
                           ("setup.py", f"open({str(tmp_path / 'ran')!r}, 'w')\n")):  # fmt: skip
            entry = tarfile.TarInfo(f"tinyengine-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha256((sources / "tinyengine-1.0.tar.gz").read_bytes()).hexdigest()
    tiny.write_text(f"tinyengine==1.0 --hash=sha256:{digest}\n")
    set_up(keeper, request_of(wheelhouse=str(sources)))
    assert keeper.state.failure.code == "wheelhouse_incomplete"
    assert not (tmp_path / "ran").exists()


def test_an_own_python_goes_before_it_and_the_variable_after_it(keeper, request_of, installer, monkeypatch):
    monkeypatch.setenv("SJC_ENGINE_PYTHON", sys.executable)
    set_up(keeper, request_of())
    assert keeper.state.source == "environment"
    assert find_engine_python(None, "") == keeper.state.place.interpreter
    with pytest.raises(SjcError, match="does not exist"):
        find_engine_python(None, "/no/such/python")


def slow_installer(uv: Path, pid: Path) -> Path:
    """Let the installer hang while it fetches; give where the working one is kept."""
    kept = uv.with_name("real-uv")
    shutil.move(uv, kept)
    uv.write_text(
        f'#!/bin/sh\n[ "$1" = pip ] || exec "{kept}" "$@"\n'
        f'echo $$ >"{pid}"\necho "Downloading torch (800.0MiB)"\nexec sleep 60\n'
    )
    uv.chmod(0o755)
    return kept


def test_a_stop_leaves_nothing_running_and_the_next_set_up_goes_on(keeper, request_of, installer, tmp_path):
    kept = slow_installer(installer, tmp_path / "pid")
    keeper.look("")
    finish(keeper)
    keeper.start(request_of(), online=False)
    pid = pid_in_while_pumping(keeper, tmp_path / "pid")
    keeper.cancel()
    assert keeper.state.status is Status.CANCELLING
    finish(keeper)
    state = keeper.state
    assert not alive(pid)
    assert (state.status, state.failure, state.started) == (Status.MISSING, None, True)
    assert state.problem.code == "engine_incomplete"
    shutil.move(kept, installer)
    set_up(keeper, request_of())
    assert keeper.state.status is Status.READY
    assert "venv" not in state.place.log.read_text("utf-8")  # that was there already


def pid_in_while_pumping(keeper, path) -> int:
    end = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < end and keeper.busy, keeper.state
        keeper.pump()
        time.sleep(0.01)
    return int(path.read_text())


def test_it_ends_when_blender_is_killed(request_of, installer, tmp_path):
    slow_installer(installer, tmp_path / "pid")
    command = [sys.executable, *ISOLATED, str(BOOTSTRAP), request_of().to_argument()]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *command], stdout=subprocess.DEVNULL)
    program = pid_in(tmp_path / "pid")
    parent.kill()
    parent.wait(timeout=30)
    end = time.monotonic() + 10
    while alive(program):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_damaged_is_mended(keeper, request_of, installer):
    request = request_of()
    set_up(keeper, request)
    place = request.place
    next(place.environment.rglob("tinyengine/part.py")).unlink()
    assert runs(place.interpreter) == ""
    set_up(keeper, request)
    assert keeper.state.status is Status.READY
    assert runs(place.interpreter) == "1"


def test_packages_stay_when_blenders_python_has_moved(keeper, request_of, installer):
    request = request_of()
    set_up(keeper, request)
    place = request.place
    part = next(place.environment.rglob("tinyengine/part.py"))
    part.write_text("VALUE = 2\n")  # of the same size: nothing looks damaged, and a new installation would show
    os.utime(part, (1, 1))  # so that the bytecode is made anew
    for link in place.interpreter.parent.glob("python*"):
        link.unlink()
        link.symlink_to("/gone/python")
    keeper.look("", again=True)
    finish(keeper)
    assert (keeper.state.status, keeper.state.problem.code) == (Status.MISSING, "engine_python_missing")
    set_up(keeper, request)
    assert keeper.state.status is Status.READY
    assert runs(place.interpreter) == "2"


def test_a_release_with_other_packages_asks_for_an_update(keeper, request_of, installer, tiny, wheelhouse):
    set_up(keeper, request_of())
    tiny.write_text(pinned(wheelhouse, "tinyengine", "2.0"))
    keeper.look("", again=True)
    finish(keeper)
    assert (keeper.state.status, keeper.state.outdated) == (Status.READY, True)
    set_up(keeper, request_of())
    assert not keeper.state.outdated
    assert list(keeper.state.place.environment.rglob("tinyengine-2.0.dist-info"))


def test_an_update_that_fails_leaves_the_engine_that_was_there(keeper, request_of, installer, tiny, wheelhouse):
    set_up(keeper, request_of())
    tiny.write_text(pinned(wheelhouse, "tinyengine", "3.0"))
    set_up(keeper, request_of())
    state = keeper.state
    assert state.failure.code == "wheelhouse_incomplete"
    assert "tinyengine==3.0" in state.failure.message
    assert (state.status, state.outdated) == (Status.READY, True)


def test_packages_that_do_not_work_are_told(keeper, request_of, installer):
    set_up(keeper, request_of(modules=("tinyengine", "missing_module")))
    state = keeper.state
    assert state.failure.code == "engine_import_fails"
    assert "No module named 'missing_module'" in state.failure.message
    assert state.status is Status.MISSING


def test_only_what_the_set_up_made_is_removed(keeper, request_of, installer):
    set_up(keeper, request_of())
    place = request_of().place
    mine = place.root / "mine.txt"
    mine.write_text("keep")
    keeper.start(request_of("remove"), online=False)
    assert keeper.state.status is Status.REMOVING
    finish(keeper)
    assert (keeper.state.status, keeper.state.started, keeper.state.size) == (Status.MISSING, False, 0)
    left = ["made_by_sjc.json", "mine.txt", "setup.lock", "setup.log"]
    assert sorted(path.name for path in place.root.iterdir()) == left


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("action", ["set_up", "remove"])
def test_a_folder_of_the_users_own_is_neither_used_nor_emptied(keeper, request_of, tmp_path, action):
    root = Path(request_of().root)
    for name in ("tools", "cache", "python", "env", "removing", "src"):
        (root / name).mkdir(parents=True)
        (root / name / "work.py").write_text("months")
    (root / "setup.log").write_text("mine, too")
    before = tree(root)
    keeper.look("")
    finish(keeper)
    assert not keeper.state.started
    with pytest.raises(SjcError) as caught:
        keeper.start(request_of(action), online=False)
    assert caught.value.code == "folder_not_own"
    assert str(root) in caught.value.message
    assert tree(root) == before


def test_a_folder_that_came_later_is_neither_cleared_nor_removed(keeper, request_of, installer):
    place = request_of().place
    (place.environment / "src").mkdir(parents=True)
    (place.environment / "src" / "work.py").write_text("months")
    set_up(keeper, request_of())
    assert keeper.state.failure.code == "folder_not_own"
    keeper.start(request_of("remove"), online=False)
    finish(keeper)
    assert keeper.state.failure is None
    assert tree(place.environment) == {"src/work.py": "months"}
    assert not place.tools.exists()


def test_what_was_removed_is_the_users_again(keeper, request_of, installer):
    place = request_of().place
    set_up(keeper, request_of())
    keeper.start(request_of("remove"), online=False)
    finish(keeper)
    place.environment.mkdir()
    (place.environment / "work.py").write_text("months")
    keeper.start(request_of("remove"), online=False)
    finish(keeper)
    assert tree(place.environment) == {"work.py": "months"}


def test_nothing_is_removed_through_a_link(keeper, request_of, installer, tmp_path):
    set_up(keeper, request_of())
    place, elsewhere = request_of().place, tmp_path / "elsewhere"
    shutil.move(place.environment, elsewhere)
    place.environment.symlink_to(elsewhere)
    keeper.start(request_of("remove"), online=False)
    finish(keeper)
    assert keeper.state.failure.code == "folder_not_own"
    assert (elsewhere / "pyvenv.cfg").is_file()


def test_an_engine_of_an_earlier_release_is_removed(keeper, request_of, installer):
    set_up(keeper, request_of())
    place = request_of().place
    (place.root / "made_by_sjc.json").unlink()
    keeper.start(request_of("remove"), online=False)
    finish(keeper)
    assert keeper.state.failure is None
    assert not place.environment.exists()
    assert not place.tools.exists()


@pytest.mark.parametrize("listed", ['{"folders": ["../../mine", "/", "src"]}', "[" * 9000, '{"folders": 7}', "\\xff"])
def test_a_list_that_names_others_folders_is_not_obeyed(request_of, listed, tmp_path):
    place = request_of().place
    (place.root / "src").mkdir(parents=True)
    (place.root / "made_by_sjc.json").write_text(listed)
    assert place.own.names == frozenset()
    assert place.own.present == ()


def test_two_blenders_do_not_change_it_at_once(keeper, request_of, installer):
    request = request_of()
    lock = Lease.acquire(request.place.lease)
    set_up(keeper, request)
    lock.release()
    assert keeper.state.failure.code == "setup_running"
    assert not request.place.environment.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(keeper, request_of):
    root = Path(request_of().root)
    root.parent.mkdir()
    root.parent.chmod(0o500)
    with pytest.raises(SjcError) as caught:
        keeper.start(request_of(), online=False)
    assert caught.value.code == "folder_not_writable"


def test_a_file_in_the_way_is_told(keeper, request_of):
    Path(request_of().root).parent.write_text("a file")
    with pytest.raises(SjcError) as caught:
        keeper.start(request_of(), online=False)
    assert caught.value.code == "folder_not_writable"
    assert not keeper.busy or keeper.state.status is Status.UNKNOWN


def test_a_set_up_that_dies_is_told(keeper, request_of, installer, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    keeper.look("")
    finish(keeper)
    keeper.start(request_of(), online=False)
    finish(keeper)
    assert keeper.state.failure.code == "setup_failed"
    assert "exit code 1" in keeper.state.failure.message


def test_its_events_are_those_of_the_protocol():
    stage = events.Stage(4, 5, "Installing", done=1, total=2)
    assert 0.5 < stage.fraction < 1.0
    assert events.Stage(1, 5, "x").fraction == 0.0


def test_a_check_of_another_engine_leaves_nothing_in_the_place(keeper, request_of):
    root = Path(request_of().root)
    check = EngineCheck()
    check.start(Path(sys.executable), ())
    end = time.monotonic() + 30
    while check.at_work:
        assert time.monotonic() < end
        check.pump()
        time.sleep(0.01)
    assert check.diagnosis is not None
    assert not root.exists()
