import os
from pathlib import Path

import pytest

from tests.blender.real_blender import RealBlender, words_of


@pytest.fixture(scope="session")
def package() -> Path:
    """Give the zip that `make package` built."""
    return Path(os.environ["SJC_PACKAGE"]).resolve()


@pytest.fixture(scope="session")
def blender(package) -> RealBlender:
    """Give the Blender program with the zip installed."""
    words = words_of("SJC_BLENDER")
    if not words:
        pytest.skip("SJC_BLENDER names no Blender program; test-addon-* run the same commands in the module")
    made = RealBlender(words, os.environ.get("SJC_BLENDER_WORK", "commands"))
    made.install(package)
    return made


def pytest_terminal_summary(terminalreporter) -> None:
    """List what ran of the documents, and what did not and why."""
    from tests.blender import test_documents as documents

    if not documents.ran:
        return
    terminalreporter.section("of the documents ran")
    for line in documents.ran:
        terminalreporter.line(line)
    terminalreporter.section("of the documents did not run")
    for item in documents.ITEMS:
        reason = documents.reason_against(item)
        if reason:
            terminalreporter.line(f"{item}\n    {reason}")
