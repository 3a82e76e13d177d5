# SPDX-License-Identifier: GPL-3.0-or-later
"""Connected components of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.integer[Any]]


def connected_parts(count: int, links: Indices) -> npt.NDArray[np.int64]:
    """Return the component, numbered from 0, of each of `count` nodes; `links` [M, 2] are the edges."""
    root = np.arange(count)
    while len(links):
        # Every component takes the lowest number among its neighbours, until nothing changes.
        np.minimum.at(root, links.max(axis=1), links.min(axis=1))
        while not np.array_equal(root, root[root]):
            root = root[root]
        links = root[links]
        links = links[links[:, 0] != links[:, 1]]
    return np.asarray(np.unique(root, return_inverse=True)[1]).ravel()
