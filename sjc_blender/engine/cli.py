"""The engine's command line.

``generate`` is for people (a progress bar), ``run JOB_DIR`` for programs (JSON lines on stdout,
commands on stdin). Both run the same job the same way.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..protocol import events, presets
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from ..protocol.overrides import merged, parse_overrides

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 done, 1 failed, 2 bad usage, 3 cancelled)."""
    arguments = _parser().parse_args(argv)
    code: int = arguments.command(arguments)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sjc_blender.engine", description="Score Jacobian Chaining: text to 3D with a 2D model."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    generate = commands.add_parser(
        "generate",
        help="make an object from a prompt",
        epilog='example: python -m sjc_blender.engine generate --prompt "a red chair" --out chair',
    )
    generate.add_argument("--prompt", required=True)
    generate.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the job folder; an unfinished job there goes on"
    )
    generate.add_argument("--negative-prompt", default="", metavar="TEXT")
    generate.add_argument("--preset", default="standard", help="one of " + ", ".join(presets.preset_names()))
    generate.add_argument(
        "--model",
        default="builtin",
        metavar="SOURCE",
        help="builtin, a folder, a .safetensors file or a Hugging Face id in the cache",
    )
    generate.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    generate.add_argument("--seed", type=int, default=0)
    generate.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="changes",
        help="any field of the job, such as optimisation.steps=200 (repeatable)",
    )
    generate.add_argument("--restart", action="store_true", help="ignore a checkpoint")
    generate.set_defaults(command=_generate)

    run = commands.add_parser("run", help="run a job folder: JSON lines on stdout, commands on stdin")
    run.add_argument("folder", type=Path, metavar="JOB_DIR")
    run.add_argument("--restart", action="store_true", help="ignore a checkpoint")
    run.set_defaults(command=_run)
    return parser


def _generate(arguments: argparse.Namespace) -> int:
    from .reporter import TerminalReport

    report = TerminalReport()
    try:
        spec = presets.new_job(**_settings(arguments))
        folder = JobFolder.create(arguments.out, spec)
    except SjcError as error:
        report(events.Failed.of(error))
        return EXIT_USAGE
    # Ctrl-C stops after the current step, with a checkpoint.
    stop = threading.Event()
    previous = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        return _work(folder, report, stop.is_set, restart=arguments.restart)
    finally:
        signal.signal(signal.SIGINT, previous)


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `presets.new_job`; what ``--set`` names goes before the option of the same meaning."""
    settings = {
        "prompt": arguments.prompt,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "negative_prompt": arguments.negative_prompt,
        "model": {"source": arguments.model, "device": arguments.device},
    }
    return merged(settings, parse_overrides(arguments.changes))


def _run(arguments: argparse.Namespace) -> int:
    # The protocol owns stdout; whatever libraries print goes to stderr, which the parent keeps as the log.
    protocol_stream, sys.stdout = sys.stdout, sys.stderr
    protocol_stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    from .reporter import json_lines

    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    return _work(JobFolder(arguments.folder), json_lines(protocol_stream), stop.is_set, restart=arguments.restart)


def _work(
    folder: JobFolder, report: Callable[[events.Event], None], cancelled: Callable[[], bool], *, restart: bool
) -> int:
    from . import job
    from .reporter import recorded

    tell = recorded(folder, report) if folder.path.is_dir() else report
    try:
        return EXIT_OK if job.run_job(folder, tell, cancelled, restart=restart) else EXIT_CANCELLED
    except Exception as error:  # the border: every failure leaves as a sentence, its traceback in the log
        told = job.told_error(error)
        if told is not error:
            traceback.print_exc(file=sys.stderr)
        failed = events.Failed.of(told)
        try:
            tell(failed)
        except SjcError:
            report(failed)
        return EXIT_FAILED


def _listen(stop: threading.Event) -> None:
    """Set `stop` on a cancel command, and when stdin ends: then the parent is gone."""
    # Unbuffered reads: a thread that waits inside sys.stdin's buffer aborts the interpreter when it ends.
    pending = b""
    while chunk := os.read(sys.stdin.fileno(), 4096):
        *lines, pending = (pending + chunk).split(b"\n")
        if any(events.is_cancel(line.decode("utf-8", "replace")) for line in lines):
            break
    stop.set()
