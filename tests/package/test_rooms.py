"""What the rooms may import, where import-linter cannot see it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "sjc_blender"


def absolute_imports(path: Path) -> Iterator[str]:
    """Yield the name of every module that a file imports by its full name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def offenders(folder: Path, forbidden) -> list[str]:
    files = sorted(folder.rglob("*.py"))
    assert files, f"{folder} holds no module"
    return [f"{f.relative_to(REPOSITORY)}: {name}" for f in files for name in absolute_imports(f) if forbidden(name)]


def test_the_protocol_needs_the_standard_library_only() -> None:
    assert offenders(PACKAGE / "protocol", lambda name: name.split(".")[0] not in sys.stdlib_module_names) == []


def test_the_package_imports_itself_by_relative_names_only() -> None:
    # In Blender its name is bl_ext.<repository>.sjc_blender.
    assert offenders(PACKAGE, lambda name: name.split(".")[0] == "sjc_blender") == []


def test_nothing_that_ships_imports_pickle() -> None:
    assert (
        offenders(PACKAGE, lambda name: name.split(".")[0] in {"pickle", "cPickle", "dill", "joblib", "shelve"}) == []
    )


def test_every_file_that_ships_names_its_licence() -> None:
    # As the manifest has it; https://spdx.dev/learn/handling-license-info/ for the form.
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    first_lines = {str(f.relative_to(REPOSITORY)): f.read_text(encoding="utf-8").split("\n", 1)[0] for f in files}
    line = "# SPDX-License-Identifier: GPL-3.0-or-later"
    assert [name for name, first in first_lines.items() if first != line] == []


IMPORT_WITHOUT_BLENDER_AND_TORCH = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"bpy", "torch", "numpy", "diffusers"}:
            raise ImportError(f"{name} is imported when the package is")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2])
assert not {"bpy", "torch", "numpy", "diffusers"} & set(sys.modules)
"""


@pytest.mark.parametrize("module", ["sjc_blender", "sjc_blender.protocol", "sjc_blender.engine"])
def test_importing_the_package_imports_neither_blender_nor_torch(module: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-I", "-c", IMPORT_WITHOUT_BLENDER_AND_TORCH, str(REPOSITORY), module],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
