"""The Janus problem: an object that shows its front where another side should be.

https://arxiv.org/abs/2212.00774 names it in section 6. A view counts when the recogniser is sure that it shows a side
further from the true one than neighbours are from each other. Sure, because some sides can hardly be told apart even of
the true shape: the mug's with the handle hidden from that with the handle in front.

Such a view need not show a second front: an object without a face shows its back from everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOLERANCE = 60.0
"""Degrees."""

SURE = 0.9
"""Least probability."""


def apart(first: Tensor, second: Tensor) -> Tensor:
    """Angles in 0..180 degrees between directions in degrees."""
    return ((first - second + 180.0) % 360.0 - 180.0).abs()


def is_turned(sectors: Tensor, true: Tensor) -> Tensor:
    """Which views show another side.

    Parameters
    ----------
    sectors : Tensor [n, sectors]
        Probability of each sector of azimuth; the first is centred at 0.
    true : Tensor [n]
        Degrees.

    Returns
    -------
    Tensor
        Booleans ``[n]``.
    """
    centres = torch.arange(sectors.shape[1]) * (360.0 / sectors.shape[1])
    elsewhere = apart(centres, true[:, None]) > TOLERANCE
    return (sectors * elsewhere).sum(dim=1) >= SURE


def is_turned_at_best(sectors: Tensor, true: Tensor) -> Tensor:
    """Which views show another side, of an object that may face anywhere as a whole.

    An object that faces elsewhere has one front all the same. Of all directions by whole sectors, its front is where
    the fewest views are turned; arguments and return as of `is_turned`.
    """
    fronts = torch.arange(sectors.shape[1]) * (360.0 / sectors.shape[1])
    return min((is_turned(sectors, true - front) for front in fronts), key=lambda turned: int(turned.sum()))


def shows_front(sectors: Tensor, true: Tensor) -> Tensor:
    """Which views show the front although the camera looks at another side; arguments and return as of `is_turned`."""
    centres = torch.arange(sectors.shape[1]) * (360.0 / sectors.shape[1])
    front = torch.zeros(())
    seen = (sectors * (apart(centres, front) <= TOLERANCE)).sum(dim=1)
    return (seen >= SURE) & (apart(true, front) > TOLERANCE)
