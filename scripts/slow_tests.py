# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the list of slow tests, which `make test-quick` leaves out, from the durations that pytest told.

``make test PYTEST_ARGS="--durations=0 --durations-min=0.1"``, then ``python scripts/slow_tests.py
build/logs/test-*.log``. A test is slow with all of its parameters where one of them takes `SECONDS` or more.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SECONDS = 0.3
LIST = Path(__file__).resolve().parent.parent / "tests" / "slow_tests.txt"
LINE = re.compile(r"^\s*([\d.]+)s (?:call|setup|teardown)\s+(tests/\S+?\.py::\w+)(\S*)", re.MULTILINE)


def slow_tests(logs: Iterable[str]) -> list[str]:
    """Return the slow tests of pytest's logs, by file and function."""
    taken: Counter[tuple[str, str]] = Counter()
    for log in logs:
        for seconds, function, parameters in LINE.findall(log):
            taken[function, parameters] += float(seconds)
    return sorted({function for (function, _), seconds in taken.items() if seconds >= SECONDS})


if __name__ == "__main__":
    found = slow_tests(Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:])
    LIST.write_text("".join(f"{name}\n" for name in found), encoding="utf-8")
