# SPDX-License-Identifier: GPL-3.0-or-later
"""How pipelines lay out samples for their networks: as they are, with a frame axis, or in patches of 2 x 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

PATCH = 2


@dataclass(frozen=True)
class SampleLayout:
    """A layout of samples [N, C, h, w].

    Attributes
    ----------
    kind : str
        ``"picture"``: [N, C, h, w]; ``"frame"``: [N, C, 1, h, w]; ``"patches"``: [N, 4 C, h/2, w/2];
        ``"tokens"``: [N, h w / 4, 4 C]. Of a patch, channels come first, then rows.
    size : sequence of int
        h, w.
    """

    kind: Literal["picture", "frame", "patches", "tokens"]
    size: Sequence[int]

    def laid(self, samples: torch.Tensor) -> torch.Tensor:
        """Lay samples out."""
        if self.kind == "picture":
            return samples
        if self.kind == "frame":
            return samples.unsqueeze(2)
        patches = torch.pixel_unshuffle(samples, PATCH)
        return patches if self.kind == "patches" else patches.flatten(2).transpose(1, 2)

    def taken(self, laid: torch.Tensor) -> torch.Tensor:
        """Take them out again; channels that a network adds stay behind the others."""
        if self.kind == "picture":
            return laid
        if self.kind == "frame":
            return laid.squeeze(2)
        height, width = (side // PATCH for side in self.size)
        patches = laid if self.kind == "patches" else laid.transpose(1, 2).unflatten(2, (height, width))
        return torch.pixel_shuffle(patches, PATCH)


def layout_of(drawn: torch.Tensor, samples: torch.Tensor) -> SampleLayout | None:
    """The layout of a pipeline's noise for samples [N, C, h, w]; None if it is none of these."""
    for kind in ("picture", "frame", "patches", "tokens"):
        layout = SampleLayout(kind, tuple(samples.shape[-2:]))
        even = all(side % PATCH == 0 for side in layout.size)
        if (even or kind in ("picture", "frame")) and layout.laid(samples).shape == drawn.shape:
            return layout
    return None
