"""A story in a window of a real Blender: steps that a timer takes one after the other, and what came of them.

Run inside Blender by the scripts beside it, each of which is started with ``-- FOLDER`` and writes
``outcome.json`` there.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])
EXTENSION = "bl_ext.user_default.sjc_blender"


def until(condition: Callable[[], Any], why: str, seconds: float) -> Iterator[float]:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain until {why}")
        yield 0.05


def tell(steps: Iterator[float], outcome: dict[str, Any]) -> None:
    """Take the steps in a timer that outlives the loading of files, write the outcome, and end Blender."""

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            pass
        except Exception:  # the border: Blender would stand there for ever
            outcome["trouble"] = traceback.format_exc()
        (FOLDER / "outcome.json").write_text(json.dumps(outcome, indent=1) + "\n", "utf-8")
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(tick, first_interval=2.0, persistent=True)
