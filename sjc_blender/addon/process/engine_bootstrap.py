# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by the engine's Python, with the arguments of ``python -m sjc_blender.engine``.

In an installed extension this package is called ``bl_ext.<repository>.sjc_blender`` and lies in a
folder beside other extensions. Here it is given its own name without that folder on ``sys.path``,
so that no other extension can stand in for a module of the engine's environment.
"""

import importlib.util
import runpy
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]


def name_package() -> None:
    """Make this copy of the package importable as ``sjc_blender``, whatever else is installed."""
    spec = importlib.util.spec_from_file_location(
        "sjc_blender", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sjc_blender"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    name_package()
    stand_in = sys.argv[1:2] == ["--stand-in"]
    if stand_in:
        del sys.argv[1]
    runpy.run_module("sjc_blender.stand_in" if stand_in else "sjc_blender.engine", run_name="__main__")
