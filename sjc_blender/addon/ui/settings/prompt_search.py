# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggestions for prompts: earlier ones, and those of a small model's vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

from ....protocol.model_profile import vocabulary
from ....protocol.spec import subject_of
from ...jobs import job_queue, known_jobs

MOST = 60


def suggestions(settings: bpy.types.PropertyGroup, _context: bpy.types.Context, text: str) -> list[str]:
    """Return prompts that contain all words typed so far, the most recent first."""
    words = text.casefold().split()
    known = vocabulary(bpy.path.abspath(settings.model))  # type: ignore[attr-defined]  # of SJC_PG_settings
    candidates = [*_used(), *(known.examples() if known is not None else [])]
    fitting = (prompt for prompt in candidates if all(word in prompt.casefold() for word in words))
    return list(dict.fromkeys(fitting))[:MOST]


def _used() -> Iterable[str]:
    for job in reversed(job_queue.QUEUE.jobs):
        if job.spec.prompt.strip():
            yield job.spec.prompt.strip()
    for record in known_jobs.records:
        if record.subject != subject_of("", record.model):  # a job without a prompt is named after its model
            yield record.subject
