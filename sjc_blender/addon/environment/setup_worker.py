# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of the set-up: it reports its stages as JSON lines, and stops when its input ends.

Run by `setup_bootstrap` in Blender's own Python. Everything that the programs say goes to stderr, which is the log.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.exit_codes import EXIT_CANCELLED, EXIT_FAILED, EXIT_OK
from ...protocol.lease import Lease
from ...protocol.setup_events import Stage
from .environment_setup import EnvironmentSetup, remove_environment
from .program import Stopped
from .setup_errors import told_os_error
from .setup_request import SetupRequest, from_argument


def main(argv: Sequence[str]) -> int:
    """Carry out the request in the only argument; return the exit code."""
    request = from_argument(argv[0])
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        _tell(_do(request, stop.is_set))
        return EXIT_OK
    except Stopped:
        _tell(events.Cancelled(0))
        return EXIT_CANCELLED
    except Exception as error:  # the border: every failure leaves as a sentence, its traceback in the log
        traceback.print_exc(file=sys.stderr)
        _tell(events.Failed.of(_told(error, request)))
        return EXIT_FAILED


def _do(request: SetupRequest, stopped: Callable[[], bool]) -> events.Event:
    place = request.place
    place.root.mkdir(parents=True, exist_ok=True)
    lease = Lease.acquire(place.lease)
    if lease is None:
        raise SjcError(
            "setup_running",
            f"Another Blender is changing the engine in {place.root}.",
            "Wait until it is done there; then the engine is ready here, too.",
        )
    start = time.monotonic()
    try:
        if request.action == "remove":
            _tell(Stage(1, 1, "Removing the engine"))
            remove_environment(request)
            return events.Result({}, {"seconds": time.monotonic() - start})
        marker = EnvironmentSetup(request, _tell, stopped, dict(os.environ)).run()
        metrics = {"seconds": time.monotonic() - start, "bytes": float(marker.size)}
        return events.Result({"python": str(place.interpreter)}, metrics)
    finally:
        lease.release()


def _told(error: Exception, request: SetupRequest) -> SjcError:
    if isinstance(error, SjcError):
        return error
    if isinstance(error, OSError):
        return told_os_error(error, request.place.root)
    return SjcError(
        "internal_error",
        f"The set-up stopped because of an internal error: {type(error).__name__}: {error}.",
        f"{request.place.log} has the details; please report it.",
    )


def _tell(event: events.Event) -> None:
    # Blender has ended: the end of the input stops the set-up.
    try:
        sys.stdout.write(events.to_line(event) + "\n")
        sys.stdout.flush()
    except OSError:
        pass


def _listen(stop: threading.Event) -> None:
    """Set `stop` on a cancel command and at the end of stdin, which means that Blender has ended."""
    pending = b""
    # Unbuffered reads: a thread that waits inside sys.stdin's buffer aborts the interpreter when it ends.
    while chunk := os.read(0, 4096):
        *lines, pending = (pending + chunk).split(b"\n")
        if any(events.command_in(line.decode("utf-8", "replace")) == "cancel" for line in lines):
            break
    stop.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
