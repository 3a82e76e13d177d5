"""One job under a fault: run in a forked process, then gone on with, then compared with a job that nothing happened to.

The process that forks has everything imported, so that a trial costs the job alone. It has to be started with the
shim (`shim.c`) in LD_PRELOAD; `shim.started` sees to that.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import re
import shutil
import signal
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sjc_blender.engine.checkpoint import load
from sjc_blender.engine.commands import cli
from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
from sjc_blender.protocol import events
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.spec import JobSpec, scheduled

PATIENCE = 120.0
"""Seconds that one run may take."""

ORPHAN_SECONDS = 10.0

OPEN_OUTCOMES = {"disk_full", "folder_not_writable"}
"""What a job may say whose files could not be written."""

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Fault:
    """What happens to a run.

    Attributes
    ----------
    call : int
        Which change of the job's folder it happens at, from 1; 0: none.
    what : int
        An errno, or the negative of a signal that arrives at that call.
    stays : bool
        Whether every later change fails too, as on a disk that is and stays full.
    after : float
        Seconds after which the run is killed (SIGKILL); 0: it is not.
    """

    call: int = 0
    what: int = 0
    stays: bool = False
    after: float = 0.0


@dataclass(frozen=True)
class Run:
    """How a run went: exit code (negative: the signal), first and last step, changes counted, where the fault hit."""

    code: int
    first: int
    last: int
    changes: int
    hit: str
    seconds: float


def become_subreaper() -> None:
    """Have orphans of this process's children become its own children, so that they can be counted."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(folder: Path, fault: Fault, trace: Path | None = None) -> Run:
    """Run, or go on with, the job in `folder` as ``engine resume`` does, under `fault`.

    Into `trace` goes a line for each change of the folder: the call and the path.
    """
    shared = mmap.mmap(-1, 4096)
    shared.write(struct.pack("iii", -1, -1, 0))
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = _child(folder, fault, shared, trace)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if fault.after:
        time.sleep(fault.after)
        os.kill(child, signal.SIGKILL)
    status = _wait(child)
    first, last, changes = struct.unpack_from("iii", shared)
    hit = shared[12:].split(b"\0")[0].decode("utf-8", "replace")
    return Run(os.waitstatus_to_exitcode(status), first, last, changes, hit, time.monotonic() - began)


def _child(folder: Path, fault: Fault, shared: mmap.mmap, trace: Path | None) -> int:
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    shim.fault_call.restype = shim.fault_path.restype = ctypes.c_char_p
    advance = ScoreJacobianChaining.advance

    def counted(self: ScoreJacobianChaining, *arguments: object, **options: object) -> object:
        if struct.unpack_from("i", shared)[0] < 0:
            struct.pack_into("i", shared, 0, self.step)
        result = advance(self, *arguments, **options)
        struct.pack_into("i", shared, 4, self.step)
        return result

    ScoreJacobianChaining.advance = counted  # type: ignore[method-assign,assignment]
    log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if trace is not None:
        shim.fault_trace(os.open(trace, os.O_WRONLY | os.O_CREAT, 0o644))
    shim.fault_arm(str(folder).encode(), fault.call, fault.what, int(fault.stays))
    code = cli.main(["resume", str(folder)])
    told = b" ".join((shim.fault_call(), shim.fault_path()[len(str(folder)) :]))[:4000]
    struct.pack_into("i", shared, 8, shim.fault_count())
    shared[12 : 12 + len(told) + 1] = told + b"\0"
    shim.fault_arm(b"", 0, 0, 0)
    return code


def _wait(child: int) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"The run did not end within {PATIENCE:.0f} s.")


def orphans() -> int:
    """How many processes that runs left behind are alive after `ORPHAN_SECONDS`."""
    end = time.monotonic() + ORPHAN_SECONDS
    while True:
        try:
            done, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if not done:
            if time.monotonic() > end:
                return 1
            time.sleep(0.02)


class Campaign:
    """Trials of one job.

    Parameters
    ----------
    spec : JobSpec
    root : Path
        An empty folder of ours.
    """

    def __init__(self, spec: JobSpec, root: Path) -> None:
        self.spec = spec
        self.root = root
        self.number = 0
        become_subreaper()
        self.straight = self._new("straight")
        trace = self.root / "changes.txt"
        self.whole = run(self.straight, Fault(), trace)
        assert self.whole.code == 0, self.straight.with_suffix(".log").read_text()
        self.expected = content(self.straight)
        self.names = names(self.straight)
        self.changes = [line.replace(str(self.straight), "") for line in trace.read_text().splitlines()]

    def distinct_calls(self) -> list[int]:
        """Changes, from 1, of which each is the first, a middle or the last of its kind: a call on a file.

        Temporary names count as one, and so do the steps in the names of previews.
        """
        kinds: dict[str, list[int]] = {}
        for number, line in enumerate(self.changes, 1):
            kinds.setdefault(re.sub(r"-[0-9a-f]{12}|\d{6}", "*", line), []).append(number)
        return sorted({calls[at] for calls in kinds.values() for at in (0, len(calls) // 2, -1)})

    def _new(self, name: str) -> Path:
        return JobFolder.create(self.root / name, self.spec).path

    def trial(self, *faults: Fault, errors: bool = False) -> list[Run]:
        """Run a job under each fault in turn, then to its end; AssertionError if anything was lost.

        Parameters
        ----------
        *faults : Fault
        errors : bool
            Whether the faults are failed calls, after which a job may also say that it cannot go on.
        """
        self.number += 1
        folder = self._new(f"trial{self.number}")
        runs = []
        for fault in faults:
            reached = runs[-1].last if runs else 0
            runs.append(run(folder, fault))
            self._check(folder, runs[-1], errors, reached)
        runs.append(run(folder, Fault()))
        log = folder.with_suffix(".log")
        where = f"{faults}: {[r.hit for r in runs]}"
        assert runs[-1].code == 0, f"{where}: it did not go on: {log.read_text()[-1500:]}"
        self._check_steps(folder, runs, where)
        found, files = content(folder), names(folder)
        # A picture of the way that could not be written is no reason to end a job; it is missed, and warned of.
        missed = {name for name in self.names if errors and name.startswith("previews/") and name not in files}
        assert len(missed) <= len(faults) or any(fault.stays for fault in faults), f"{where}: {missed} are missing"
        lost = [name for name, value in self.expected.items() if found.get(name) != value and name not in missed]
        assert not lost, f"{where}: other bits in {lost}"
        assert set(files) == set(self.names) - missed, f"{where}: other files: {set(files) ^ set(self.names)}"
        assert not orphans(), f"{where}: a process was left behind"
        shutil.rmtree(folder)
        log.unlink(missing_ok=True)
        return runs

    def _check(self, folder: Path, done: Run, errors: bool, reached: int) -> None:
        log = folder.with_suffix(".log").read_text()
        assert done.code != 70, log
        if errors and done.code == cli.EXIT_FAILED:
            assert "Traceback" not in log, f"{done.hit}: {log[-2000:]}"
            told = [event for event in map(events.from_line, _lines(folder)) if isinstance(event, events.Failed)]
            # Where the event could not be written either, the terminal has its sentence.
            assert all(event.code in OPEN_OUTCOMES for event in told), f"{done.hit}: {told}"
            assert "Error: " in log, f"{done.hit}: nothing was said"
        elif errors:
            assert done.code == 0, f"{done.hit}: exit code {done.code}: {log[-1000:]}"
        step = checkpoint_step(folder, self.spec)
        if folder.joinpath("checkpoint.safetensors").exists():
            assert step >= 0, f"{done.hit}: the checkpoint is damaged"
        interval = self.spec.optimisation.checkpoint_every
        assert max(done.last, reached) - max(step, 0) <= interval, f"{done.hit}: {done.last} steps done, {step} kept"

    def _check_steps(self, folder: Path, runs: list[Run], where: str) -> None:
        interval = self.spec.optimisation.checkpoint_every
        reached = 0
        for done in runs:
            if done.first >= 0:
                assert reached - done.first <= interval, f"{where}: {reached} steps done, gone on from {done.first}"
            reached = max(reached, done.last)

    def kills(self, count: int, seed: int) -> int:
        """Kill `count` runs at times drawn by chance, three to a job; give how many were killed in time."""
        chance = random.Random(seed)
        killed = 0
        while killed < count:
            faults = [Fault(after=chance.uniform(0.05, self.whole.seconds)) for _ in range(min(3, count - killed))]
            runs = self.trial(*faults)
            killed += sum(done.code == -signal.SIGKILL for done in runs)
        return killed


def content(folder: Path) -> dict[str, object]:
    """What a job made: everything that has to be the same bit for bit."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                found |= {f"{name}:{key}": (arrays[key].shape, arrays[key].tobytes()) for key in arrays.files}
        elif path.is_file() and path.suffix in {".safetensors", ".ply", ".glb", ".png"}:
            found[name] = path.read_bytes()
    return found


def names(folder: Path) -> list[str]:
    """Every file in the folder; the log is there where there was something to log."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"
    )


def checkpoint_step(folder: Path, spec: JobSpec) -> int:
    """Give the step of the job's checkpoint; -1 if it has none, or a damaged one."""
    try:
        return load(folder / "checkpoint.safetensors", scheduled(spec))[0]
    except SjcError:
        return -1


def _lines(folder: Path) -> list[str]:
    path = folder / "events.jsonl"
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []


Trial = Callable[..., list[Run]]
