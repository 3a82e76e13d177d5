# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that the .blend of the command line was opened: Blender continues without it if it cannot be read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ..results.blend_mentions import saved_by

_BLEND = re.compile(r"\.blend\d*$", re.IGNORECASE)
_COMMAND = ("--command", "-c")
_WITH_VALUE = {"--python", "-P", "--python-expr", "--python-text", "--render-output", "-o", "--log-file", "--addons"}
"""Of Blender's options those whose value may end like a file's name."""


def named_file(command_line: Sequence[str]) -> str:
    """Return the .blend that Blender's command line names before ``--command``; empty if it names none."""
    named = ""
    for before, word in itertools.pairwise(command_line):
        if word in _COMMAND:
            break
        if _BLEND.search(word) and not word.startswith("-") and before not in _WITH_VALUE:
            named = word
    return named


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
    """Say which Blender has written a file, if it is newer than this one; empty if it is not, or nobody knows."""
    version = saved_by(path)
    if version is None or version <= bpy.app.version[:2]:
        return ""
    return f", which Blender {version[0]}.{version[1]} has written, and this is {bpy.app.version_string}"
