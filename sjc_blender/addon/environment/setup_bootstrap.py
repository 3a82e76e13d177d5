# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender's Python, in a process of its own: gives this package its name and starts the set-up."""

import runpy
from pathlib import Path

if __name__ == "__main__":
    name_package = runpy.run_path(str(Path(__file__).parents[1] / "process" / "engine_bootstrap.py"))["name_package"]
    name_package()
    runpy.run_module("sjc_blender.addon.environment.setup_worker", run_name="__main__")
