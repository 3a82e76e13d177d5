# SPDX-License-Identifier: GPL-3.0-or-later
"""The frames of a finished job's video."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...protocol.job_folder import JobFolder
from ...protocol.spec import Camera, Device, JobSpec
from ..image_files.srgb import over_grey
from ..results.depth_picture import depth_picture
from .finished_job import model_pictures, read_grid
from .result_pictures import ResultPictures, View


def film(
    folder: JobFolder, spec: JobSpec, cameras: Sequence[Camera], size: int, *, decoder: str, depth: bool, device: Device
) -> Iterator[Tensor]:
    """The pictures [3, size, size or 2 size] of a video, sRGB over grey or the model's background, one by one.

    Raises
    ------
    SjcError
        If the job has no result, or no checkpoint for the model; before the first picture.
    """
    decoded = model_pictures(folder, device) if decoder == "vae" else None
    measured = ResultPictures(read_grid(folder)) if depth or decoded is None else None
    radius = math.hypot(*spec.domain.half_extents)
    for camera in cameras:
        view = measured.view(camera, size) if measured else None
        parts = [decoded.picture(camera, size) if decoded else over_grey(_of(view).rgba)]
        if depth:
            parts.append(depth_picture(_of(view).depth, camera, radius).expand(3, -1, -1))
        yield torch.cat(parts, dim=2)


def _of(view: View | None) -> View:
    assert view is not None, "it is there whenever something of it is shown"
    return view
