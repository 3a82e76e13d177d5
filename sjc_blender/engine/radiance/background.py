# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned background: a small texture on the sphere of directions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

ROWS = 4
COLUMNS = 4


class LatLongTexture(nn.Module):
    """A bilinear texture over directions, rows along latitude, columns along longitude.

    Continuous everywhere: columns wrap around, and between the outermost row and the pole the columns
    blend into their mean. The poles lie on the world's Z, so that the texture can tell sky from ground.
    The paper's texture has the same size (https://github.com/pals-ttic/sjc, `bg_texture_hw=4`), but a
    dark seam and a pole on a horizontal axis.

    Parameters
    ----------
    colour : sequence of float
        One value for each channel, at which every texel starts.
    """

    def __init__(self, channels: int, colour: Sequence[float]) -> None:
        super().__init__()
        start = torch.tensor(colour, dtype=torch.float32)
        self.texels = nn.Parameter(start.expand(ROWS * COLUMNS, channels).clone())

    def forward(self, directions: Tensor) -> Tensor:
        """Look the texture up.

        Parameters
        ----------
        directions : Tensor [N, 3]
            Of any length above 0, away from the camera.

        Returns
        -------
        Tensor [N, C]
        """
        return texel_weights(directions) @ self.texels


def texel_weights(directions: Tensor) -> Tensor:
    """Weights [N, ROWS * COLUMNS] of the texels in each direction; they sum to 1."""
    x, y, z = directions.unbind(-1)
    latitude = torch.atan2(z, torch.hypot(x, y))
    longitude = torch.atan2(y, x)
    # In texels, with texel centres at whole numbers.
    row = (0.5 - latitude / math.pi) * ROWS - 0.5
    column = longitude / (2 * math.pi) * COLUMNS

    row_centres = torch.arange(ROWS, dtype=row.dtype, device=row.device)
    row_weight = (1 - (row.clamp(0, ROWS - 1)[:, None] - row_centres).abs()).clamp(min=0)

    column_centres = torch.arange(COLUMNS, dtype=row.dtype, device=row.device)
    distance = (column[:, None] - column_centres + COLUMNS / 2) % COLUMNS - COLUMNS / 2
    column_weight = (1 - distance.abs()).clamp(min=0)
    beyond_last_row = torch.maximum(-row, row - (ROWS - 1)).clamp(0, 0.5)[:, None] / 0.5
    column_weight = torch.lerp(column_weight, torch.full_like(column_weight, 1 / COLUMNS), beyond_last_row)
    return (row_weight[:, :, None] * column_weight[:, None, :]).flatten(1)
