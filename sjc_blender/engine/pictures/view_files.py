# SPDX-License-Identifier: GPL-3.0-or-later
"""One view of a finished job, as pictures and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ...protocol.atomic_write import atomic_path, file_error
from ...protocol.job_folder import JobFolder
from ...protocol.spec import Camera, Device
from ..image_files.srgb import to_bytes
from ..results.depth_picture import depth_picture
from .finished_job import model_pictures, read_grid
from .result_pictures import ResultPictures

CHANNELS = ("rgb", "opacity", "depth", "normal")


def render_channels(
    folder: JobFolder, camera: Camera, size: int, channels: tuple[str, ...], *, decoder: str, device: Device
) -> dict[str, torch.Tensor]:
    """The asked `CHANNELS` of a view, row 0 at the top.

    ``rgb`` is sRGB: the result's own colours [4, H, W] with straight alpha, or [3, H, W] as the model decodes
    them, with its background. ``opacity`` [H, W], ``depth`` [H, W] in domain units along the ray (infinite where
    nothing is) and ``normal`` [3, H, W] in the domain's frame (0 where nothing is) are always the result's.

    Raises
    ------
    SjcError
        If the job has no result, or no checkpoint for the model.
    """
    found: dict[str, torch.Tensor] = {}
    if decoder == "vae" and "rgb" in channels:
        found["rgb"] = model_pictures(folder, device).picture(camera, size)
    if set(channels) - set(found):
        view = ResultPictures(read_grid(folder)).view(camera, size)
        found = {"rgb": view.rgba, "opacity": view.rgba[3], "depth": view.depth, "normal": view.normal} | found
    return {name: found[name] for name in channels}


def write_channels(out: Path, camera: Camera, channels: dict[str, torch.Tensor], radius: float) -> list[Path]:
    """Write each channel as a PNG, and all of them with the camera as float32 in ``view.npz``.

    Opacity has 8 bits, depth 16 (see `depth_picture`, which `radius` is for), a normal n is the colour
    (n + 1) / 2 and where nothing is it is grey.

    Raises
    ------
    SjcError
        ``disk_full`` or ``folder_not_writable``.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(error, out) from error
    written = []
    for name, values in channels.items():
        if name == "depth":
            grey = (depth_picture(values, camera, radius) * 65535.0).round()
            image = Image.fromarray(grey.numpy().astype(np.uint16))
        else:
            shown = (values + 1.0) / 2.0 if name == "normal" else values
            image = Image.fromarray(to_bytes(shown.movedim(0, -1) if shown.ndim == 3 else shown))
        written.append(out / f"{name}.png")
        with atomic_path(written[-1]) as temporary:
            image.save(temporary, format="PNG")
    arrays: dict[str, Any] = {name: values.numpy().astype(np.float32) for name, values in channels.items()}
    arrays |= {"pose": np.array(camera.pose), "window": np.array(camera.window), "projection": camera.projection}
    written.append(out / "view.npz")
    with atomic_path(written[-1]) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)
    return written
