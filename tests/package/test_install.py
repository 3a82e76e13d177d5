"""Each Blender installs the zip, switches the add-on on and off, and its engine starts from where it lies then."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.package.blenders import BLENDERS, blender

INSTALL = """
import sys
import bpy
import addon_utils  # found once bpy is imported

name = "bl_ext.user_default.sjc_blender"
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert name in bpy.context.preferences.addons, "it is not enabled"
addon_utils.disable(name)
assert addon_utils.enable(name) is not None, "it cannot be enabled a second time"
addon_utils.disable(name)
assert "torch" not in sys.modules
"""


def install(version: str, package: Path, resources: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [blender(version).python, "-c", INSTALL, package],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"BLENDER_USER_RESOURCES": str(resources)},
    )


@pytest.mark.parametrize("version", BLENDERS)
def test_it_installs_and_switches_on_and_off(version: str, package: Path, tmp_path: Path) -> None:
    answer = install(version, package, tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert (tmp_path / "extensions/user_default/sjc_blender/engine/__main__.py").exists()


def test_the_engine_starts_from_the_installed_folder(package: Path, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", package, repository / "sjc_blender"], check=True)
    answer = subprocess.run(
        [sys.executable, "-m", "sjc_blender.engine", "--help"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repository)},
    )
    assert answer.returncode == 0, answer.stderr
    assert "run" in answer.stdout
