"""A studio's pipeline in processes of their own, each with the bpy module for a Blender."""

import os
import sys
from pathlib import Path

import pytest

from tests.studio.pipeline import Studio, run_pipeline, run_two_at_once

PROGRAM = Path(__file__).parents[2] / "studio" / "as_program.py"
ROUNDS = int(os.environ.get("SJC_STUDIO_ROUNDS", "1"))


@pytest.fixture
def studio(tmp_path):
    own = {"SJC_ENGINE_PYTHON": "stand-in", "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    return Studio(tmp_path / "project", [sys.executable, str(PROGRAM)], os.environ | own)


def test_from_a_table_to_a_shot_and_on(studio):
    run_pipeline(studio)


def test_two_batches_at_once_have_their_own_objects(studio):
    run_two_at_once(studio, ROUNDS, lambda folder: Studio(folder, studio.blender, studio.environment))
