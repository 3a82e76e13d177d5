# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the engine's environment in stages, each of which first checks what exists.

The same code thus creates, resumes, repairs and updates it.
Standard library only: it runs in Blender's own Python, in a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...protocol.errors import SjcError
from ...protocol.setup_events import Stage
from ..process import platform_process
from ..process.marker import Marker, read_marker, requirements_hash
from . import disk_space
from .installer_settings import (
    InstallerSettings,
    from_pip_list,
    from_uv_files,
    from_variables,
    installer_environment,
)
from .local_wheels import torch_wheels
from .program import ProgramFailed, Stopped, run_program
from .setup_errors import told_output
from .setup_request import SetupRequest

INSPECTION = Path(__file__).with_name("inspect_environment.py")

OLDEST, NEWEST = (3, 11), (3, 14)
"""Pythons that the pinned torch is built for."""

FETCHED = "3.13"
"""The Python that uv is asked for where the running one is none of these."""

WATCH_SECONDS = 2.0

FETCHED_SHARE = 0.7
"""How much of the needed space the packages take; the rest is compiled modules, and room to spare."""

STAGES = (
    "Checking the disk",
    "Fetching the installer",
    "Making the Python environment",
    "Installing the packages",
    "Checking the engine",
)


class EnvironmentSetup:
    """One set-up.

    Parameters
    ----------
    tell : callable
        Takes each `Stage`.
    stopped : callable
        Asked whether to stop.
    environ : mapping
        Environment variables of the programs that are run.
    """

    def __init__(
        self,
        request: SetupRequest,
        tell: Callable[[Stage], None],
        stopped: Callable[[], bool],
        environ: dict[str, str],
    ) -> None:
        self._request = request
        self._place = request.place
        self._tell = tell
        self._stopped = stopped
        self._torch_backend = environ.get("UV_TORCH_BACKEND") or "auto"
        self._settings = self._users_settings(environ)
        self._wheels = torch_wheels([request.wheelhouse] if request.wheelhouse else self._settings.links)
        self._environ = self._variables(environ)
        self._stage = Stage(0, len(STAGES), "")

    @property
    def stage(self) -> Stage:
        """The present stage."""
        return self._stage

    def run(self) -> Marker:
        """Run all stages; return the marker of the environment.

        Raises
        ------
        SjcError
            Whatever hinders it. What is there stays, and the next run goes on from it.
        Stopped
        """
        self._place.own.require()
        needed = disk_space.needed_bytes(self._wheels, self._torch_backend, self._environ)
        self._enter(1)
        present = disk_space.size_of(self._place.environment) or disk_space.size_of(self._place.cache)
        disk_space.require_space(self._place.root, max(0, needed - present))
        self._enter(2)
        self._fetch_installer()
        self._enter(3)
        self._make_environment()
        self._enter(4)
        self._install(needed)
        self._enter(5)
        return self._finish()

    def _fetch_installer(self) -> None:
        wanted = self._request.tools
        lines = Path(wanted).read_text(encoding="utf-8").splitlines()
        pin = next(line for line in lines if line.startswith("uv==")).split()[0]
        if self._place.uv.is_file() and self._answer(str(self._place.uv), "--version").startswith(
            pin.replace("==", " ")
        ):
            return
        base = self._with_ensurepip()
        self._place.own.claim(self._place.tools)
        self._run(base, "-I", "-m", "venv", "--clear", str(self._place.tools))
        python = platform_process.interpreters_in(self._place.tools)[0]
        pip = [str(python), "-I", "-m", "pip", "--isolated", "install", "--disable-pip-version-check", "--no-cache-dir"]
        source = self._offline() or self._settings.pip_options()
        self._run(*pip, "--progress-bar", "off", "--only-binary", ":all:", *source, "--requirement", wanted)

    def _offline(self) -> list[str]:
        """Options of pip and uv that keep them to the wheelhouse, if there is one."""
        if not self._request.wheelhouse:
            return []
        # As an address: uv takes a comma in a path for the end of it.
        return ["--no-index", "--find-links", Path(self._request.wheelhouse).as_uri()]

    def _users_settings(self, environ: dict[str, str]) -> InstallerSettings:
        if self._request.wheelhouse:
            return InstallerSettings()
        return from_variables(environ).before(from_uv_files(environ)).before(self._pips_files(environ))

    def _pips_files(self, environ: dict[str, str]) -> InstallerSettings:
        """Return the settings in pip's own files, wherever they are on this system."""
        named = {name: environ[name] for name in ("PIP_CONFIG_FILE",) if name in environ}
        command = ("-I", "-m", "pip", "--disable-pip-version-check", "config", "list")
        try:
            said = run_program(
                (sys.executable, *command),
                environment=installer_environment(environ) | named,
                folder=Path(sys.prefix),
                stopped=self._stopped,
            )
        except ProgramFailed:
            return InstallerSettings()  # no pip here, or a file that it cannot read
        return from_pip_list(said)

    def _with_ensurepip(self) -> str:
        """Return a Python that can make an environment with pip: the running one, else the system's."""
        on_path = (shutil.which(name, path=self._environ.get("PATH")) for name in ("python3", "python"))
        candidates = [sys.executable, *filter(None, on_path)]
        for candidate in candidates:
            if self._answer(candidate, "-I", "-c", "import ensurepip, venv; print('yes')") == "yes":
                return candidate
        raise told_output("ensurepip is not available", self._place.root, self._place.log)

    def _make_environment(self) -> None:
        for folder in (self._place.cache, self._place.pythons):
            self._place.own.claim(folder)
        interpreter, wanted = self._place.interpreter, self._fitting_python()
        version = self._answer(str(interpreter), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        if version in self._usable_versions():
            return
        # Blender may have moved: the packages stay where only the link to its Python is broken.
        same = self._made_for() in {wanted, self._running()}
        keep = "--allow-existing" if same and wanted in {sys.executable, self._made_for()} else "--clear"
        self._place.own.claim(self._place.environment)
        self._uv("venv", "--no-project", keep, "--python", wanted, str(self._place.environment))

    def _fitting_python(self) -> str:
        """Return the Python for uv: that of a local build of torch, else the running one, else one to download."""
        if self._wheels:
            versions = self._usable_versions()
            return sys.executable if self._running() in versions else versions[-1]
        return sys.executable if OLDEST <= sys.version_info[:2] <= NEWEST else FETCHED

    def _usable_versions(self) -> list[str]:
        if self._wheels:
            return [f"{major}.{minor}" for major, minor in (wheel.python for wheel in self._wheels)]
        return [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]

    def _running(self) -> str:
        return f"{sys.version_info[0]}.{sys.version_info[1]}"

    def _made_for(self) -> str:
        """Return the Python version that the environment was made for, even if that Python is gone."""
        try:
            lines = (self._place.environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ""
        settings = dict(line.replace(" ", "").split("=", 1) for line in lines if "=" in line)
        return ".".join(settings.get("version_info", "").split(".")[:2])

    def _install(self, needed: int) -> None:
        request, marker = self._request, read_marker(self._place.marker)
        damaged = self._inspect()["damaged"]
        arguments = ["pip", "install", "--python", str(self._place.interpreter), "--compile-bytecode", "--no-build"]
        for package in damaged:
            arguments += ["--reinstall-package", package]
        arguments += self._offline()
        # The list names every package, and what each file's contents must be.
        hashed = ["--require-hashes", "--no-deps", "--requirement", request.requirements]
        # Which files torch consists of depends on the graphics card, and on who built them: they have no hashes here.
        torch = [] if self._wheels or request.wheelhouse else ["--torch-backend", self._torch_backend]
        torch += ["--requirement", request.torch]
        installation = _Installation(self)
        self._place.marker.unlink(missing_ok=True)
        try:
            with installation.watched(needed):
                self._uv(*arguments, *hashed, heard=installation.hear)
                self._uv(*arguments, *torch, heard=installation.hear)
        except (SjcError, Stopped):
            if marker is not None and not damaged and not installation.changed:
                marker.write(self._place.marker)  # it is as good as it was before
            raise

    def _finish(self) -> Marker:
        found = self._inspect(*self._request.modules)
        if found["failures"]:
            raise _unusable(found["failures"])
        for folder in (self._place.cache, self._place.doomed):
            with contextlib.suppress(OSError):
                self._place.own.delete(folder)
        size = disk_space.size_of(self._place.root)
        packages = requirements_hash(self._request.requirements, self._request.torch)
        marker = Marker(packages, found["python"], found["torch"], size)
        marker.write(self._place.marker)
        return marker

    def _inspect(self, *modules: str) -> dict[str, Any]:
        said = self._run(str(self._place.interpreter), "-I", "-X", "utf8", str(INSPECTION), *modules)
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    def _enter(self, number: int) -> None:
        self.show(Stage(number, len(STAGES), STAGES[number - 1]))

    def show(self, stage: Stage) -> None:
        """Tell where it stands."""
        self._stage = stage
        self._tell(stage)

    def _uv(self, *arguments: str, heard: Callable[[str], None] = lambda _line: None) -> str:
        return self._run(str(self._place.uv), *arguments, heard=heard)

    def _run(self, *command: str, heard: Callable[[str], None] = lambda _line: None) -> str:
        try:
            return run_program(
                command, environment=self._environ, folder=self._place.root, stopped=self._stopped, heard=heard
            )
        except ProgramFailed as failure:
            wheelhouse = bool(self._request.wheelhouse)
            raise told_output(failure.output, self._place.root, self._place.log, wheelhouse=wheelhouse) from failure

    def _answer(self, *command: str) -> str:
        """Return the output of a short program; empty if it fails."""
        try:
            return run_program(
                command, environment=self._environ, folder=self._place.root, stopped=self._stopped
            ).strip()
        except ProgramFailed:
            return ""

    def _variables(self, environ: dict[str, str]) -> dict[str, str]:
        settings = self._settings.variables() | {
            "PIP_CONFIG_FILE": os.devnull,  # or --isolated would still leave the system's files
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(self._place.cache),
            "UV_PYTHON_INSTALL_DIR": str(self._place.pythons),
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }
        if self._request.wheelhouse:
            settings |= {"UV_PYTHON_DOWNLOADS": "never", "UV_OFFLINE": "1"}
        if platform_process.has_certificate_store():
            settings["UV_SYSTEM_CERTS"] = environ.get("UV_SYSTEM_CERTS", "1")
        return installer_environment(environ) | settings


class _Installation:
    """Progress of the installation of the packages."""

    def __init__(self, setup: EnvironmentSetup) -> None:
        self._setup = setup
        self._place = setup._place
        self._base = setup.stage
        self._fetching: dict[str, float] = {}
        self._detail = ""
        self.changed = False

    def hear(self, line: str) -> None:
        """Process a line of uv's output."""
        first, _, rest = line.strip().partition(" ")
        if first == "Downloading":
            self._fetching[rest.split()[0]] = _mebibytes(rest)
        elif first == "Downloaded":
            self._fetching.pop(rest, None)
        # Several come at once; the largest is what is waited for.
        largest = max(self._fetching, key=lambda name: self._fetching[name], default="")
        self._detail = f"Fetching {largest} ({self._fetching[largest]:.0f} MB)" if largest else ""
        if first in {"Prepared", "Uninstalled", "Installed"}:
            self.changed = True
            self._fetching.clear()
        if self.changed:
            self._detail = "Putting them in place"

    @contextmanager
    def watched(self, needed: int) -> Iterator[None]:
        """Report the bytes on disk, out of about `needed`, at intervals."""
        done = threading.Event()
        expected = round(needed * FETCHED_SHARE)

        def watch() -> None:
            while not done.wait(WATCH_SECONDS):
                there = min(disk_space.size_of(self._place.cache), expected)
                self._setup.show(
                    Stage(self._base.number, self._base.count, self._base.name, self._detail, there, expected)
                )

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def remove_environment(request: SetupRequest) -> None:
    """Delete the environment, and nothing that the set-up has not made.

    Raises
    ------
    SjcError
        ``folder_not_own`` if the place is someone else's.
    OSError
        If something is in use; then the environment is whole, or its marker is gone.
    """
    place, own = request.place, request.place.own
    own.require()
    if place.environment in own.present and not place.environment.is_symlink() and not place.doomed.exists():
        # The name goes first: where a file of it is in use Windows refuses that, and nothing is lost.
        own.claim(place.doomed)
        place.environment.rename(place.doomed)
    if own.names:
        place.marker.unlink(missing_ok=True)
    for folder in (place.doomed, place.environment, place.cache, place.tools, place.pythons):
        own.delete(folder)


def _mebibytes(announced: str) -> float:
    """Read the size in uv's ``torch (873.0MiB)``; 0 if there is none."""
    found = re.search(r"\(([\d.]+)([KMG])iB\)", announced)
    return float(found[1]) * {"K": 1 / 1024, "M": 1.0, "G": 1024.0}[found[2]] if found else 0.0


def _unusable(failures: dict[str, str]) -> SjcError:
    reasons = "\n".join(f"  {module}: {reason}" for module, reason in failures.items())
    hint = "Press Set Up Engine again: it repairs what is missing."
    if any("WinError 126" in reason or "WinError 1114" in reason for reason in failures.values()):
        hint = "Install Microsoft's Visual C++ Redistributable (x64), then press Set Up Engine again."
    return SjcError("engine_import_fails", f"The packages are installed, but some do not work:\n{reasons}", hint)
