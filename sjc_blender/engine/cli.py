"""The engine's command line.

``generate`` is for people (a progress bar), ``run JOB_DIR`` for programs (JSON lines on stdout,
commands on stdin); ``resume JOB_DIR`` is ``run`` for people. All run the same job the same way.
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

from ..protocol import events
from ..protocol.atomic_write import file_error
from ..protocol.errors import SjcError
from ..protocol.file_lock import FileLock
from ..protocol.job_folder import JobFolder, engine_busy
from .doctor import add_doctor_command
from .fitting.command import add_fit_command
from .forecast.command import add_forecast_command
from .job_options import add_job_options, job_of
from .model_store.command import add_models_command
from .pause import Pause
from .presets_command import add_presets_command
from .render_command import add_render_command
from .sampling2d.command import add_sample2d_command
from .video_command import add_video_command

LOCK_PATIENCE = 1.0
"""Seconds; who only asks whether an engine is at work holds the lock for a moment too."""

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
    generate.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the job folder; an unfinished job there goes on"
    )
    add_job_options(generate)
    generate.add_argument("--restart", action="store_true", help="ignore a checkpoint")
    generate.set_defaults(command=_generate)

    resume = commands.add_parser(
        "resume", help="run a job folder, or go on with it: progress on stderr, for terminals and render farms"
    )
    resume.add_argument("folder", type=Path, metavar="JOB_DIR")
    resume.add_argument("--restart", action="store_true", help="ignore a checkpoint")
    resume.set_defaults(command=_resume)

    run = commands.add_parser("run", help="run a job folder: JSON lines on stdout, commands on stdin")
    run.add_argument("folder", type=Path, metavar="JOB_DIR")
    run.add_argument("--restart", action="store_true", help="ignore a checkpoint")
    run.set_defaults(command=_run)
    add_doctor_command(commands)
    add_fit_command(commands)
    add_forecast_command(commands)
    add_presets_command(commands)
    add_render_command(commands)
    add_sample2d_command(commands)
    add_video_command(commands)
    add_models_command(commands, lambda stop: _listen(stop, Pause()))
    return parser


def _generate(arguments: argparse.Namespace) -> int:
    from .reporter import TerminalReport

    report = TerminalReport()
    try:
        spec = job_of(arguments)
        folder = JobFolder.create(arguments.out, spec)
    except SjcError as error:
        report(events.Failed.of(error))
        return EXIT_USAGE
    return _attended(folder, report, restart=arguments.restart)


def _resume(arguments: argparse.Namespace) -> int:
    from .reporter import TerminalReport

    return _attended(JobFolder(arguments.folder), TerminalReport(), restart=arguments.restart)


def _attended(folder: JobFolder, report: Callable[[events.Event], None], *, restart: bool) -> int:
    """Work for a terminal, or for a farm's node: Ctrl-C stops after the current step, with a checkpoint."""
    stop = threading.Event()
    previous = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        return _work(folder, report, stop.is_set, restart=restart)
    finally:
        signal.signal(signal.SIGINT, previous)


def _run(arguments: argparse.Namespace) -> int:
    # The protocol owns stdout; whatever libraries print goes to stderr, which the parent keeps as the log.
    protocol_stream, sys.stdout = sys.stdout, sys.stderr
    protocol_stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    from .reporter import json_lines

    stop, pause = threading.Event(), Pause()
    threading.Thread(target=_listen, args=(stop, pause), daemon=True).start()
    folder = JobFolder(arguments.folder)
    return _work(folder, json_lines(protocol_stream), stop.is_set, pause, restart=arguments.restart)


def _work(
    folder: JobFolder,
    report: Callable[[events.Event], None],
    cancelled: Callable[[], bool],
    pause: Pause | None = None,
    *,
    restart: bool,
) -> int:
    from . import job
    from .reporter import recorded

    try:
        lock = _lock(folder)
    except SjcError as error:  # not recorded: the folder's records are another engine's
        report(events.Failed.of(error))
        return EXIT_FAILED
    tell = recorded(folder, report) if folder.path.is_dir() else report
    try:
        return EXIT_OK if job.run_job(folder, tell, cancelled, pause, restart=restart) else EXIT_CANCELLED
    except Exception as error:  # the border: every failure leaves as a sentence, its traceback in the log
        told = job.told_error(error)
        if told is not error:
            _log_traceback(folder)
        failed = events.Failed.of(told)
        try:
            tell(failed)
        except SjcError:
            report(failed)
        return EXIT_FAILED
    finally:
        if lock is not None:
            lock.release()


def _log_traceback(folder: JobFolder) -> None:
    """Keep the details of an unforeseen failure in the job's log; the user is told in a sentence."""
    try:
        with folder.log_path.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    except OSError:
        traceback.print_exc(file=sys.stderr)


def _lock(folder: JobFolder) -> FileLock | None:
    """Keep other engines out of the folder; None if there is no folder. SjcError ``engine_busy`` if one is in it."""
    if not folder.path.is_dir():
        return None
    try:
        lock = FileLock.acquire(folder.lock_path, LOCK_PATIENCE)
    except OSError as error:
        raise file_error(error, folder.lock_path) from error
    if lock is None:
        raise engine_busy(folder)
    return lock


def _listen(stop: threading.Event, pause: Pause) -> None:
    """Set `stop` on a cancel command, and when stdin ends: then the parent is gone. Begin and end pauses."""
    # Unbuffered reads: a thread that waits inside sys.stdin's buffer aborts the interpreter when it ends.
    pending = b""
    while not stop.is_set() and (chunk := os.read(sys.stdin.fileno(), 4096)):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            match events.command_in(line.decode("utf-8", "replace")):
                case "cancel":
                    stop.set()
                case "pause":
                    pause.begin()
                case "resume":
                    pause.end()
    stop.set()
    pause.end()
