"""The bpy module as a program: takes the words that ``blender -b`` does, as far as the pipeline uses them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

WORDS = sys.argv[1:]
sys.argv = ["blender"]  # the module reads it as Blender's own command line when it is imported

import bpy  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> int:
    """``-b [--factory-startup] [FILE.blend] (--command sjc WORD... | --python SCRIPT -- WORD...)``."""
    sys.argv = ["blender", *WORDS]
    cut = next(index for index, word in enumerate(WORDS) if word in {"--command", "--python"})
    blend = next((word for word in WORDS[:cut] if word.endswith(".blend")), None)
    if "--factory-startup" not in WORDS:
        import sjc_blender

        sjc_blender.register()
    if blend is not None:
        bpy.ops.wm.open_mainfile(filepath=str(Path(blend).absolute()))
    if WORDS[cut] == "--python":
        runpy.run_path(WORDS[cut + 1], run_name="__main__")
        return 0
    from sjc_blender.addon.commands.command_line import main as command

    return command(WORDS[cut + 2 :])


sys.exit(main())
