import numpy as np
import pytest

from training.dataset import NAMES, Views
from training.tracing import Camera, shade


@pytest.fixture(scope="session")
def traced_duck() -> Views:
    base, mask = shade("duck", [Camera(40, 20)])
    return Views(
        np.array([NAMES.index("duck")]),
        np.array([[40, 20, 2, 55]], np.float32),
        (base * 255).astype(np.uint8),
        (mask * 255).astype(np.uint8),
    )
