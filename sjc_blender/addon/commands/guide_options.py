# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the subcommands that make new jobs: what the model follows by its depth."""

from __future__ import annotations

import argparse
from typing import Any


def add_guide_options(parser: argparse.ArgumentParser, whose: str = "") -> None:
    """Add the options; `whose` ends the help of what a row of a batch may say itself."""
    parser.add_argument(
        "--guide", metavar="NAME", help=f"object or collection: the model follows its depth through --control{whose}"
    )
    parser.add_argument(
        "--guide-strength", type=float, default=1.0, metavar="0-2", help="how strongly it is followed (default: 1)"
    )
    parser.add_argument(
        "--control", default="", metavar="SOURCE", help=f"ControlNet for depth: a folder or a cached id{whose}"
    )


def guide_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was chosen, as `api.generate` and `api.batch` take it."""
    return {name: getattr(arguments, name) for name in ("guide", "guide_strength", "control")}
