"""What there is to do: a job for every object, colour and seed of every row, each in a folder of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.measure import MEASURES
from benchmarks.quality.rows import Row
from sjc_blender.protocol import codec
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.model_families import local_model
from sjc_blender.protocol.profile_content import Vocabulary
from sjc_blender.protocol.spec import JobSpec


@dataclass(frozen=True)
class QualityJob:
    """One object to make and to measure.

    Attributes
    ----------
    row, name, colour : str
    spec : JobSpec
    path : Path
        Its folder, named after the row and the object and by a digest of the whole spec and of the model's weights:
        a row that has changed, or another prior, never finds the results of the one before.
    """

    row: str
    name: str
    colour: str
    spec: JobSpec
    path: Path

    @property
    def folder(self) -> JobFolder:
        """The job's folder."""
        return JobFolder(self.path)

    def figures(self) -> dict[str, Any] | None:
        """What was measured, or None if the job is not done."""
        path = self.path / "quality.json"
        if not path.exists():
            return None
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return figures

    def measured(self) -> bool:
        """Whether there is nothing left to make or to measure."""
        figures = self.figures()
        return figures is not None and (figures["failed"] == 1 or set(MEASURES) <= set(figures))


def planned(
    rows: Sequence[Row],
    vocabulary: Vocabulary,
    out: Path,
    *,
    objects: Sequence[str],
    colours: int,
    seeds: Sequence[int],
    model: str,
) -> list[QualityJob]:
    """List the jobs, the rows taking turns so that they may be compared before all is done.

    Parameters
    ----------
    rows : sequence of Row
    vocabulary : Vocabulary
        Of the model.
    out : Path
    objects : sequence of str
    colours : int
        How many an object is made in: the n-th object begins with the n-th colour, and seeds go on from there. A row
        may have fewer of both.
    seeds : sequence of int
    model : str
    """
    weights = weights_digest(model)
    jobs = []
    for turn, seed in enumerate(seeds):
        for name in objects:
            for offset in range(colours):
                for row in rows:
                    count = min(colours, row.colours or colours)
                    if offset >= count or turn >= (row.seeds or len(seeds)):
                        continue
                    place = vocabulary.objects.index(name) + turn * count + offset
                    colour = vocabulary.colours[place % len(vocabulary.colours)]
                    prompt = vocabulary.template.format(colour=colour, object=name)
                    spec = row.spec(prompt, seed, model)
                    jobs.append(quality_job(row.name, name, colour, spec, out, weights))
    return jobs


def quality_job(row: str, name: str, colour: str, spec: JobSpec, out: Path, weights: str) -> QualityJob:
    """The job of a spec, in its folder below `out`; `weights` as `weights_digest` gives them."""
    digest = hashlib.sha256((weights + json.dumps(codec.encode(spec))).encode()).hexdigest()[:8]
    return QualityJob(row, name, colour, spec, out / row / f"{name}-{colour}-{spec.seed}-{digest}")


def weights_digest(model: str) -> str:
    """SHA-256 of all weights of a model folder."""
    folder = local_model(model)
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")) if folder is not None else []:
        digest.update(path.read_bytes())
    return digest.hexdigest()
