# SPDX-License-Identifier: GPL-3.0-or-later
"""``farm status``: which workers and jobs a farm has."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import Any

from ..protocol.exit_codes import EXIT_OK
from .connection import connection
from .submission import connected_client


def show_status(arguments: argparse.Namespace) -> int:
    """Print the workers and jobs of a farm."""
    client = connected_client(connection(arguments.scheduler, arguments.keys))
    try:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        jobs: dict[str, str] = client.run_on_scheduler(jobs_by_state)
    finally:
        client.close(timeout=2)
    told = [
        {
            "name": str(worker["name"]),
            "address": address,
            "version": worker.get("sjc", {}).get("version", ""),
            "models": worker.get("sjc", {}).get("models", []),
            "memory_bytes": worker["metrics"].get("host_memory", 0) or worker.get("memory_limit") or 0,
        }
        for address, worker in workers.items()
    ]
    counts = Counter(jobs.values())
    if arguments.json:
        print(json.dumps({"workers": told, "jobs": jobs}, ensure_ascii=False))
        return EXIT_OK
    for worker in told:
        print(f"{worker['name']}: sjc_blender {worker['version']}, {len(worker['models'])} models, {worker['address']}")
    print(f"{len(told)} workers, {counts['running']} jobs running, {counts['waiting']} waiting")
    return EXIT_OK


def jobs_by_state(dask_scheduler: Any) -> dict[str, str]:
    """Return the jobs that the scheduler knows, running or waiting; called by `Client.run_on_scheduler`."""
    states = {"processing": "running", "queued": "waiting", "no-worker": "waiting", "waiting": "waiting"}
    return {
        str(key).removeprefix("sjc-").rpartition("-")[0]: states[task.state]
        for key, task in dask_scheduler.tasks.items()
        if str(key).startswith("sjc-") and task.state in states
    }
