"""What a job costs, over interruptions: kept in its folder whenever its checkpoint is."""

from __future__ import annotations

import json
import time
from pathlib import Path

from benchmarks.quality.counted_model import CountedModel
from sjc_blender.protocol import atomic_write, events


class Cost:
    """Processor seconds and network evaluations of a job from its first step on.

    Parameters
    ----------
    path : Path
        Where they are kept.
    model : CountedModel
    resumed : bool
        Whether the job goes on from a checkpoint, and so the cost from what is kept.
    """

    def __init__(self, path: Path, model: CountedModel, *, resumed: bool) -> None:
        kept = json.loads(path.read_text(encoding="utf-8")) if resumed and path.exists() else {}
        self._path, self._model = path, model
        self._before = {"evaluations": kept.get("evaluations", 0.0), "seconds": kept.get("seconds", 0.0)}
        self._first, self._began = model.evaluations, time.process_time()

    def figures(self) -> dict[str, float]:
        """The cost so far."""
        return {
            "evaluations": self._before["evaluations"] + self._model.evaluations - self._first,
            "seconds": self._before["seconds"] + time.process_time() - self._began,
        }

    def __call__(self, event: events.Event) -> None:
        """Hear what the engine reports."""
        if isinstance(event, events.CheckpointSaved):
            atomic_write.write_text(self._path, json.dumps(self.figures()) + "\n")
