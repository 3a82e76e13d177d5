"""One part of the benchmark on one device: ``python -m benchmarks.speed.part NAME --out FILE``."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sjc_blender.engine.this_process.allocation import keep_freed_memory

from .findings import Findings

THREADS = {
    "renderer": 1,
    "threads": 2,
    "growth": 1,
    "start_up": None,
    "steps": None,
    "jobs": None,
    "full_size": None,
    "blender": None,
}
"""The parts, each a module with a function ``measure``, and how many threads they have; None: as many as cores."""

ON_GPU = ("renderer", "growth", "start_up", "steps", "jobs", "full_size")
"""Parts that are measured on a GPU too, if there is one."""


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes
    ----------
    device : str
        ``"cpu"`` or ``"cuda"``.
    quick : bool
        Only see whether everything runs: tiny sizes, few rounds; the figures mean nothing.
    reference : Path or None
        A checkout of the authors' code.
    """

    device: str = "cpu"
    quick: bool = False
    reference: Path | None = None

    def arguments(self) -> Sequence[object]:
        """The plan as `main` takes it."""
        reference = ["--reference", self.reference] if self.reference else []
        return ["--device", self.device, *(["--quick"] if self.quick else []), *reference]


def main() -> None:
    """Measure one part and write its findings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=THREADS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    keep_freed_memory()
    module = importlib.import_module(f"{__package__}.{arguments.name}")
    findings: Findings = module.measure(Plan(arguments.device, arguments.quick, arguments.reference))
    arguments.out.write_text(json.dumps(findings.encoded()), encoding="utf-8")


if __name__ == "__main__":
    main()
