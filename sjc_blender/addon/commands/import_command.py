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
    facts, lines = import_and_save(arguments.folder, arguments)
    return Outcome("done", {"folder": arguments.folder} | facts, [f"folder: {arguments.folder}", *lines])
