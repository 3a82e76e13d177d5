"""How long a farm takes, what it stores, and what failures cost, by simulation from measured figures.

::

    python -m benchmarks.farm.simulate --jobs 1000 --workers 20 --job-seconds 44 --folder-mb 39

Each worker runs one job at a time. Failures come to it as a Poisson process; one costs the time since the last
checkpoint, and a restart. The mean of the runs stands beside the closed form for many jobs (`expected_hours`).
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Farm:
    """What a farm is like.

    Attributes
    ----------
    jobs, workers : int
    job_seconds : float
        Of one job, start and end included.
    checkpoint_seconds : float
        Between two checkpoints.
    restart_seconds : float
        From a failure to the first step of the job that goes on.
    failure_seconds : float
        Mean time between two failures of one worker.
    folder_mb : float
        Of a finished job.
    """

    jobs: int
    workers: int
    job_seconds: float
    checkpoint_seconds: float
    restart_seconds: float
    failure_seconds: float
    folder_mb: float


@dataclass(frozen=True)
class Outcome:
    """What came of it: hours from the first job to the last, failures, share of the workers' time lost, gigabytes."""

    hours: float
    failures: float
    lost_share: float
    gigabytes: float


def simulated(farm: Farm, seed: int) -> Outcome:
    """Run every job once through."""
    chance = random.Random(seed)
    free = [(0.0, worker) for worker in range(farm.workers)]
    heapq.heapify(free)
    fails_at = [chance.expovariate(1 / farm.failure_seconds) for _ in range(farm.workers)]
    failures, lost, end = 0, 0.0, 0.0
    for _ in range(farm.jobs):
        now, worker = heapq.heappop(free)
        left = farm.job_seconds
        while fails_at[worker] < now + left:
            done = max(0.0, fails_at[worker] - now)
            kept = done - done % farm.checkpoint_seconds
            lost += done - kept + farm.restart_seconds
            left -= kept
            now = max(now, fails_at[worker]) + farm.restart_seconds
            fails_at[worker] = now + chance.expovariate(1 / farm.failure_seconds)
            failures += 1
        now += left
        end = max(end, now)
        heapq.heappush(free, (now, worker))
    worked = farm.jobs * farm.job_seconds
    return Outcome(end / 3600, failures, lost / worked, farm.jobs * farm.folder_mb / 1000)


def expected_hours(farm: Farm) -> float:
    """Closed form for many jobs: half a checkpoint's interval and a restart are lost at each failure."""
    lost = farm.checkpoint_seconds / 2 + farm.restart_seconds
    return farm.jobs * farm.job_seconds / farm.workers * (1 + lost / farm.failure_seconds) / 3600


def main() -> None:
    """Print the mean of some runs beside the closed form."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.farm.simulate", description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--job-seconds", type=float, default=44.0)
    parser.add_argument("--checkpoint-seconds", type=float, default=10.0)
    parser.add_argument("--restart-seconds", type=float, default=10.0)
    parser.add_argument("--days-between-failures", type=float, default=2.0, help="of one worker")
    parser.add_argument("--folder-mb", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    farm = Farm(
        arguments.jobs,
        arguments.workers,
        arguments.job_seconds,
        arguments.checkpoint_seconds,
        arguments.restart_seconds,
        arguments.days_between_failures * 86400,
        arguments.folder_mb,
    )
    outcomes = [asdict(simulated(farm, seed)) for seed in range(arguments.runs)]
    means = {name: round(statistics.mean(outcome[name] for outcome in outcomes), 4) for name in outcomes[0]}
    print(json.dumps({"farm": asdict(farm), "mean": means, "expected_hours": round(expected_hours(farm), 4)}, indent=2))


if __name__ == "__main__":
    main()
