"""A studio's pipeline in a real Blender, with the zip installed where the add-on is needed."""

from __future__ import annotations

import os

from tests.blender.real_blender import RealBlender
from tests.studio.pipeline import Studio, run_pipeline, run_two_at_once

ROUNDS = int(os.environ.get("SJC_STUDIO_ROUNDS", "1"))


def test_from_a_table_to_a_shot_and_on(blender: RealBlender) -> None:
    run_pipeline(Studio(blender.work / "studio" / "project", blender.words, blender.environment()))


def test_two_batches_at_once_have_their_own_objects(blender: RealBlender) -> None:
    studio = Studio(blender.work / "two at once", blender.words, blender.environment())
    run_two_at_once(studio, ROUNDS, lambda folder: Studio(folder, studio.blender, studio.environment))
