# SPDX-License-Identifier: GPL-3.0-or-later
"""The differences between Windows, macOS and Linux in handling child processes.

Every function takes the platform, named as in `sys.platform`, so that all three can be tested on
any of them. A *gentle* stop is no matter of the platform: the engine is asked through its standard
input (see `sjc_blender.addon.process.engine_process`), which Windows' windowless processes hear as well;
signals they do not.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from ...protocol.home import home_folder

# subprocess has these on Windows only.
CREATE_NEW_PROCESS_GROUP = 0x00000200
CREATE_NO_WINDOW = 0x08000000
BELOW_NORMAL_PRIORITY_CLASS = 0x00004000

NICE = 10
"""Nice value added to workers on systems that have it (0 to 19)."""

TASKKILL_SECONDS = 10.0

_WINDOWS_ENDINGS = {
    0xC0000005: "it used memory that it may not use",
    0xC0000017: "there was not enough memory",
    0xC000012D: "there was not enough memory",
    0xC0000135: "a library that it needs is missing",
    0xC0000409: "it found its own memory damaged",
}


def popen_options(platform: str = sys.platform) -> dict[str, Any]:
    """Options of `subprocess.Popen` that give a child a group of its own, and no window.

    Ctrl-C in the terminal that Blender was started from then does not reach the child, and the
    child can be stopped together with its own children.
    """
    if platform == "win32":
        return {"creationflags": CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW}
    return {"start_new_session": True}


def worker_options(platform: str = sys.platform) -> dict[str, Any]:
    """`popen_options` for long-running children, with a lower priority than Blender. See `give_way`."""
    options = popen_options(platform)
    if platform == "win32":
        options["creationflags"] |= BELOW_NORMAL_PRIORITY_CLASS
    return options


def give_way(pid: int, platform: str = sys.platform) -> None:
    """Lower the priority of a child that was just started with `worker_options`."""
    if platform == "win32":
        return  # it was started so
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + NICE)


def interpreters_in(environment: PurePath, platform: str = sys.platform) -> tuple[PurePath, ...]:
    """Return possible paths of the Python of a virtual or conda environment, likeliest first."""
    if platform == "win32":
        return (environment / "Scripts" / "python.exe", environment / "python.exe")
    return (environment / "bin" / "python", environment / "bin" / "python3")


def program_in(environment: PurePath, name: str, platform: str = sys.platform) -> PurePath:
    """Return the path of a program in a virtual environment."""
    return environment / "Scripts" / f"{name}.exe" if platform == "win32" else environment / "bin" / name


def flush_c_output(platform: str = sys.platform) -> None:
    """Flush C's standard output, which in a pipe would come after everything that Python prints."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("ucrtbase" if platform == "win32" else None)
        library.fflush(None)


def user_data_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the folder for large data of this user on this computer, which need not exist; None without a home."""
    home = home_folder()
    if platform == "win32":
        # Not the roaming folder: gigabytes would travel over the network with the user's profile.
        chosen, usual = environ.get("LOCALAPPDATA", ""), Path("AppData", "Local")
    elif platform == "darwin":
        chosen, usual = "", Path("Library", "Application Support")
    else:
        chosen, usual = environ.get("XDG_DATA_HOME", ""), Path(".local", "share")
        chosen = chosen if chosen.startswith("/") else ""
    if chosen:
        return Path(chosen)
    return home / usual if home is not None else None


def has_certificate_store(platform: str = sys.platform) -> bool:
    """Return whether the system has a certificate store, with those of a company's proxy."""
    return platform in {"win32", "darwin"}


def is_executable(path: Path, platform: str = sys.platform) -> bool:
    """Whether a file may be run as a program."""
    if platform == "win32":
        return path.suffix.lower() in {".exe", ".bat", ".cmd"}
    return os.access(path, os.X_OK)


def kill_tree_command(pid: int, platform: str = sys.platform) -> Sequence[str] | None:
    """Return the command that kills a process and all its children; None where a signal does."""
    if platform == "win32":
        return ("taskkill", "/PID", str(pid), "/T", "/F")
    return None


def kill_tree(pid: int, platform: str = sys.platform) -> None:
    """End a process that was started with `popen_options`, and its children, at once.

    Nothing happens if it has ended. Its parent still has to wait for it.
    """
    command = kill_tree_command(pid, platform)
    if command is None:
        _kill_group(pid)
        return
    options = popen_options(platform) | dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(command, timeout=TASKKILL_SECONDS, check=False, **options)


def same_group_options(platform: str = sys.platform) -> dict[str, Any]:
    """Options of `subprocess.Popen` for a child's own child: it ends with its group, and has no window."""
    return {"creationflags": CREATE_NO_WINDOW} if platform == "win32" else {}


def kill_child(process: subprocess.Popen[Any], platform: str = sys.platform) -> None:
    """End a program that was started with `same_group_options`.

    Its own children end with it on Windows, elsewhere with their group: see `kill_leftovers`.
    """
    if platform == "win32":
        kill_tree(process.pid, platform)
    else:
        process.kill()


def kill_leftovers(pid: int, platform: str = sys.platform) -> None:
    """End what an ended process of `popen_options` has left running.

    Windows finds the children of a process only while it lives; there nothing is done.
    """
    if platform != "win32":
        _kill_group(pid)


def ending(return_code: int, platform: str = sys.platform) -> str:
    """Describe how a process ended, as the end of a sentence that begins with "The engine ended"."""
    if platform == "win32":
        code = return_code & 0xFFFFFFFF
        if code in _WINDOWS_ENDINGS:
            return f"with Windows error 0x{code:08X}: {_WINDOWS_ENDINGS[code]}"
        return f"with exit code {return_code}"
    number = _signal_number(return_code)
    if number is None:
        return f"with exit code {return_code}"
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    return f"by signal {number} ({name})"


def ended_for_memory(return_code: int, platform: str = sys.platform) -> bool:
    """Return whether the system probably killed the process because memory ran out."""
    if platform == "win32":
        return return_code & 0xFFFFFFFF in (0xC0000017, 0xC000012D)
    return _signal_number(return_code) == 9


def _kill_group(pid: int) -> None:
    # The child leads its group, which keeps its number for as long as anyone is in it.
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses for a group of zombies
        os.killpg(pid, signal.SIGKILL)


def _signal_number(return_code: int) -> int | None:
    """Return the signal that ended a process; a shell reports it as 128 + number."""
    if return_code < 0:
        return -return_code
    return return_code - 128 if 128 < return_code < 160 else None
