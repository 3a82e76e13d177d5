"""What the three platforms do differently, by the commands and paths that they are given."""

import os
import subprocess
import sys
from pathlib import PurePosixPath, PureWindowsPath

import pytest

from sjc_blender.addon.process import platform_process


def test_a_child_gets_a_group_of_its_own():
    assert platform_process.popen_options("linux") == {"start_new_session": True}
    assert platform_process.popen_options("darwin") == {"start_new_session": True}
    # CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW, from the Windows API's documentation.
    assert platform_process.popen_options("win32") == {"creationflags": 0x08000200}


def test_a_worker_gives_way_to_the_window():
    # BELOW_NORMAL_PRIORITY_CLASS beside the two, from the Windows API's documentation.
    assert platform_process.worker_options("win32") == {"creationflags": 0x0800_4200}
    assert platform_process.worker_options("linux") == platform_process.popen_options("linux")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is told at the start: the test above")
def test_the_system_knows_that_a_worker_gives_way():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        platform_process.give_way(child.pid)
        mine, its = os.getpriority(os.PRIO_PROCESS, 0), os.getpriority(os.PRIO_PROCESS, child.pid)
        assert its == min(19, mine + platform_process.NICE)
    finally:
        child.communicate(b"\n")


def test_where_an_environment_has_its_python():
    posix = PurePosixPath("/home/a user/env")
    for platform in ("linux", "darwin"):
        assert platform_process.interpreters_in(posix, platform)[0] == PurePosixPath("/home/a user/env/bin/python")
    venv, conda = platform_process.interpreters_in(PureWindowsPath(r"C:\Users\Ä B\env"), "win32")
    assert venv == PureWindowsPath(r"C:\Users\Ä B\env\Scripts\python.exe")
    assert conda == PureWindowsPath(r"C:\Users\Ä B\env\python.exe")


def test_what_may_be_run(tmp_path):
    plain, script, windows = tmp_path / "python", tmp_path / "run", tmp_path / "python.EXE"
    for path in (plain, script, windows):
        path.write_text("")
    script.chmod(0o755)
    for platform in ("linux", "darwin"):
        assert platform_process.is_executable(script, platform)
        assert not platform_process.is_executable(plain, platform)
    assert platform_process.is_executable(windows, "win32")
    assert not platform_process.is_executable(plain, "win32")


def test_windows_ends_the_tree_with_taskkill(monkeypatch):
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, **options: called.append((command, options)))
    platform_process.kill_tree(42, "win32")
    (command, options), *rest = called
    assert command == ("taskkill", "/PID", "42", "/T", "/F") and not rest
    assert options["creationflags"] & platform_process.CREATE_NO_WINDOW
    assert options["timeout"] > 0


@pytest.mark.parametrize("trouble", [FileNotFoundError(), subprocess.TimeoutExpired("taskkill", 1)])
def test_a_taskkill_that_fails_harms_nobody(monkeypatch, trouble):
    def fail(*_, **__):
        raise trouble

    monkeypatch.setattr(subprocess, "run", fail)
    platform_process.kill_tree(42, "win32")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_elsewhere_the_group_is_killed(monkeypatch, platform):
    called = []
    monkeypatch.setattr(platform_process.os, "killpg", lambda *arguments: called.append(arguments))
    platform_process.kill_tree(42, platform)
    platform_process.kill_leftovers(43, platform)
    assert called == [(42, 9), (43, 9)]


def test_windows_is_not_asked_for_leftovers(monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    monkeypatch.setattr(platform_process.os, "killpg", None)
    platform_process.kill_leftovers(42, "win32")


@pytest.mark.parametrize(
    "code, platform, words, memory",
    [
        (-9, "linux", "by signal 9 (SIGKILL)", True),
        (137, "linux", "by signal 9 (SIGKILL)", True),
        (-9, "darwin", "by signal 9 (SIGKILL)", True),
        (-11, "linux", "by signal 11 (SIGSEGV)", False),
        (1, "linux", "with exit code 1", False),
        (255, "linux", "with exit code 255", False),
        (1, "win32", "with exit code 1", False),
        (0xC0000005, "win32", "0xC0000005", False),
        (-1073741819, "win32", "0xC0000005", False),
        (0xC0000017, "win32", "not enough memory", True),
    ],
)
def test_how_a_process_ended_is_said_in_words(code, platform, words, memory):
    assert words in platform_process.ending(code, platform)
    assert platform_process.ended_for_memory(code, platform) is memory


def test_what_c_code_has_printed_comes_before_what_python_prints_next():
    program = (
        "import ctypes, sys; from sjc_blender.addon.process.platform_process import flush_c_output;"
        "ctypes.CDLL(None).puts(b'first'); flush_c_output(); print('second')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["first", "second"]
