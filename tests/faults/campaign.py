"""Fails every change of a job's folder in turn, and kills jobs at any time: nothing may be lost.

::

    python -m tests.faults.campaign                              (each call on each file: first, middle, last)
    python -m tests.faults.campaign --calls all                  (every system call that changes anything: hours)
    python -m tests.faults.campaign --kills 3 --calls 12         (some)
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import shim

if TYPE_CHECKING:
    from .trial import Campaign

KINDS = {
    "ENOSPC, and the disk stays full": (errno.ENOSPC, True),
    "ENOSPC": (errno.ENOSPC, False),
    "EIO": (errno.EIO, False),
    "EACCES": (errno.EACCES, False),
    "SIGKILL": (-signal.SIGKILL, False),
    "SIGTERM": (-signal.SIGTERM, False),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaign; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="runs killed at random times")
    parser.add_argument(
        "--calls", default="distinct", metavar="N", help="for each kind of fault: all, distinct, or N of the distinct"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if "faults.so" not in os.environ.get("LD_PRELOAD", ""):
        return _again_with_shim(argv)
    with tempfile.TemporaryDirectory(prefix="sjc-faults-") as root:
        return _run(Path(root).resolve(), arguments)


def _again_with_shim(argv: Sequence[str] | None) -> int:
    reason = shim.missing()
    if reason:
        print(f"Not run: {reason}.")
        return 1
    with tempfile.TemporaryDirectory(prefix="sjc-shim-") as folder:
        os.environ |= {"LD_PRELOAD": str(shim.built(Path(folder))), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return os.spawnv(  # the folder goes when it ends
            os.P_WAIT, sys.executable, [sys.executable, "-m", "tests.faults.campaign", *(argv or sys.argv[1:])]
        )


def _run(root: Path, arguments: argparse.Namespace) -> int:
    from sjc_blender.protocol import presets
    from tests.engine.tiny_pipeline import save_tiny_pipeline

    from .trial import Campaign, Fault

    began = time.monotonic()
    spec = presets.new_job(
        "a red chair",
        model=str(save_tiny_pipeline(root / "model", "v_prediction")),
        field={"resolution": 12},
        outputs={"colour_views": 4},
        optimisation={"steps": 12, "guidance_scale": 3.0, "checkpoint_every": 4, "emptiness_weight": 0},
    )
    campaign = Campaign(spec, root / "jobs")
    changes, distinct = len(campaign.changes), len(campaign.distinct_calls())
    print(f"A job makes {changes} changes to its folder, of {distinct} kinds, in {campaign.whole.seconds:.1f} s.")
    lost: list[str] = []
    done: Counter[str] = Counter()
    for kind, (what, stays) in KINDS.items():
        for call in _calls(campaign, arguments.calls):
            done[kind] += 1
            try:
                campaign.trial(Fault(call, what, stays), errors=what > 0)
            except AssertionError as error:
                lost.append(f"{kind} at change {call}: {error}")
                print(f"LOST: {lost[-1]}", flush=True)
        print(f"{kind}: {done[kind]} calls, {time.monotonic() - began:.0f} s", flush=True)
    killed = 0
    try:
        killed = campaign.kills(arguments.kills, arguments.seed) if arguments.kills else 0
    except AssertionError as error:
        lost.append(f"random kills: {error}")
        print(f"LOST: {lost[-1]}", flush=True)
    print(f"{sum(done.values())} injected faults, {killed} kills, {len(lost)} lost, {time.monotonic() - began:.0f} s")
    return 1 if lost else 0


def _calls(campaign: Campaign, wanted: str) -> list[int]:
    """Which changes of a job a fault happens at."""
    if wanted == "all":
        return list(range(1, len(campaign.changes) + 1))
    distinct = campaign.distinct_calls()
    if wanted == "distinct":
        return distinct
    count = min(int(wanted), len(distinct))
    return [distinct[round(index * (len(distinct) - 1) / max(1, count - 1))] for index in range(count)]


if __name__ == "__main__":
    sys.exit(main())
