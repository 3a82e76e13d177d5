"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.quality.comparison import REFERENCES, differences
from benchmarks.quality.interval import interval
from benchmarks.quality.jobs import QualityJob
from benchmarks.quality.measure import MEASURES, value_of
from benchmarks.quality.rows import Row

VERSION = 2


def summary(rows: Sequence[Row], jobs: Sequence[QualityJob], model: str, weights: str) -> dict[str, Any]:
    """Sum up all jobs that are done.

    Returns
    -------
    dict
        ``rows``: by name the description, preset, overrides, number of jobs, and every measure's mean with its 95 %
        interval; under ``objects`` and ``colours`` the same for each of them, and under ``against_paper`` what the row
        differs by from the published settings. A measure that a job does not have, such as the Janus rate of an object
        without a front, is left out of its mean.
    """
    names = [row.name for row in rows]
    reference = next((name for name in REFERENCES if name in names), None)
    return {
        "version": VERSION,
        "model": {"source": model, "sha256": weights},
        "measures": MEASURES,
        "rows": {row.name: _row(row, jobs, reference) for row in rows},
    }


def _row(row: Row, jobs: Sequence[QualityJob], reference: str | None) -> dict[str, Any]:
    planned = [job for job in jobs if job.row == row.name]
    done = [(job, figures) for job in planned if (figures := job.figures()) is not None]
    told: dict[str, Any] = {
        "description": row.description,
        "preset": row.preset,
        "set": list(row.set),
        "jobs": len(done),
        "planned": len(planned),
        "seeds": sorted({job.spec.seed for job, _ in done}),
        **means([figures for _, figures in done]),
        "objects": _means_by([(job.name, figures) for job, figures in done]),
        "colours": _means_by([(job.colour, figures) for job, figures in done]),
    }
    if reference is not None and reference != row.name and (compared := differences(jobs, row.name, reference)):
        told["against_paper"] = compared
    return told


def _means_by(named: Sequence[tuple[str, Mapping[str, float | None]]]) -> dict[str, Any]:
    """The means of all figures of each name."""
    return {name: means([figures for other, figures in named if other == name]) for name in dict(named)}


def means(figures: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Return the mean of every measure with its interval, over those that have it."""
    found = {}
    for key in MEASURES:
        values = [value for of_one in figures if (value := value_of(of_one, key)) is not None]
        if values:
            found[key] = interval(values).rounded()
    return found


_COLUMNS = {
    "recognition": "recognised",
    "janus_rate": "Janus",
    "iou": "IoU",
    "iou_of_best_size": "IoU, best size",
    "chamfer": "chamfer",
    "fog": "fog",
    "floaters": "floaters",
    "hollowness": "hollow",
    "colour_error": "colour",
    "mesh_valid": "mesh",
    "evaluations": "evaluations",
    "seconds": "seconds",
}


def markdown(found: Mapping[str, Any]) -> str:
    """Return a table of the rows, one of what they differ by from Paper, and two of each row: objects, colours."""
    rows = found["rows"]
    parts = [table("setting", rows)]
    compared = {name: row["against_paper"] for name, row in rows.items() if "against_paper" in row}
    if compared:
        parts.append("Less Paper, on the same objects, colours and seeds:\n\n" + table("setting", compared))
    parts += [
        f"### {name}\n\n{row['description']}; {row['jobs']} jobs\n\n"
        + table("object", row["objects"])
        + "\n\n"
        + table("colour", row["colours"])
        for name, row in rows.items()
        if row["jobs"]
    ]
    return "\n\n".join(parts) + "\n"


def table(head: str, lines: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the means of `_COLUMNS` as a Markdown table, a line a name."""
    out = [f"| {head} | " + " | ".join(_COLUMNS.values()) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for name, means in lines.items():
        out.append(f"| {name} | " + " | ".join(_cell(means.get(key)) for key in _COLUMNS) + " |")
    return "\n".join(out)


def _cell(mean: Mapping[str, float] | None) -> str:
    if mean is None:
        return "-"
    if mean["mean"] >= 20:
        return f"{mean['mean']:.0f}"
    spread = (mean["high"] - mean["low"]) / 2
    return f"{mean['mean']:.2f}" + (f" ±{spread:.2f}" if mean["count"] > 1 and spread >= 0.005 else "")
