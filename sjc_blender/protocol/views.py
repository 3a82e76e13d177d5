# SPDX-License-Identifier: GPL-3.0-or-later
"""View-dependent prompts: which words describe what a camera sees.

A model knows its own view words, so they are data that ships with the model (see
`sjc_blender.protocol.model_profile`). Directions are those of the domain: azimuth 0 looks at
the front (the camera is on -Y), +90 is on +X (the object's left side), 180 behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .spec import Camera, JobSpec, OrbitRig

VERTICAL = 1e-6


@dataclass(frozen=True)
class View:
    """Words for one direction; `text` holds ``{prompt}``."""

    azimuth: float
    text: str


@dataclass(frozen=True)
class Band:
    """The views of one elevation, evenly or unevenly spaced in azimuth.

    Attributes
    ----------
    elevation : float
        Degrees; the band's centre.
    views : tuple of View
        At least one; a single one serves every azimuth.
    lowest : float or None
        Where the band starts, for nearest-view selection; None: half way to the band below.
    """

    elevation: float
    views: tuple[View, ...]
    lowest: float | None = None


@dataclass(frozen=True)
class ViewVocabulary:
    """All view words of a model.

    Attributes
    ----------
    interpolation : str
        ``"nearest"`` takes the view nearest to the camera; ``"azimuth"`` blends the two beside it
        in the nearest band, ``"bilinear"`` the four around it (the engine blends their text embeddings).
    bands : tuple of Band
        In rising elevation.
    """

    interpolation: Literal["nearest", "azimuth", "bilinear"]
    bands: tuple[Band, ...]

    def prompts(self, prompt: str, azimuth: float, elevation: float) -> list[tuple[str, float]]:
        """Texts for a camera at this direction, with weights that sum to 1.

        Parameters
        ----------
        azimuth, elevation : float
            Degrees.
        """
        if self.interpolation == "nearest":
            _band, view = self.nearest(azimuth, elevation)
            return [(view_text(view.text, prompt), 1.0)]
        weights: dict[str, float] = {}
        bands = [(self._band(elevation), 1.0)] if self.interpolation == "azimuth" else self._bands_around(elevation)
        for band, band_weight in bands:
            for view, view_weight in _around(band, azimuth):
                text = view_text(view.text, prompt)
                weights[text] = weights.get(text, 0.0) + band_weight * view_weight
        return [(text, weight) for text, weight in weights.items() if weight > 0.0]

    def nearest(self, azimuth: float, elevation: float) -> tuple[Band, View]:
        """Return the band and the view nearest to a direction in degrees."""
        band = self._band(elevation)
        return band, _nearest(band, azimuth)

    def all_prompts(self, prompt: str) -> list[str]:
        """Return every text that `prompts` can return, each once, in a fixed order."""
        return list(dict.fromkeys(view_text(v.text, prompt) for band in self.bands for v in band.views))

    def _band(self, elevation: float) -> Band:
        chosen = self.bands[0]
        for below, band in zip(self.bands, self.bands[1:], strict=False):
            start = band.lowest if band.lowest is not None else (below.elevation + band.elevation) / 2
            if elevation > start:
                chosen = band
        return chosen

    def _bands_around(self, elevation: float) -> list[tuple[Band, float]]:
        if elevation <= self.bands[0].elevation:
            return [(self.bands[0], 1.0)]
        for below, above in zip(self.bands, self.bands[1:], strict=False):
            if elevation <= above.elevation:
                share = (elevation - below.elevation) / (above.elevation - below.elevation)
                return [(below, 1.0 - share), (above, share)]
        return [(self.bands[-1], 1.0)]


def _turn(start: float, end: float) -> float:
    """Degrees from `start` to `end`, turning in the positive sense, in [0, 360)."""
    return (end - start) % 360.0


def _nearest(band: Band, azimuth: float) -> View:
    return min(band.views, key=lambda view: min(_turn(view.azimuth, azimuth), _turn(azimuth, view.azimuth)))


def _around(band: Band, azimuth: float) -> list[tuple[View, float]]:
    before = min(band.views, key=lambda view: _turn(view.azimuth, azimuth))
    after = min(band.views, key=lambda view: _turn(azimuth, view.azimuth) or 360.0)
    span = _turn(before.azimuth, after.azimuth)
    if span == 0.0:
        return [(before, 1.0)]
    share = _turn(before.azimuth, azimuth) / span
    return [(before, 1.0 - share), (after, share)]


def view_text(text: str, prompt: str) -> str:
    """Return the text of a view or a camera with ``{prompt}`` in it replaced by the job's prompt.

    Such texts come from files of others: nothing else in them is obeyed, as `str.format` would.
    """
    return text.replace("{prompt}", prompt)


def direction(position: tuple[float, float, float]) -> tuple[float, float]:
    """Azimuth and elevation, in degrees, of a camera at `position` in the domain's frame."""
    x, y, z = position
    return math.degrees(math.atan2(x, -y)), math.degrees(math.atan2(z, math.hypot(x, y)))


def lowest_view(spec: JobSpec) -> float:
    """The lowest elevation, in degrees, from which something is known of a job's object.

    That of its cameras; the underside of a shape that it keeps to closely is known without any.
    """
    if spec.field.proxy is not None and spec.field.proxy.close:
        return -90.0
    rig = spec.cameras
    if isinstance(rig, OrbitRig):
        return rig.elevation[0]
    return min(camera_direction(camera)[1] for camera in rig.cameras if camera.weight > 0) - rig.jitter


def camera_direction(camera: Camera) -> tuple[float, float]:
    """Azimuth and elevation, in degrees, from which a camera sees the domain.

    Those of its position; for an orthographic camera, whose image does not depend on its distance, the
    direction against its view. Right above or below the domain, the azimuth is the one whose cameras
    have this camera's upward axis in the limit, as on an orbit.
    """
    column = 3 if camera.projection == "perspective" else 2
    x, y, z = (row[column] for row in camera.pose[:3])
    azimuth, elevation = direction((x, y, z))
    if math.hypot(x, y) < VERTICAL * abs(z):
        side = math.copysign(1.0, z)
        azimuth = math.degrees(math.atan2(-side * camera.pose[0][1], side * camera.pose[1][1]))
    return azimuth, elevation


PAPER_VIEWS = ViewVocabulary(
    "nearest",
    (
        Band(
            0.0,
            (
                View(0.0, "front view of {prompt}"),
                View(90.0, "side view of {prompt}"),
                View(180.0, "backside view of {prompt}"),
                View(270.0, "side view of {prompt}"),
            ),
        ),
        Band(90.0, (View(0.0, "overhead view of {prompt}"),), lowest=41.8),
    ),
)
"""The four prefixes of the authors' configuration, for models that read English."""
