"""Every command line and every Python line of the documents runs in a real Blender as it stands, but with fewer steps.

What ran, and what did not and why, is listed at the end.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from sjc_blender.protocol.exit_codes import EXIT_FAILED, EXIT_OK
from tests.blender.documents import (
    ASKS_THE_ENGINE,
    BEFORE,
    MAY_FIND_FAULTS,
    NOT_RUN,
    OPENED,
    PYTHON_BEFORE,
    Documented,
    documented,
    reason_against,
    smaller,
)
from tests.blender.real_blender import REPOSITORY, STAND_IN, RealBlender, run, words_of

ITEMS = documented()
RUN = [item for item in ITEMS if not reason_against(item)]
ran: list[str] = []
"""For the summary, see conftest.py."""


@pytest.fixture(scope="module")
def engine() -> str:
    """Give the engine's Python: command lines of the documents make real jobs."""
    path = os.environ.get("SJC_ENGINE_PYTHON", "")
    assert Path(path).exists(), "SJC_ENGINE_PYTHON names the engine's Python"
    return path


def shell(blender: RealBlender, command: str, folder: Path, engine: str) -> str:
    """Run a command as the documents mean it; what it printed, or a failure of the test."""
    script = f"source {shlex.quote(str(REPOSITORY / 'scripts/documented_commands.sh'))}\n{command}\n"
    environment = blender.environment(engine) | {"repository": str(REPOSITORY), "BLENDER": shlex.join(blender.words)}
    done = run(["bash", "-euo", "pipefail", "-c", script], folder, environment, 540)
    allowed = {EXIT_OK, EXIT_FAILED} if re.search(MAY_FIND_FAULTS, command) else {EXIT_OK}
    assert done.returncode in allowed, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.mark.parametrize("page", dict.fromkeys(item.page for item in RUN))
def test_what_a_page_says_is_typed_runs(blender: RealBlender, engine: str, page: str) -> None:
    folder = blender.work / f"page {Path(page).stem}"
    folder.mkdir()
    items = [item for item in RUN if item.page == page]
    if any(item.language == "python" or ".blend" in item.text for item in items):
        shell(blender, "\n".join(smaller(line) for line in BEFORE.splitlines()), folder, engine)
    for item in items:
        if item.language == "python":
            _python(blender, item, folder, engine)
        else:
            shell(blender, smaller(item.text), folder, engine)
        ran.append(str(item))


def _python(blender: RealBlender, item: Documented, folder: Path, engine: str) -> None:
    asks = re.search(ASKS_THE_ENGINE, item.text)
    script = folder / f"line{item.line}.py"
    script.write_text(f"{OPENED if asks else PYTHON_BEFORE}\n{item.text}")
    program = engine if asks else STAND_IN
    done = blender.run("-b", "--python-exit-code", "1", "--python", str(script), cwd=folder, engine=program)
    assert done.returncode == 0, f"{item}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_there_are_lines_of_every_kind() -> None:
    assert {"docs/command-line.md", "docs/gallery.md", "--help"} <= {item.page for item in RUN}
    assert sum(item.language == "python" for item in RUN) >= 4
    assert any(item.text.startswith("python -m sjc_blender.engine") for item in RUN)


def test_what_is_not_run_is_still_there() -> None:
    for pattern, reason in NOT_RUN:
        assert any(re.search(pattern, item.text) for item in ITEMS), f"{pattern} ({reason}) excludes nothing"


def test_smaller_is_the_same_command() -> None:
    text = smaller('blender -b a.blend --command sjc generate --prompt "a red chair" --preset high --out job')
    assert text.endswith('--prompt "a red chair" --preset draft --out job') and "--steps 2" in text
    assert words_of("SJC_NOTHING") == []
