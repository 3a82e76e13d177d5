"""A Blender program, driven as a user drives it: with the zip installed, by its command line and in a window.

``SJC_BLENDER`` names it (``blender``; several words where a wrapper starts it), ``SJC_BLENDER_WINDOW`` how it gets a
window (``xvfb-run -a blender``), with xdotool at hand. Everything happens in ``build/blender`` of the repository: a
wrapper may show the program no other folders.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / "build/blender"
EXTENSION = "bl_ext.user_default.sjc_blender"
STAND_IN = "stand-in"

INSTALL = """
import bpy, sys
bpy.ops.extensions.package_install_files(filepath=sys.argv[-1], repo="user_default", enable_on_install=True)
assert "{extension}" in bpy.context.preferences.addons, "it is not enabled"
bpy.ops.wm.save_userpref()
"""


def words_of(variable: str) -> list[str]:
    """Words of a command in the environment; a program that is named relatively is meant from the repository."""
    words = shlex.split(os.environ.get(variable, ""))
    if words and "/" in words[0]:
        words[0] = str((REPOSITORY / words[0]).absolute())
    return words


class RealBlender:
    """Blender with the extension installed for a user of its own.

    Parameters
    ----------
    words : sequence of str
        How it is started.
    name : str
        Of the folder for its user and its work, which is made anew.
    """

    def __init__(self, words: Sequence[str], name: str) -> None:
        self.words = list(words)
        self.work = WORK / name
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.resources = self.work / "user"

    def install(self, package: Path) -> None:
        """Install the zip and save that, as a user does."""
        # A path without a link in it: the wrapper may show only the repository.
        copy = Path(shutil.copy(package, self.work))
        expression = INSTALL.format(extension=EXTENSION)
        done = self.run("-b", "--python-exit-code", "1", "--python-expr", expression, "--", str(copy))
        assert done.returncode == 0, done.stdout + done.stderr

    def environment(self, engine: str = STAND_IN) -> dict[str, str]:
        """Environment of a command; without the engine of whoever runs the tests."""
        home = self.work / "home"
        home.mkdir(exist_ok=True)
        own = {"BLENDER_USER_RESOURCES": str(self.resources), "SJC_ENGINE_PYTHON": engine, "XDG_DATA_HOME": str(home)}
        return os.environ | own

    def run(
        self, *arguments: str, cwd: Path | None = None, engine: str = STAND_IN, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run Blender with some arguments in a folder of its work."""
        return run([*self.words, *arguments], cwd or self.work, self.environment(engine), seconds)


def run(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command without input; what it prints may be in any encoding."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
