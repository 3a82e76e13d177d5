"""Stands in for the engine where a farm itself is tested: the same protocol, some milliseconds a job.

    stub_engine.py JOB_DIR

A job of n steps counts to n, keeps its count in its checkpoint every few steps, and writes a result that depends on its
seed alone. It appends a line to ``log.txt`` whenever it computes a result, so that a test can count.
"""

import fcntl
import json
import os
import select
import sys
import time
from pathlib import Path


def tell(**event: object) -> None:
    """Tell an event."""
    print(json.dumps(event), flush=True)


def main(folder: Path) -> int:
    """Run the job."""
    lock = (folder / "engine.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        tell(event="error", code="engine_busy", message="busy", hint="")
        return 1
    spec = json.loads((folder / "job.json").read_text())
    steps, every = spec["optimisation"]["steps"], spec["optimisation"]["checkpoint_every"]
    pause = float(os.environ.get("STUB_SECONDS", "0"))
    checkpoint = folder / "checkpoint.safetensors"
    step = int(checkpoint.read_text()) if checkpoint.exists() else 0
    tell(event="phase", name="optimising")
    failing = os.environ.get("STUB_FAILS", "")
    if failing and failing in spec["prompt"]:
        tell(event="error", code="stub_failed", message="It was to fail.", hint="")
        return 1
    while step < steps:
        step += 1
        time.sleep(pause)
        readable, _, _ = select.select([0], [], [], 0)
        stop = bool(readable)  # a command, or the end of the pipe
        if stop or step % every == 0:
            write(checkpoint, str(step))
        if stop:
            tell(event="cancelled", step=step)
            return 3
        tell(event="progress", step=step, total=steps)
    with (folder / "log.txt").open("a") as log:
        log.write("computed\n")
    result = folder / "result"
    result.mkdir(exist_ok=True)
    for name in ("field.npz", "mesh.npz", "metrics.json"):
        write(result / name, f"{name} of seed {spec['seed']} after {step} steps")
    tell(event="result", files={"field": "result/field.npz"}, metrics={})
    return 0


def write(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
