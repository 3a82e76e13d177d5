# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing and testing the Python that runs the engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from ...protocol.outside_file import is_file, is_folder
from . import platform_process
from .child_process import child_environment
from .engine_process import STAND_IN
from .environment_place import environment_place

VARIABLE = "SJC_ENGINE_PYTHON"
"""Environment variable that names the interpreter where the preferences do not."""

OLDEST = (3, 11)
MODULES = (
    "torch",
    "diffusers",
    "transformers",
    "safetensors",
    "numpy",
    "scipy",
    "skimage",
    "imageio_ffmpeg",
    "PIL",
    "tqdm",
)
"""Packages that the engine imports; ``requirements/torch.txt`` and ``requirements/engine.txt`` install them."""

LIBRARY_VARIABLES = ("LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH")
"""Environment variables by which another program's libraries can keep a Python from starting."""

PROBE_SECONDS = 20.0
PROBE = """
import importlib.util, json, sys
missing = [name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]
print(json.dumps({"version": sys.version_info[:2], "missing": missing}))
"""

CHOOSE = (
    "Press Set Up Engine in the sidebar or in the add-on's preferences, choose a Python of your own there, or name "
    f"one in the environment variable {VARIABLE}."
)

_probed: dict[Path, float] = {}


@dataclass(frozen=True)
class Choice:
    """An interpreter, and the source of the choice: the caller, the preferences, the set-up or the variable."""

    path: str
    source: Literal["caller", "preferences", "environment", "variable"]


def chosen_engine_python(
    explicit: str | Path | None, preference: str, environ: Mapping[str, str] = os.environ
) -> Choice:
    """Choose the interpreter without testing it; arguments and errors as in `find_engine_python`."""
    if explicit:
        return Choice(str(explicit), "caller")
    if preference:
        return Choice(preference, "preferences")
    place = environment_place(environ)
    if is_file(place.marker):
        return Choice(str(place.interpreter), "environment")
    if environ.get(VARIABLE):
        return Choice(environ[VARIABLE], "variable")
    if place.started:
        raise SjcError("engine_incomplete", "The set-up of the engine was not completed.", CHOOSE)
    raise SjcError("engine_python_not_set", "The engine is not set up yet.", CHOOSE)


def find_engine_python(explicit: str | Path | None, preference: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Find the interpreter and make sure that it can run the engine.

    The first time it starts that interpreter, which takes a while; a success is remembered.

    Parameters
    ----------
    explicit : str, Path or None
        Named by the caller; goes before everything.
    preference : str
        From the add-on's preferences; empty if not set.
    environ : mapping
        Asked for ``SJC_ENGINE_PYTHON`` if neither is given and no environment was set up.

    Returns
    -------
    Path
        An interpreter. Where the folder of an environment was named, the one in it; `STAND_IN` where that was.

    Raises
    ------
    SjcError
        ``engine_python_not_set``, ``engine_incomplete``, ``engine_python_missing``, ``engine_python_not_executable``,
        ``engine_python_fails``, ``engine_python_too_old`` or ``engine_python_incomplete``.
    """
    choice = chosen_engine_python(explicit, preference, environ)
    if choice.path == str(STAND_IN):
        return STAND_IN
    interpreter = _interpreter(expanded(choice.path))
    changed = interpreter.stat().st_mtime
    # Only success is remembered, so that a repaired environment is found at once.
    if _probed.get(interpreter) != changed:
        _require_modules(interpreter)
        _probed[interpreter] = changed
    return interpreter


def forget_probes() -> None:
    """Forget which interpreters work: an environment has changed, which the interpreter's file does not show."""
    _probed.clear()


def _interpreter(path: Path) -> Path:
    if is_folder(path):
        inside = [Path(candidate) for candidate in platform_process.interpreters_in(path)]
        found = next((candidate for candidate in inside if is_file(candidate)), None)
        if found is None:
            raise SjcError("engine_python_missing", f"There is no Python environment in the folder {path}.", CHOOSE)
        path = found
    if not is_file(path):
        raise SjcError("engine_python_missing", f"The engine's Python {path} does not exist.", CHOOSE)
    if not platform_process.is_executable(path):
        raise SjcError("engine_python_not_executable", f"{path} is not an executable program.", CHOOSE)
    return path


def _require_modules(interpreter: Path) -> None:
    version, missing = _probe(interpreter)
    if version < OLDEST:
        raise SjcError(
            "engine_python_too_old",
            f"{interpreter} is Python {'.'.join(map(str, version))}; the engine needs "
            f"{'.'.join(map(str, OLDEST))} or later.",
            CHOOSE,
        )
    if missing:
        raise SjcError(
            "engine_python_incomplete",
            f"{interpreter} cannot run the engine: it does not have {', '.join(missing)}.",
            f"Press Set Up Engine, or install requirements/torch.txt and requirements/engine.txt there. {CHOOSE}",
        )


def _probe(interpreter: Path) -> tuple[tuple[int, ...], list[str]]:
    """Return the version and the missing modules."""
    command = [str(interpreter.absolute()), "-I", "-c", PROBE, *MODULES]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=True,
            env=child_environment(os.environ, online=False),
            **platform_process.popen_options(),
        )
        answer = json.loads(done.stdout)
        return tuple(answer["version"]), list(answer["missing"])
    except subprocess.TimeoutExpired as error:
        why = f"it gives no answer within {error.timeout:g} seconds"
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f"it ends {platform_process.ending(error.returncode)}" + "".join(f" ({line})" for line in last)
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, KeyError, TypeError):
        why = "it does not answer like a Python"
    foreign = [name for name in LIBRARY_VARIABLES if os.environ.get(name)]
    how = f"Start Blender without the setting {' and '.join(foreign)}, which names libraries. " if foreign else ""
    raise SjcError("engine_python_fails", f"{interpreter} does not work as a Python: {why}.", how + CHOOSE)
