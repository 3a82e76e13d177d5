import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def package() -> Path:
    """Return the zip that `make package` built."""
    return Path(os.environ["SJC_PACKAGE"])
