# SPDX-License-Identifier: GPL-3.0-or-later
"""``import``: import the results of a finished job, from here or another machine."""

from __future__ import annotations

import argparse

from .outcome import Outcome
from .result_options import add_result_options, import_and_save, save_scene

NAME = "import"
HELP = "import the result of a finished job"
EXAMPLES = ("-b scene.blend --command sjc import duck_job --save out.blend",)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the folder, and what comes out."""
    parser.add_argument("folder", metavar="JOB_FOLDER")
    add_result_options(parser, save_required=True)


def run(arguments: argparse.Namespace) -> Outcome:
    """Import and save."""
    # Before: the volume's file lies beside the saved scene.
    save_scene(arguments.save)
    imported = import_and_save(arguments.folder, arguments.outputs, arguments.show, arguments.save)
    facts = {"folder": arguments.folder, "imported": imported, "blend": str(arguments.save)}
    lines = [f"folder: {arguments.folder}", f"blend: {arguments.save}", "imported: " + ", ".join(imported)]
    return Outcome("done", facts, lines)
