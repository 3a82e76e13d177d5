"""A farm of local processes under kills and restarts, and how much it can carry.

::

    python -m benchmarks.farm --jobs 1000 --kills 200 --restarts 5
    python -m benchmarks.farm --jobs 10000 --workers 2 --kills 0 --restarts 0
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from .local_farm import LocalFarm, stub_job


def main() -> int:
    """Run it; 0 if every job has its result, computed once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.farm", description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=200, help="workers killed at random times, by SIGKILL and SIGTERM")
    parser.add_argument("--restarts", type=int, default=5, help="of the scheduler, killed by SIGKILL")
    parser.add_argument("--step-seconds", type=float, default=0.0, help="time of one of a stub job's ten steps")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the figures go, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sjc-farm-bench-") as folder:
        figures = _measure(Path(folder), arguments)
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    return 0 if figures["done"] == figures["computed_once"] == arguments.jobs else 1


def _measure(root: Path, arguments: argparse.Namespace) -> dict[str, float]:
    began = time.monotonic()
    jobs = [stub_job(root / "jobs" / f"job{index:05d}", index, steps=10) for index in range(arguments.jobs)]
    laid = time.monotonic() - began
    farm = LocalFarm(root / "farm", STUB_SECONDS=str(arguments.step_seconds))
    told: dict[str, dict[str, object]] = {}
    try:
        farm.serve()
        farm.join(arguments.workers)
        began = time.monotonic()
        submission = threading.Thread(target=lambda: told.update(farm.submit(jobs, timeout=6 * 3600)))
        submission.start()
        trouble = _Trouble(farm, arguments)
        status, memory = 0.0, 0.0
        while submission.is_alive():
            trouble.happen()
            memory = max(memory, _resident(farm.scheduler.pid if farm.scheduler else 0))
            submission.join(0.05)
        seconds = time.monotonic() - began
        asked = time.monotonic()
        farm.run("status", "--scheduler", farm.address, "--json")
        status = time.monotonic() - asked
    finally:
        farm.close()
    done = [job for job in jobs if job.metrics.exists()]
    once = [job for job in done if job.log_path.read_text().count("computed\n") == 1]
    return {
        "jobs": arguments.jobs,
        "workers": arguments.workers,
        "done": len(done),
        "computed_once": len(once),
        "told_done": sum(entry["state"] == "done" for entry in told.values()),
        "kills": trouble.kills,
        "restarts": trouble.restarts,
        "seconds_to_lay": round(laid, 1),
        "seconds": round(seconds, 1),
        "jobs_per_second": round(arguments.jobs / seconds, 2),
        "scheduler_mb": round(memory / 1e6),
        "status_seconds": round(status, 2),
    }


class _Trouble:
    """Kills workers and the scheduler while jobs run, evenly over the time that they are thought to take."""

    def __init__(self, farm: LocalFarm, arguments: argparse.Namespace) -> None:
        self.farm = farm
        self.wanted_kills, self.wanted_restarts = arguments.kills, arguments.restarts
        self.kills = self.restarts = 0
        self._chance = random.Random(0)
        self._next = time.monotonic() + 2

    def happen(self) -> None:
        """Do what is due."""
        if time.monotonic() < self._next or self.kills >= self.wanted_kills:
            return
        index = self._chance.randrange(len(self.farm.workers))
        self.farm.kill(self.farm.workers[index], signal.SIGKILL if self.kills % 2 else signal.SIGTERM)
        self.kills += 1
        self.farm.join(1)
        self.farm.workers[index] = self.farm.workers.pop()
        if self.restarts < self.wanted_restarts * self.kills // max(self.wanted_kills, 1):
            assert self.farm.scheduler is not None
            self.farm.kill(self.farm.scheduler)
            self.farm.scheduler.wait()
            self.farm.serve()
            self.restarts += 1
        self._next = time.monotonic() + self._chance.uniform(0.5, 3.0)


def _resident(pid: int) -> float:
    """Resident memory of a process in bytes; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0.0
    return int(fields[1]) * 4096.0


if __name__ == "__main__":
    sys.exit(main())
