# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the subcommands that import results: which ones, and where the scene is saved."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
from pathlib import Path
from typing import Any

import bpy

from ...protocol import atomic_write
from ...protocol.errors import SjcError
from .. import api
from ..jobs.job_request import absolute
from .opened_file import require_not_newer

LITTLE = 16_000_000
"""Bytes on a disk that count as none for a .blend that could not be written."""


def add_result_options(parser: argparse.ArgumentParser, *, save_required: bool = False) -> None:
    """Add ``--outputs`` (also ``--import``), ``--show`` and ``--save``."""
    parser.add_argument(
        "--outputs",
        "--import",
        type=_outputs,
        dest="outputs",
        metavar="volume,mesh",
        help="which results to import (default: both)",
    )
    parser.add_argument(
        "--show",
        choices=api.OUTPUTS,
        default="mesh",
        help="the kind that is visible and rendered; the other one is hidden (default: mesh)",
    )
    parser.add_argument(
        "--save",
        type=_blend_path,
        required=save_required,
        metavar="OUT.blend",
        help="import the results and save the scene here, with the Volume's file beside it",
    )


def import_and_save(source: api.Job | str, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Import a job's results and save the scene, as these options say; return the facts and lines of an outcome."""
    imported = [obj.name for obj in api.import_result(source, outputs=arguments.outputs, show=arguments.show)]
    save_scene(arguments.save)
    facts = {"imported": imported, "blend": str(arguments.save)}
    return facts, [f"blend: {arguments.save}", "imported: " + ", ".join(imported)]


def save_scene(path: Path) -> None:
    """Save the scene as `path`, which the open file is called from then on.

    Blender says that a compressed file is saved where a full disk has cut it off. So a copy is written beside it, and
    takes the place of `path` once it is known to be whole.

    Raises
    ------
    SjcError
        ``not_saved``, ``disk_full`` or ``folder_not_writable``. The file that was there keeps what it had.
    """
    with atomic_write.atomic_path(path) as temporary:
        temporary.unlink()  # of which Blender would keep an older version
        _save(temporary, path, copy=True)
        if Path(bpy.data.filepath) != path:
            _save(path, path, copy=False)


def _save(target: Path, named: Path, *, copy: bool) -> None:
    """Write the open file to `target`; told as `named`."""
    reason = ""
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(target), check_existing=False, copy=copy)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
    if reason and (os.strerror(errno.ENOSPC) in reason or shutil.disk_usage(target.parent).free < LITTLE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # Blender's words are those of the call that came last
    atomic_write.require_room(target.parent)
    if reason or not target.is_file():
        raise SjcError(
            "not_saved", f"The scene could not be saved as {named}: {reason}", "Name a place that you may write to."
        )


def _outputs(text: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(","))
    if not set(named) <= set(api.OUTPUTS):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {' and '.join(api.OUTPUTS)}")
    return named


def _blend_path(text: str) -> Path:
    path = Path(absolute(text))
    if path.suffix != ".blend":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .blend")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder")
    require_not_newer(path)
    return path
