"""Coverage-guided fuzzing of every reader of outside data, with atheris.

::

    python -m tests.fuzz --minutes 10        (shared by all readers)
    python -m tests.fuzz --inputs 1000000    (in all)
    python -m tests.fuzz --reader job.json --minutes 1

A reader runs in a process of its own. An input that raises what it may not, or takes more than a second, is kept in
build/fuzz and printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEPT = Path("build/fuzz")
MEGABYTES = 2000
"""Of a whole process with torch in it; what a reader adds is measured by tests/fuzz/test_readers.py."""

SLOWEST_SECONDS = 1


def main() -> int:
    """Run it; 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=0, help="in all")
    parser.add_argument("--inputs", type=int, default=0, help="in all")
    parser.add_argument("--reader", help="this one alone")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if arguments.one:
        return _fuzz(arguments.one, rest)
    if not arguments.minutes and not arguments.inputs:
        parser.error("give --minutes or --inputs")
    from tests.fuzz.readers import readers

    names = [reader.name for reader in readers()]
    if arguments.reader and arguments.reader not in names:
        parser.error(f"--reader is {arguments.reader!r}; there are: " + ", ".join(names))
    chosen = [arguments.reader] if arguments.reader else names
    KEPT.mkdir(parents=True, exist_ok=True)
    total, faults, began = 0, 0, time.monotonic()
    for name in chosen:
        done, inputs, words = _run(name, arguments, len(chosen))
        total += inputs
        faults += done != 0
        print(f"{'ok  ' if done == 0 else 'FAIL'} {name}: {inputs} inputs", flush=True)
        if done:
            print(words, flush=True)
    print(f"{total} inputs to {len(chosen)} readers, {faults} with faults, {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


def _run(name: str, arguments: argparse.Namespace, share: int) -> tuple[int, int, str]:
    """Fuzz one reader in a process of its own; return its exit code, how many inputs it saw, and its last words."""
    with tempfile.TemporaryDirectory(prefix="sjc-fuzz-") as corpus:
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, corpus]
        command += [
            f"-artifact_prefix={KEPT}/{re.sub(r'[^a-z0-9.]+', '-', name.lower())}-",
            f"-rss_limit_mb={MEGABYTES}",
        ]
        command += [f"-timeout={SLOWEST_SECONDS + 4}", f"-report_slow_units={SLOWEST_SECONDS}", "-max_len=20000"]
        if arguments.minutes:
            command.append(f"-max_total_time={max(1, round(arguments.minutes * 60 / share))}")
        if arguments.inputs:
            command.append(f"-runs={-(-arguments.inputs // share)}")
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    told = done.stderr + done.stdout
    counts = [
        int(number)
        for number in re.findall(r"(?:Done (\d+) runs|^#(\d+))", told, re.MULTILINE)
        for number in number
        if number
    ]
    slow = "Slowest unit" in told
    return (done.returncode or int(slow)), max(counts, default=0), told[-3000:]


def _fuzz(name: str, rest: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["sjc_blender"]):
        from tests.fuzz.readers import readers
    reader = next(reader for reader in readers() if reader.name == name)
    corpus = Path(rest[0])
    for number, example in enumerate(reader.examples):
        (corpus / f"example{number}").write_bytes(example)
        reader.run(example)

    def one_input(content: bytes) -> None:
        reader.run(content)

    atheris.Setup([sys.argv[0], *rest], one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
