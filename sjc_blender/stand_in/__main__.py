# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sjc_blender.stand_in run FOLDER``: a job's events, checkpoint and results, without any computing."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from ..protocol import events
from ..protocol.diagnosis import Diagnosis, Finding
from ..protocol.errors import SjcError
from ..protocol.job_folder import JobFolder
from ..protocol.spec import JobSpec
from .octahedron import write_checkpoint, write_results

EXIT_OK, EXIT_FAILED, EXIT_CANCELLED = 0, 1, 3
"""Format versions, as the engine's."""

TOLD = 20
"""Number of steps reported."""


class Stopped(Exception):
    """Raised when Blender cancels the job, or has ended."""


class StandIn:
    """One job."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.step = 0
        self._stop = threading.Event()
        self._going = threading.Event()
        self._going.set()
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> int:
        """Write a job's events, checkpoint and results; return the exit code."""
        try:
            lease = self.folder.claim()
        except SjcError as error:
            tell(events.Failed.of(error))
            return EXIT_FAILED
        try:
            self._make(self.folder.read_spec())
        except Stopped:
            self._tell(events.Cancelled(self.step))
            return EXIT_CANCELLED
        except SjcError as error:
            self._tell(events.Failed.of(error))
            return EXIT_FAILED
        finally:
            lease.release()
        return EXIT_OK

    def _make(self, spec: JobSpec) -> None:
        self._tell(events.Phase("loading the model"))
        self._tell(events.Warned("The stand-in engine makes an octahedron of any prompt."))
        self._tell(events.Phase("optimising"))
        total = spec.optimisation.steps
        for step in sorted({max(1, total * told // TOLD) for told in range(1, TOLD + 1)}):
            if not self._going.is_set():
                self._tell(events.Paused(self.step))
                self._going.wait()
                self._tell(events.WentOn(self.step))
            self._require_going_on()
            self.step = step
            self._tell(events.Progress(step, total, 1000.0, (total - step) / 1000.0))
        write_checkpoint(self.folder, spec, self.step)
        self._tell(events.CheckpointSaved(self.folder.relative(self.folder.checkpoint), self.step))
        self._tell(events.Phase("writing the results"))
        self._require_going_on()
        self._tell(write_results(self.folder, spec))

    def _require_going_on(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _tell(self, event: events.Event) -> None:
        self.folder.append_event(event)
        tell(event)

    def _listen(self) -> None:
        """Take Blender's commands; the end of stdin is Blender's own."""
        pending = b""
        while chunk := os.read(0, 4096):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                match events.command_in(line.decode("utf-8", "replace")):
                    case "pause":
                        self._going.clear()
                    case "resume":
                        self._going.set()
                    case "cancel":
                        self._stop.set()
                        self._going.set()
        self._stop.set()
        self._going.set()


def tell(event: events.Event | Diagnosis) -> None:
    """Send an event to Blender, if it is still running."""
    with contextlib.suppress(OSError):
        print(events.to_line(event), flush=True)


def main(argv: Sequence[str]) -> int:
    """Run a command of the engine's command line; return the exit code."""
    match list(argv):
        case ["run", folder]:
            return StandIn(JobFolder(Path(folder))).run()
        case ["doctor", *_]:
            tell(Diagnosis((Finding("Engine", "a stand-in, which computes nothing"),)))
            return EXIT_OK
        case _:
            tell(
                events.Failed(
                    "stand_in_cannot",
                    "The stand-in engine only acts as if it ran jobs.",
                    "Choose a real engine for this.",
                )
            )
            return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
