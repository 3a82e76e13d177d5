# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the .blend of the command line was opened: Blender continues without it if it cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ..results.blend_mentions import saved_by

_COMMAND = ("--command", "-c")
_VALUES = {
    **dict.fromkeys(
        "-S --scene -f --render-frame -s --frame-start -e --frame-end -j --frame-jump -o --render-output -E --engine -t"
        " --threads --cycles-device -F --render-format -x --use-extension -P --python --python-text --python-expr"
        " --python-exit-code --addons --log --log-level --log-file --debug-value --verbose --gpu-device --gpu-backend"
        " --gpu-vsync --app-template --qos".split(),
        1,
    ),
    **dict.fromkeys(("-p", "--window-geometry"), 4),
}
"""How many words that follow each of Blender's options are its own."""


def named_file(command_line: Sequence[str]) -> str:
    """Return the file that Blender's command line names before ``--command``, whatever its ending; empty if none."""
    named = ""
    words = iter(command_line[1:])
    for word in words:
        if word in _COMMAND:
            return named
        if word == "--":
            break
        if word.startswith("-"):
            for _ in range(_VALUES.get(word, 0)):
                next(words, None)
        else:
            named = word
    return ""


def require_opened(command_line: Sequence[str]) -> None:
    """Raise SjcError ``blend_not_opened`` if the named file could not be read: Blender has the default scene then."""
    named = named_file(command_line)
    if named and not bpy.data.filepath:
        raise SjcError(
            "blend_not_opened",
            f"Blender could not open {named}{_of_a_newer(Path(named))}; what it has open is the default scene.",
            "Name a .blend that is there and that this Blender can read, or none.",
        )


def require_not_newer(path: Path) -> None:
    """Raise SjcError ``not_opened`` if a newer Blender has written a file: saved by this one, it would lose things."""
    told = _of_a_newer(path)
    if told:
        raise SjcError(
            "not_opened",
            f"{path} is not saved over{told}; this Blender would lose what it does not know.",
            "Name another file for --save, or use that Blender.",
        )


def _of_a_newer(path: Path) -> str:
    """Return a clause that names the Blender that wrote a file, if it is newer than this one; else empty."""
    version = saved_by(path)
    if version is None or version <= bpy.app.version[:2]:
        return ""
    return f", which Blender {version[0]}.{version[1]} has written, and this is {bpy.app.version_string}"
