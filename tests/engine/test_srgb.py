"""sRGB and linear light: the standard's own values, round trips, pictures on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sjc_blender.engine.image_files.srgb import from_linear, to_bytes, to_linear, write_png
from sjc_blender.protocol.errors import SjcError


def test_known_values_of_the_standard() -> None:
    # 0.5 and 0.735357 are a well-known pair; 0.04045 and 0.0031308 are where the curve's two pieces meet.
    linear = torch.tensor([0.0, 0.0031308, 0.5, 1.0], dtype=torch.float64)
    srgb = torch.tensor([0.0, 0.0404499, 0.735357, 1.0], dtype=torch.float64)
    torch.testing.assert_close(from_linear(linear), srgb, atol=1e-6, rtol=0)
    torch.testing.assert_close(to_linear(srgb), linear, atol=1e-6, rtol=0)


def test_every_byte_survives_the_round_trip() -> None:
    values = torch.arange(256) / 255
    assert to_bytes(from_linear(to_linear(values))).tolist() == list(range(256))


def test_values_outside_the_range_are_clamped() -> None:
    beyond = torch.tensor([-0.5, 1.5])
    torch.testing.assert_close(from_linear(beyond), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(to_linear(beyond), torch.tensor([0.0, 1.0]))
    assert to_bytes(beyond).tolist() == [0, 255]


def test_a_picture_comes_back_with_its_rows_and_channels_in_place(tmp_path: Path) -> None:
    image = torch.zeros(3, 2, 4)
    image[0, 0, :] = 1.0  # the top row red
    image[2, 1, 3] = 0.5  # the last pixel of the bottom row half blue
    write_png(tmp_path / "p.png", image)
    pixels = np.asarray(Image.open(tmp_path / "p.png"))
    assert pixels.shape == (2, 4, 3)
    assert pixels[0, 2].tolist() == [255, 0, 0]
    assert pixels[1, 3].tolist() == [0, 0, 128]


def test_a_folder_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SjcError) as told:
        write_png(tmp_path / "missing" / "p.png", torch.zeros(3, 2, 2))
    assert told.value.code == "folder_not_writable"
    assert "missing" in told.value.message
