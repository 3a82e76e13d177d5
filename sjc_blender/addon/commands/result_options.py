# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the subcommands that import results: which ones, and where the scene is saved."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import bpy

from ...protocol.errors import SjcError
from ...protocol.home import expanded
from .. import api


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


def import_and_save(source: api.Job | str, outputs: Sequence[str] | None, show: str, path: Path) -> list[str]:
    """Import a job's results and save the scene; return the objects' names."""
    objects = api.import_result(source, outputs=outputs, show=show)
    save_scene(path)
    return [obj.name for obj in objects]


def save_scene(path: Path) -> None:
    """Save the scene as `path`; SjcError ``not_saved``."""
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SjcError(
            "not_saved", f"The scene could not be saved as {path}: {reason}", "Name a place that you may write to."
        ) from error


def _outputs(text: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(","))
    if not set(named) <= set(api.OUTPUTS):
        raise argparse.ArgumentTypeError(f"{text!r} is not made of {' and '.join(api.OUTPUTS)}")
    return named


def _blend_path(text: str) -> Path:
    path = expanded(text).absolute()
    if path.suffix != ".blend":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .blend")
    return path
