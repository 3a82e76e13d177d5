# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's command line.

``generate`` is for people (a progress bar), ``run JOB_DIR`` for programs (JSON lines on stdout,
commands on stdin); ``resume JOB_DIR`` is ``run`` for people. All run the same job the same way.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ...farm.command import add_farm_command
from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK, EXIT_USAGE
from ...protocol.job_folder import JobFolder
from ...protocol.lease import Holder, Lease
from ...protocol.outside_file import is_folder
from ..this_process.pause import Pause
from ..this_process.stop_signals import stopped_by_signals
from .doctor import add_doctor_command
from .fit_command import add_fit_command
from .forecast_command import add_forecast_command
from .job_choice import add_job_choice, chosen_job
from .job_options import add_job_options, job_of
from .models_command import add_models_command
from .presets_command import add_presets_command
from .render_command import add_render_command
from .sample2d_command import add_sample2d_command
from .video_command import add_video_command

LOCK_PATIENCE = 1.0
"""Seconds to wait for the lock: a process that only checks whether an engine is at work has it for a moment too."""

WITHOUT_LOCKS = "has no file locks. The file engine.lease alone keeps other computers out of the job."

ORPHAN_SECONDS = 5.0
"""Seconds for the current step and a checkpoint after the parent process has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (0 done, 1 failed, 2 bad usage, 3 cancelled)."""
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
        "--out", required=True, type=Path, metavar="DIR", help="the job folder; an unfinished job in it is continued"
    )
    add_job_options(generate)
    generate.set_defaults(command=_generate)

    resume = commands.add_parser(
        "resume", help="run or continue a job folder: progress on stderr, for terminals and render farms"
    )
    add_job_choice(resume)
    resume.add_argument(
        "--openjd", action="store_true", help="print progress on stdout too, as Open Job Description's workers read it"
    )
    resume.set_defaults(command=_resume)

    run = commands.add_parser("run", help="run a job folder: JSON lines on stdout, commands on stdin")
    run.add_argument("folder", type=Path, metavar="JOB_DIR")
    for parser_of_job in (generate, resume, run):
        parser_of_job.add_argument("--restart", action="store_true", help="ignore a checkpoint and start again")
    run.set_defaults(command=_run)
    add_doctor_command(commands)
    add_farm_command(commands)
    add_fit_command(commands)
    add_forecast_command(commands)
    add_presets_command(commands)
    add_render_command(commands)
    add_sample2d_command(commands)
    add_video_command(commands)
    add_models_command(commands, lambda stop: _listen(stop, Pause()))
    return parser


def _generate(arguments: argparse.Namespace) -> int:
    from ..reporter import TerminalReport

    return _attended(arguments, TerminalReport(), lambda: JobFolder.create(arguments.out, job_of(arguments)))


def _resume(arguments: argparse.Namespace) -> int:
    from ..reporter import TerminalReport, both, open_job_lines

    report: Callable[[events.Event], None] = TerminalReport()
    if arguments.openjd:
        report = both(report, open_job_lines(sys.stdout))
    return _attended(arguments, report, lambda: chosen_job(arguments))


def _attended(
    arguments: argparse.Namespace, report: Callable[[events.Event], None], find: Callable[[], JobFolder]
) -> int:
    """Run a job from a terminal or on a node: a signal stops it after the current step, with a checkpoint."""
    try:
        folder = find()
    except SjcError as error:
        report(events.Failed.of(error))
        return EXIT_USAGE
    stop = threading.Event()
    with stopped_by_signals(stop):
        return _work(folder, report, stop.is_set, restart=arguments.restart)


def _run(arguments: argparse.Namespace) -> int:
    # The protocol owns stdout; whatever libraries print goes to stderr, which the parent keeps as the log.
    protocol_stream, sys.stdout = sys.stdout, sys.stderr
    protocol_stream.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    from ..reporter import JsonLines

    stop, pause = threading.Event(), Pause()
    threading.Thread(target=_attend_parent, args=(stop, pause), daemon=True).start()
    report = JsonLines(protocol_stream)
    with stopped_by_signals(stop, pause):
        code = _work(JobFolder(arguments.folder), report, stop.is_set, pause, restart=arguments.restart)
        report.close(stop.is_set)
        return code


def _work(
    folder: JobFolder,
    report: Callable[[events.Event], None],
    cancelled: Callable[[], bool],
    pause: Pause | None = None,
    *,
    restart: bool,
) -> int:
    from .. import job
    from ..reporter import recorded

    try:
        lease = _claim(folder, report)
    except SjcError as error:  # not recorded: the folder belongs to another engine, or may be hostile
        report(events.Failed.of(error))
        return EXIT_FAILED
    tell = recorded(folder, report) if lease is not None else report
    try:
        if lease is not None:
            folder.sweep()
            if lease.without_locks:
                tell(events.Warned(f"The disk of {folder.path} {WITHOUT_LOCKS}"))
        stopped = _held(cancelled, lease, folder)
        return EXIT_OK if job.run_job(folder, tell, stopped, pause, restart=restart) else EXIT_CANCELLED
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
        if lease is not None:
            lease.release()


def _log_traceback(folder: JobFolder) -> None:
    """Write the traceback of an unexpected failure to the job's log; the user gets a sentence."""
    try:
        with folder.append(folder.log_path) as log:
            log.write(traceback.format_exc().encode("utf-8", "backslashreplace"))
    except (OSError, SjcError):
        traceback.print_exc(file=sys.stderr)


def _claim(folder: JobFolder, report: Callable[[events.Event], None]) -> Lease | None:
    """Keep other engines out of the folder; None if there is no folder. SjcError ``engine_busy`` if one is in it."""
    if not is_folder(folder.path):
        return None
    folder.require_plain()

    def waiting(holder: Holder | None) -> None:
        report(events.Phase(f"waiting to see whether {holder or 'another computer'} still works here"))

    return folder.claim(LOCK_PATIENCE, waiting)


def _held(cancelled: Callable[[], bool], lease: Lease | None, folder: JobFolder) -> Callable[[], bool]:
    """Return `cancelled`, which raises SjcError ``lease_lost`` where another engine has taken the folder over."""

    def ask() -> bool:
        if lease is not None and lease.lost:
            raise SjcError(
                "lease_lost",
                f"This engine was silent for so long that another one has taken over the job in {folder.path}.",
                "Let that one finish; nothing of its work was changed.",
            )
        return cancelled()

    return ask


def _attend_parent(stop: threading.Event, pause: Pause) -> None:
    """Handle the parent's commands, and end the process soon after the parent has ended.

    A step, or the loading of a model, may take minutes, and would block an engine that is started for the same job.
    """
    _listen(stop, pause)
    time.sleep(ORPHAN_SECONDS)
    print("The program that started this engine is gone; so is the step that it was at.", file=sys.stderr, flush=True)
    os._exit(EXIT_CANCELLED)


def _listen(stop: threading.Event, pause: Pause) -> None:
    """Set `stop` on a cancel command and at the end of stdin, which means that the parent has ended; handle pauses."""
    # Unbuffered reads: a thread that waits inside sys.stdin's buffer aborts the interpreter when it ends.
    pending = b""
    while chunk := os.read(sys.stdin.fileno(), 4096):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            match events.command_in(line.decode("utf-8", "replace")):
                case "cancel":
                    stop.set()
                    pause.end()
                case "pause":
                    pause.begin()
                case "resume":
                    pause.end()
    stop.set()
    pause.end()
