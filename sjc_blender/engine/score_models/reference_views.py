# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures with their cameras in a model's place: the closed-form denoiser of what each camera saw."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn import functional

from ...protocol.errors import SjcError
from ...protocol.reference_views import read_reference_views
from ..cameras.viewpoints import Viewpoint
from ..image_files.picture_file import UnusablePicture, as_tensor, open_picture
from .closed_form import ClosedFormDenoiser
from .score_model import Condition

LARGEST_PICTURE = 128
"""Side to which pictures are averaged down; finer ones cost memory that grows with its square."""

SAME_POSE = 1e-3

ALIKE = 0.1
"""Distance of colours, of 2, at which they count as one."""

LEAST_OF_EDGES, MOST_PICTURES = 0.25, 0.8
"""Share of the edges that a background has in the mean, and share of the pictures in which it is at an edge at all."""


class ReferenceViewModel(ClosedFormDenoiser):
    """The pictures of a folder, each known for its own camera only.

    Parameters
    ----------
    folder : Path
        See `sjc_blender.protocol.reference_views`.

    Attributes
    ----------
    background : Tensor [3] or None
        What all pictures have behind the object, in [-1, 1]; None: not one colour.

    Raises
    ------
    SjcError
        ``bad_reference_views`` if the list or a picture is unusable.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        views = read_reference_views(folder).views
        found = [_picture(folder / view.image) for view in views]
        pictures = [picture for picture, _ in found]
        self.background = _common_background([picture for picture, _ in found], all(clear for _, clear in found))
        side = min(LARGEST_PICTURE, *(picture.shape[-1] for picture in pictures))
        super().__init__(torch.stack([functional.adaptive_avg_pool2d(p, side) for p in pictures]).to(device))
        self._poses = torch.tensor([view.camera.pose for view in views])

    def picture_of(self, viewpoint: Viewpoint) -> torch.Tensor:
        """The picture [1, 3, H, W] that a viewpoint's camera took; SjcError ``no_reference_view`` if none did."""
        distances = (self._poses - torch.tensor(viewpoint.camera.pose)).abs().amax(dim=(1, 2))
        nearest = int(distances.argmin())
        if distances[nearest] > SAME_POSE:
            raise SjcError(
                "no_reference_view",
                f"There is no picture of the camera {viewpoint.camera.name!r} among the reference views.",
                "Leave the viewpoints to the model, or use the reference views' own cameras without jitter.",
            )
        return self.images[nearest : nearest + 1]

    def denoise(self, z: torch.Tensor, timestep: int, condition: Condition) -> torch.Tensor:
        """See `ScoreModel.denoise`; the pictures are brought to the size of the render."""
        if condition.positive is not None and condition.positive.shape[-2:] != z.shape[-2:]:
            pictures = functional.interpolate(condition.positive[0], z.shape[-2:], mode="area")[None]
            condition = Condition(positive=pictures)
        return super().denoise(z, timestep, condition)


def _picture(file: Path) -> tuple[torch.Tensor, bool]:
    """A picture as a tensor [3, H, H] in [-1, 1], and whether some of it is transparent, which becomes white."""
    try:
        picture = open_picture(file)
    except UnusablePicture as error:
        raise SjcError("bad_reference_views", f"The picture {file} {error}.", "Use PNG, JPEG or WebP.") from error
    if picture.width != picture.height:
        raise SjcError(
            "bad_reference_views",
            f"The picture {file} is {picture.width} x {picture.height}; a reference view is square.",
            "Render it with a square resolution.",
        )
    rgba = as_tensor(picture)
    rgb = rgba[..., :3] * rgba[..., 3:] + 1.0 - rgba[..., 3:]
    return rgb.movedim(-1, 0) * 2.0 - 1.0, bool((rgba[..., 3] < 0.5).any())


def _common_background(pictures: list[torch.Tensor], transparent: bool) -> torch.Tensor | None:
    """The colour [3] before which all pictures stand.

    White if all have transparent parts. Else the most frequent colour of the pictures' edges: objects are shaded, and
    where they reach an edge they have many.
    """
    if transparent:
        return torch.ones(3)
    edges = [torch.cat([p[:, 0], p[:, -1], p[:, 1:-1, 0], p[:, 1:-1, -1]], dim=1).T for p in pictures]
    bins, counts = (torch.cat(edges) / ALIKE).round().unique(dim=0, return_counts=True)
    middle = bins[counts.argmax()] * ALIKE
    near = [edge[(edge - middle).abs().amax(dim=1) < ALIKE] for edge in edges]
    colour = torch.cat(near).median(dim=0).values
    shares = torch.tensor([len(found) / len(edge) for found, edge in zip(near, edges, strict=True)])
    everywhere = (shares > 0).float().mean() >= MOST_PICTURES
    return colour if everywhere and shares.mean() >= LEAST_OF_EDGES else None
