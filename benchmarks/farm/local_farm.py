"""A farm on this machine, of real processes that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from sjc_blender.protocol import presets
from sjc_blender.protocol.job_folder import JobFolder

ROOT = Path(__file__).resolve().parents[2]
STUB = [sys.executable, "-S", "-u", str(Path(__file__).with_name("stub_engine.py"))]


def stub_job(path: Path, seed: int = 0, prompt: str = "a red chair", steps: int = 20) -> JobFolder:
    """Lay down a job."""
    optimisation = {"steps": steps, "checkpoint_every": 5}
    return JobFolder.create(path, presets.new_job(prompt, preset="draft", seed=seed, optimisation=optimisation))


class LocalFarm:
    """A scheduler and workers, each a process in a session of its own."""

    def __init__(self, folder: Path, *, stub: bool = True, python: str = sys.executable, **environment: str) -> None:
        self.folder = folder
        self.python = python
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
        if stub:
            self.environment["SJC_FARM_ENGINE"] = json.dumps(STUB)
        self.port = 0
        self.options: list[str] = []
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def command(self, *arguments: object) -> list[str]:
        """Return a command line of the farm."""
        return [self.python, "-m", "sjc_blender.engine", "farm", *map(str, arguments)]

    def popen(self, *arguments: object, log: str) -> subprocess.Popen[bytes]:
        """Start a process of the farm; what it says goes to a file."""
        with (self.folder / log).open("ab") as file:
            return subprocess.Popen(
                self.command(*arguments),
                cwd=ROOT,
                env=self.environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def run(self, *arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command of the farm to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=timeout
        )

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return f"127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Start the scheduler, at the same port again if it has run before."""
        self.scheduler = self.popen("serve", "--port", self.port, "--workers", 0, *self.options, log="serve.log")
        end = time.monotonic() + 120
        while time.monotonic() < end:
            found = re.findall(r"^Scheduler: \w+://[\d.]+:(\d+)", (self.folder / "serve.log").read_text(), re.MULTILINE)
            if found and self._answers(int(found[-1])):
                self.port = int(found[-1])
                return
            assert self.scheduler.poll() is None, (self.folder / "serve.log").read_text()
            time.sleep(0.1)
        raise AssertionError("The scheduler did not start.")

    @staticmethod
    def _answers(port: int) -> bool:
        import socket

        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def join(self, count: int = 1, **options: str) -> None:
        """Start workers."""
        options = {"spool": str(self.folder / "spool"), **options}
        for _ in range(count):
            name = f"worker{len(self.workers)}"
            extra = [part for key, value in options.items() for part in (f"--{key}", value)]
            arguments = (self.address, "--workers", 1, "--name", name, *extra, *self.options)
            self.workers.append(self.popen("join", *arguments, log=f"{name}.log"))

    def submit(
        self, folders: Sequence[JobFolder], *options: object, timeout: float = 600
    ) -> dict[str, dict[str, object]]:
        """Have jobs run; return what is told of each, by the names of their folders."""
        paths = [folder.path for folder in folders]
        done = self.run("run", *paths, "--scheduler", self.address, "--json", *options, *self.options, timeout=timeout)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert told, done.stderr
        return {Path(entry["folder"]).name: entry for entry in told}

    def kill(self, process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> None:
        """Send a signal to a process, and not to its children."""
        process.send_signal(number)

    def close(self) -> None:
        """End everything, children too."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
