# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of commands whose jobs a farm may run."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import api
from ..jobs.job_request import absolute


def add_farm_options(parser: argparse.ArgumentParser) -> None:
    """Add what names a farm."""
    parser.add_argument("--farm", metavar="ADDRESS", help="run on the farm with this scheduler (HOST or HOST:PORT)")
    parser.add_argument(
        "--farm-keys", type=Path, metavar="FOLDER", help="this machine's folder of `farm keys` (default: SJC_FARM_KEYS)"
    )
    parser.add_argument(
        "--farm-not-shared", action="store_true", help="the farm's workers cannot access the job folders"
    )


def chosen_farm(arguments: argparse.Namespace) -> api.Farm | None:
    """Return the farm that is named; SjcError ``bad_address``, ``bad_usage``."""
    if arguments.farm is None:
        if arguments.farm_keys or arguments.farm_not_shared:
            raise api.SjcError("bad_usage", "Options of a farm are given without a farm.", "Add --farm ADDRESS.")
        return None
    keys = Path(absolute(arguments.farm_keys)) if arguments.farm_keys else None
    return api.Farm(arguments.farm, keys, not arguments.farm_not_shared)
