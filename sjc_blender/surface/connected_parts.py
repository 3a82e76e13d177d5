# SPDX-License-Identifier: GPL-3.0-or-later
"""What hangs together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.integer[Any]]


def connected_parts(count: int, links: Indices) -> npt.NDArray[np.int64]:
    """Number, from 0 on, of the connected part that each of `count` things belongs to; `links` [M, 2] join two."""
    root = np.arange(count)
    while len(links):
        # Every part takes the lowest number that it touches, and hands it on.
        np.minimum.at(root, links.max(axis=1), links.min(axis=1))
        while not np.array_equal(root, root[root]):
            root = root[root]
        links = root[links]
        links = links[links[:, 0] != links[:, 1]]
    return np.asarray(np.unique(root, return_inverse=True)[1]).ravel()
