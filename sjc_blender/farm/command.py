# SPDX-License-Identifier: GPL-3.0-or-later
"""``farm``: the command line of the farm.

::

    farm serve                        a scheduler, and a worker of its own
    farm join ADDRESS                 workers of this machine for the scheduler there
    farm run JOB_DIR... --scheduler ADDRESS
    farm status, farm stop JOB_DIR... --scheduler ADDRESS
    farm keys FOLDER MACHINE...       keys for machines that are not this one
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..protocol.errors import SjcError
from ..protocol.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_USAGE

PATIENCE = 600.0


def add_farm_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``farm`` to the engine's command line."""
    farm = commands.add_parser("farm", help="run job folders on many machines (needs requirements/farm.txt)")
    parts = farm.add_subparsers(required=True, dest="part", metavar="PART")
    farm.set_defaults(command=_run)

    serve = parts.add_parser("serve", help="run the scheduler and workers on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine only)")
    serve.add_argument("--port", type=int, default=8786, help="0: any free one (default: 8786)")
    serve.add_argument("--dashboard", type=int, metavar="PORT", help="port of status pages, for this machine only")
    _add_worker_options(serve, "workers on this machine; 0: none (default: one for each graphics card, or one)")

    join = parts.add_parser("join", help="work for a scheduler")
    join.add_argument("address", metavar="ADDRESS", help="HOST or HOST:PORT")
    _add_worker_options(join, "processes, one job each (default: one for each graphics card, or for two cores)")

    run = parts.add_parser("run", help="run job folders that are not done yet")
    run.add_argument("folders", nargs="*", type=Path, metavar="JOB_DIR")
    run.add_argument("--priority", type=int, default=0, help="jobs with a higher priority run first (default: 0)")
    run.add_argument(
        "--not-shared",
        action="store_true",
        help="the workers cannot access these folders: send jobs and results over the network",
    )
    shown = run.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print one JSON object for each ended job")
    shown.add_argument(
        "--lines",
        action="store_true",
        help="for programs: events of the jobs on stdout, more jobs and cancels on stdin",
    )
    _add_scheduler_options(run)

    status = parts.add_parser("status", help="list workers and jobs")
    status.add_argument("--json", action="store_true")
    _add_scheduler_options(status)

    stop = parts.add_parser("stop", help="stop jobs after their current step, with a checkpoint")
    stop.add_argument("folders", nargs="+", type=Path, metavar="JOB_DIR")
    _add_scheduler_options(stop)

    keys = parts.add_parser("keys", help="make keys for the machines of a farm")
    keys.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the authority, created if needed")
    keys.add_argument("machines", nargs="+", metavar="MACHINE")


def _add_worker_options(parser: argparse.ArgumentParser, workers: str) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help=workers)
    parser.add_argument("--name", default="", help="prefix of the workers' names (default: the machine's name)")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="THERE=HERE",
        help="the name of a shared folder on other machines and here",
    )
    parser.add_argument(
        "--spool", type=Path, metavar="FOLDER", help="folder for jobs that are sent here (default: in the home folder)"
    )
    _add_keys(parser)
    _add_patience(parser)


def _add_scheduler_options(parser: argparse.ArgumentParser) -> None:
    address = os.environ.get("SJC_FARM", "127.0.0.1")
    parser.add_argument("--scheduler", default=address, metavar="ADDRESS", help="default: SJC_FARM, or this machine")
    _add_keys(parser)
    _add_patience(parser)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    keys = os.environ.get("SJC_FARM_KEYS")
    parser.add_argument(
        "--keys",
        type=Path,
        default=Path(keys) if keys else None,
        metavar="FOLDER",
        help="this machine's folder from `farm keys` (default: SJC_FARM_KEYS)",
    )


def _add_patience(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long to wait for a scheduler that is gone",
    )


def _run(arguments: argparse.Namespace) -> int:
    """Run the part that was asked for; an error that was foreseen leaves as a sentence."""
    try:
        _require_packages()
        from . import run_and_stop, serve_and_join, status

        parts: dict[str, Callable[[argparse.Namespace], int]] = {
            "serve": serve_and_join.serve_here,
            "join": serve_and_join.join_here,
            "run": run_and_stop.run_jobs,
            "status": status.show_status,
            "stop": run_and_stop.stop,
            "keys": _keys,
        }
        return parts[arguments.part](arguments)
    except SjcError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        wrong = error.code in {"bad_usage", "bad_address", "farm_not_encrypted"}
        return EXIT_USAGE if wrong else EXIT_FAILED


def _require_packages() -> None:
    try:
        import cryptography  # noqa: F401
        import distributed  # noqa: F401
    except ImportError as error:
        raise SjcError(
            "farm_not_installed",
            f"This Python has no package {error.name!r}, which the farm needs.",
            "Install it: python -m pip install -r requirements/farm.txt",
        ) from error


def _keys(arguments: argparse.Namespace) -> int:
    from .keys import make_keys

    for folder in make_keys(arguments.folder, arguments.machines):
        print(f"{folder}: copy it to {folder.name}, and start there with --keys and its path")
    print(f"{arguments.folder / 'authority'} stays here: who has its key can make keys.")
    return EXIT_OK
