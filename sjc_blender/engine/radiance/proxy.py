"""A coarse shape that the density starts as, instead of a haze.

Latent-NeRF's Sketch-Shape (https://arxiv.org/abs/2211.07600) holds the density to a coarse mesh by a loss; here the
shape is only where the way begins.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from ...protocol.errors import SjcError
from ...protocol.proxy import occupancy_digest
from ...protocol.spec import ProxySpec
from .field import DENSITY_SHIFT, VoxelField

INSIDE = 8.0
"""Density inside, per domain unit: a tenth of the box across hides two thirds of what is behind it, and the
steps can still carve it away."""

OUTSIDE = 0.02
"""Density outside: hardly seen, and enough for the score to reach the voxels that are to grow."""

BLUR = 1.0
"""Standard deviation, in voxels, by which the shape is softened."""

AGAIN = "Generate the job again, with the proxy that it is to start from."


def start_from_proxy(field: VoxelField, path: Path, proxy: ProxySpec) -> None:
    """Set a new field's density to the shape in ``proxy.npz``.

    Parameters
    ----------
    field : VoxelField
        At its start. A grid of another resolution than the proxy's gets the shares of its voxels that are filled.
    path : Path
    proxy : ProxySpec
        Its strength goes between the usual start and the shape in what is activated, not in density.

    Raises
    ------
    SjcError
        ``proxy_missing`` if the file cannot be read, ``proxy_changed`` if it is not the one of the job's settings.
    """
    occupancy = torch.from_numpy(_read(path, proxy.digest))
    share = functional.interpolate(occupancy[None, None].float(), size=field.shape, mode="area")[0, 0]
    share = torch.from_numpy(gaussian_filter(share.numpy(), BLUR, mode="nearest"))
    density = OUTSIDE + (INSIDE - OUTSIDE) * share
    # The inverse of softplus(raw + shift); d_scale is 0 at the start.
    raw = torch.expm1(density).log() - DENSITY_SHIFT
    with torch.no_grad():
        field.density_grid.copy_(proxy.strength * raw[None])


def _read(path: Path, digest: str) -> NDArray[np.uint8]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            occupancy: NDArray[np.uint8] = np.ascontiguousarray(arrays["occupancy"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SjcError("proxy_missing", f"The proxy {path} cannot be read: {error}.", AGAIN) from error
    if occupancy.dtype != np.uint8 or occupancy_digest(occupancy.shape, occupancy.tobytes()) != digest:
        raise SjcError("proxy_changed", f"The proxy {path} is not the one that the job was made with.", AGAIN)
    return occupancy
