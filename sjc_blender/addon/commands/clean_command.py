# SPDX-License-Identifier: GPL-3.0-or-later
"""``clean``: the .vdb files beside a .blend that nothing uses, listed, and deleted on request."""

from __future__ import annotations

import argparse

from .. import api
from .outcome import Outcome

NAME = "clean"
HELP = "list the .vdb files in the folder sjc beside the .blend that nothing uses"
EXAMPLES = (
    "-b scene.blend --command sjc clean",
    "-b scene.blend --command sjc clean --look-in ../shots --delete",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add where to look, and whether to delete."""
    parser.add_argument("--delete", action="store_true", help="delete them (default: only list them)")
    parser.add_argument(
        "--look-in",
        action="append",
        default=[],
        metavar="FOLDER",
        help="another folder whose .blend files may use them; as often as needed",
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """List or delete them."""
    found = (api.delete_unused_files if arguments.delete else api.unused_files)(arguments.look_in)
    what = "deleted" if arguments.delete else "unused"
    facts = {what: [str(path) for path in found.files], "bytes": found.size, "blends_read": found.read}
    lines = [f"{what}: {path}" for path in found.files]
    return Outcome("done", facts, [*lines, f"{len(found.files)} files {what}, {found.size / 1e6:.1f} MB"])
