"""Blender's command line for a Python with bpy, as far as the gallery needs it.

``python -m demo.blender -b [FILE.blend] [--python FILE] [--python-expr TEXT] [--command sjc ...] [-- ...]``. The
extension is that of the folder for Blender's user, BLENDER_USER_RESOURCES, switched on.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from importlib import import_module

import bpy

EXTENSION = "bl_ext.user_default.sjc_blender"


def main(argv: Sequence[str]) -> int:
    """Switch the extension on and do what the arguments say, in their order; gives the command's exit code."""
    addon_utils = import_module("addon_utils")  # found once bpy is imported
    if addon_utils.enable(EXTENSION) is None:
        raise SystemExit(f"{EXTENSION} cannot be switched on")
    try:
        return _run(list(argv))
    finally:
        addon_utils.disable(EXTENSION)


def _run(words: list[str]) -> int:
    while words:
        word = words.pop(0)
        if word == "--":
            break
        if word == "--command":
            _, *arguments = words
            code: int = import_module(f"{EXTENSION}.addon.commands.command_line").main(arguments)
            return code
        if word == "--python":
            runpy.run_path(words.pop(0), run_name="__main__")
        elif word == "--python-expr":
            exec(words.pop(0), {})
        elif word.endswith(".blend"):
            bpy.ops.wm.open_mainfile(filepath=word)
        elif word != "-b":
            raise SystemExit(f"{word!r} means nothing here")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
