"""Previews of models with few pixels are large enough to look at."""

from __future__ import annotations

import pytest
import torch

from sjc_blender.engine.results.enlarging import enlarged


def test_a_small_picture_is_enlarged_to_256_pixels_and_stays_the_same_picture() -> None:
    picture = torch.full((3, 48, 48), 0.5)
    picture[0, :24] = 1.0
    larger = enlarged(picture)
    assert larger.shape == (3, 256, 256)
    assert float(larger.min()) >= 0.0 and float(larger.max()) <= 1.0, "bicubic weights overshoot at an edge"
    assert torch.allclose(larger[0, :100], torch.ones(())) and torch.allclose(larger[0, 156:], torch.tensor(0.5))
    assert torch.allclose(larger[1:], torch.tensor(0.5))


@pytest.mark.parametrize("side", [256, 512])
def test_a_picture_that_is_large_enough_stays_as_it_is(side: int) -> None:
    picture = torch.rand(3, side, side)
    assert enlarged(picture) is picture
