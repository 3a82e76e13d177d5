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
    made = RealBlender(words, "commands")
    made.install(package)
    return made
