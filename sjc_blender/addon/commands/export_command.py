# SPDX-License-Identifier: GPL-3.0-or-later
"""``export``: a result as a file for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

import bpy

from .. import api
from .outcome import Outcome

NAME = "export"
HELP = "write a result as a file for other programs: .glb, .ply, .obj, .stl, .vdb, .usdc"
EXAMPLES = (
    '-b scene.blend --command sjc export "a red chair" chair.usdc',
    "-b --command sjc export chair_job chair.stl",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what is written, and where."""
    parser.add_argument(
        "source", metavar="RESULT", help="the name of a result in the scene, or a finished job's folder"
    )
    parser.add_argument("file", metavar="FILE", help="its ending says the kind; what is there is replaced")


def run(arguments: argparse.Namespace) -> Outcome:
    """Export it; the job of a folder is imported for it, and nothing is saved."""
    path = Path.cwd() / arguments.file
    source = bpy.data.objects.get(arguments.source)
    if source is None:
        made = api.import_result(arguments.source, show="volume" if path.suffix.lower() == ".vdb" else "mesh")
        source = next((obj for obj in made if not obj.hide_viewport), made[0])
    written = api.export_result(source, path)
    return Outcome("done", {"file": str(written)}, [f"file: {written}"])
