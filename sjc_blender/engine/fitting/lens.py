# SPDX-License-Identifier: GPL-3.0-or-later
"""The lens of a camera in ``transforms.json``: focal lengths, principal point, distortion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...protocol.shown import shown

AGREE = 0.01
"""Share by which two statements of the same focal length may differ, and width and height of the same picture."""

PINHOLES = {"PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE"}
DISTORTED = {
    "SIMPLE_RADIAL": ("k1",),
    "RADIAL": ("k1", "k2"),
    "OPENCV": ("k1", "k2", "k3", "p1", "p2"),
}
COEFFICIENTS = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")


class UnusableLens(ValueError):
    """Raised for an invalid description of a lens."""


@dataclass(frozen=True)
class Lens:
    """A pinhole camera and its distortion.

    Attributes
    ----------
    window : tuple of float
        Left, right, bottom, top of the picture at unit distance.
    distortion : dict
        Coefficients of OpenCV's model that are not 0.
    """

    window: tuple[float, float, float, float]
    distortion: dict[str, float]


def declared_size(own: Mapping[str, Any], shared: Mapping[str, Any]) -> tuple[int, int] | None:
    """Width and height for which a camera is described, or None."""
    scope = own if {"w", "h"} & own.keys() else shared
    found = [scope.get(name) for name in ("w", "h")]
    if found == [None, None]:
        return None
    sizes = [number(f"{'wh'[i]}", value) for i, value in enumerate(found)]
    if not all(size >= 1 and size == int(size) and size < 10**6 for size in sizes):
        raise UnusableLens(f"w and h are {found[0]!r} and {found[1]!r}; allowed: whole numbers of pixels")
    return int(sizes[0]), int(sizes[1])


def lens_of(own: Mapping[str, Any], shared: Mapping[str, Any], size: tuple[int, int]) -> Lens:
    """Read the lens of a camera.

    Parameters
    ----------
    own, shared : mapping
        The keys of the frame, and those of the file for all frames.
    size : tuple of int
        Width and height of the picture. If it was scaled down since, the lens is scaled with it.

    Raises
    ------
    UnusableLens
    """
    w, h = declared_size(own, shared) or size
    if abs(size[0] / w * h - size[1]) > max(1.0, AGREE * size[1]):
        raise UnusableLens(
            f"w and h are {w} and {h}, and the picture is {size[0]} x {size[1]}; allowed: the same shape"
        )
    focal_x, focal_y = _focal_lengths(own, shared, w, h)
    cx, cy = (number(name, {**shared, **own}.get(name, default)) for name, default in (("cx", w / 2), ("cy", h / 2)))
    window = (-cx / focal_x, (w - cx) / focal_x, -(h - cy) / focal_y, cy / focal_y)
    if not all(abs(edge) < 100 for edge in window):
        raise UnusableLens(f"the picture would reach to {max(map(abs, window)):.3g} at distance 1; allowed: below 100")
    return Lens(window, _distortion({**shared, **own}))


def number(name: str, value: Any) -> float:
    """Return a finite number; UnusableLens names the key of any other value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UnusableLens(f"{name} is {shown(repr(value), 60)}; allowed: a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise UnusableLens(f"{name} is {shown(repr(value), 60)}; allowed: a finite number")
    return found


def _focal_lengths(own: Mapping[str, Any], shared: Mapping[str, Any], w: int, h: int) -> tuple[float, float]:
    """Focal lengths in pixels; where a frame says any of its own, what the file says does not count."""
    for scope in (own, shared):
        x, y = _focal_length(scope, "x", w), _focal_length(scope, "y", h)
        found = x or y
        if found is not None:
            return x or found, y or found
    raise UnusableLens("there is no focal length; allowed: fl_x (and fl_y) in pixels, or camera_angle_x in radians")


def _focal_length(scope: Mapping[str, Any], axis: str, length: int) -> float | None:
    """The focal length along an axis, from whichever of its three names there are."""
    found: dict[str, float] = {}
    if (name := f"fl_{axis}") in scope:
        found[name] = number(name, scope[name])
    for name, unit in ((f"camera_angle_{axis}", 1.0), (f"{axis}_fov", math.pi / 180)):
        if name in scope:
            angle = number(name, scope[name]) * unit
            if not 0 < angle < math.pi:
                raise UnusableLens(f"{name} is {scope[name]!r}; allowed: an angle above 0 and below 180 degrees")
            found[name] = length / 2 / math.tan(angle / 2)
    if not found:
        return None
    for name, value in found.items():
        if not value > 0:
            raise UnusableLens(f"{name} is {scope[name]!r}; allowed: above 0")
    if max(found.values()) > min(found.values()) * (1 + AGREE):
        said = " and ".join(f"{name} (a focal length of {value:.4g})" for name, value in found.items())
        raise UnusableLens(f"{said} contradict each other; allowed: one of them, or the same of both")
    return next(iter(found.values()))


def _distortion(said: Mapping[str, Any]) -> dict[str, float]:
    found = {name: number(name, said[name]) for name in COEFFICIENTS if said.get(name) is not None}
    found = {name: value for name, value in found.items() if value != 0}
    model = said.get("camera_model", "OPENCV" if found else "PINHOLE")
    known = sorted(PINHOLES | DISTORTED.keys())
    if not isinstance(model, str) or model.upper() not in known:
        raise UnusableLens(
            f"camera_model is {shown(repr(model), 60)}; allowed: {', '.join(known)}; undistort the pictures first"
        )
    allowed = DISTORTED.get(model.upper(), ())
    for name, value in found.items():
        if name not in allowed:
            with_it = f"{', '.join(allowed) or 'no distortion'} with camera_model {model}"
            raise UnusableLens(f"{name} is {value:g}; allowed: {with_it}; undistort the pictures first")
        if abs(value) > 10:
            raise UnusableLens(f"{name} is {value:g}; allowed: -10 to 10")
    return found


def undistorted(pixels: Tensor, lens: Lens) -> tuple[Tensor, Tensor]:
    """Bring a picture into the plane of its pinhole, by OpenCV's model.

    Parameters
    ----------
    pixels : Tensor [H, W, C]
        Alpha last where C is 4.

    Returns
    -------
    pixels : Tensor [H, W, C]
    known : Tensor [H, W] of bool
        Where the real picture has something to show.
    """
    height, width, channels = pixels.shape
    left, right, bottom, top = lens.window
    # Down, as in OpenCV, in float64: polynomials of sixth degree.
    x = left + (torch.arange(width, dtype=torch.float64) + 0.5) * ((right - left) / width)
    y = -top + (torch.arange(height, dtype=torch.float64) + 0.5) * ((top - bottom) / height)
    y, x = torch.meshgrid(y, x, indexing="ij")
    k1, k2, k3, p1, p2 = (lens.distortion.get(name, 0.0) for name in ("k1", "k2", "k3", "p1", "p2"))
    r2 = x.square() + y.square()
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x.square())
    yd = y * radial + p1 * (r2 + 2 * y.square()) + 2 * p2 * x * y
    # Beyond the radius where the polynomial turns back it shows pixels a second time.
    rising = _rises_until(k1, k2, k3, float(r2.max()))
    across = (xd - left) / (right - left) * 2 - 1
    down = (yd + top) / (top - bottom) * 2 - 1
    known = (across.abs() < 1) & (down.abs() < 1) & (r2 < rising)
    weighted = pixels.clone()
    if channels == 4:
        weighted[..., :3] *= pixels[..., 3:]
    at = torch.stack([across, down], dim=-1).to(pixels.dtype)[None]
    found = functional.grid_sample(
        weighted.movedim(-1, 0)[None], at, mode="bilinear", padding_mode="border", align_corners=False
    )[0].movedim(0, -1)
    if channels == 4:
        found[..., :3] /= found[..., 3:].clamp(min=1e-6)
    return found.clamp(0, 1), known


def _rises_until(k1: float, k2: float, k3: float, largest: float) -> float:
    """Squared radius up to which the distorted radius rises with the true one."""
    r2 = torch.linspace(0, largest, 4096, dtype=torch.float64)
    slope = 1 + r2 * (3 * k1 + r2 * (5 * k2 + r2 * 7 * k3))
    falling = (slope <= 0).nonzero()
    return float(r2[falling[0, 0]]) if len(falling) else math.inf
