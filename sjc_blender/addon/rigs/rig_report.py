# SPDX-License-Identifier: GPL-3.0-or-later
"""A report of what a rig sees and what it does not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from ...protocol.profile_content import ModelProfile, Orbit
from ...protocol.spec import Camera, CameraRig, DomainSpec, OrbitRig, Range
from ...protocol.views import camera_direction
from .coverage import BlindSide, Directions, Sphere, blind_sides, directions_of, unit_vectors
from .domain import as_rows

LEAST_BLIND = 0.04
"""Share of all directions below which a blind side is not reported."""

NEAR, FAR = 0.7, 1.4
"""Largest ratio of a picture's width at the domain's centre to the model's own, and its inverse."""

CROP_TOLERANCE = 0.05
BEYOND = 10.0
"""Degrees beyond the model's elevations that are reported."""

FLAT = 8.0
"""Degrees; a rig whose elevations differ by less looks from one elevation."""

STARVED = 0.05
"""A camera drawn less often than this share of an even draw is reported."""

REGION_SHARE = 0.5
"""Share of a region's draws that count as its nearest views."""

NAMED = 3
TURNS, TILTS = 8, 3
"""Number of directions sampled in a region."""

PROBES = 11
"""Points across the domain that are projected into each picture."""

SEES = {
    "cropped": "only part of the domain: move back, or take a shorter lens",
    "near": "the domain larger than the model knows it: move back, or take a shorter lens",
    "far": "the domain smaller than the model knows it: move nearer, or take a longer lens",
}
"""What cameras, or the views of a region, see that are too near or too far, by the code of the finding."""


@dataclass(frozen=True)
class Finding:
    """One finding for the user.

    Attributes
    ----------
    code : str
        For programs.
    severity : str
        ``"warning"`` or ``"note"``.
    text : str
    share : float
        Of the draws, or of all directions, that it is about: the larger, the worse.
    """

    code: str
    severity: Literal["warning", "note"]
    text: str
    share: float = 0.0


@dataclass(frozen=True)
class RigReport:
    """Viewpoints, coverage and findings of a rig.

    Attributes
    ----------
    viewpoints : int
        Cameras that are drawn; 0 for an orbit.
    seen : float
        Share of all directions that some viewpoint sees.
    seen_of_model : float
        The same, of those directions from which the model itself looks.
    elevation : tuple of float
        Lowest and highest, in degrees, with jitter.
    views : dict
        How often each of the model's view texts is told; sums to 1. The prompt stands as ``{prompt}`` in them.
    blind_sides : tuple of BlindSide
        What the model could see and the rig does not, the largest first.
    findings : tuple of Finding
        Warnings first, the worst of them first.
    """

    viewpoints: int
    seen: float
    seen_of_model: float
    elevation: Range
    views: dict[str, float]
    blind_sides: tuple[BlindSide, ...]
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> list[str]:
        """Texts of the warnings."""
        return [finding.text for finding in self.findings if finding.severity == "warning"]

    @property
    def headline(self) -> str:
        """The most important finding, in a line."""
        if self.warnings:
            worst = self.findings[0]
            return f"Nothing sees {self.blind_sides[0].name}" if worst.code == "blind_side" else worst.text.rstrip(".")
        return "Sees every side that the model knows"

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return dataclasses.asdict(self) | {"headline": self.headline}


def report_on(
    rig: OrbitRig | CameraRig, domain: DomainSpec, profile: ModelProfile, *, picture: tuple[int, int] | None = None
) -> RigReport:
    """Report on a rig.

    Parameters
    ----------
    profile : ModelProfile
        What the model was made for is the measure: its orbit, its words for directions.
    picture : tuple of int, optional
        Size of the scene's render in square pixels, for what is cropped.
    """
    directions = directions_of(rig)
    seen = Sphere.seen_from(directions)
    of_model = Sphere.known_to(profile.orbit)
    blind = tuple(side for side in blind_sides(of_model & ~seen) if side.share >= LEAST_BLIND)
    findings = [Finding("blind_side", "warning", f"Nothing sees {side}.", side.share) for side in blind]
    if np.ptp(directions.elevation) < FLAT and np.ptp(profile.orbit.elevation) > 2 * FLAT:
        level = directions.elevation.mean()
        text = f"Every view is from about one elevation, {level:.0f}: the shape may be flat there."
        findings.append(Finding("one_elevation", "warning", text))
    if isinstance(rig, CameraRig):
        findings += _camera_findings(rig, domain, profile.orbit)
        if picture is not None and picture[0] != picture[1]:
            findings.append(_cropped_picture(*picture))
    else:
        findings += _orbit_findings(rig, domain, profile.orbit)
    return RigReport(
        viewpoints=sum(camera.weight > 0 for camera in rig.cameras) if isinstance(rig, CameraRig) else 0,
        seen=float(Sphere.area[seen].sum()),
        seen_of_model=float(Sphere.area[seen & of_model].sum() / Sphere.area[of_model].sum()),
        elevation=(float(directions.elevation.min()), float(directions.elevation.max())),
        views=_views(rig, directions, profile),
        blind_sides=blind,
        findings=tuple(sorted(findings, key=lambda finding: (finding.severity != "warning", -finding.share))),
    )


def _views(rig: OrbitRig | CameraRig, directions: Directions, profile: ModelProfile) -> dict[str, float]:
    said: dict[str, float] = {}
    texts: list[str] = []
    if isinstance(rig, CameraRig):
        drawn = [camera for camera in rig.cameras if camera.weight > 0]
        texts = [camera.view_text for camera in drawn for _ in range(len(directions.share) // len(drawn))]
    for index, (azimuth, elevation, share) in enumerate(
        zip(directions.azimuth, directions.elevation, directions.share, strict=True)
    ):
        own = texts[index] if texts else ""
        weighted = [(own, 1.0)] if own else profile.views.prompts("{prompt}", float(azimuth), float(elevation))
        for text, weight in weighted:
            said[text] = said.get(text, 0.0) + float(share) * weight
    return dict(sorted(said.items(), key=lambda item: -item[1]))


def _camera_findings(rig: CameraRig, domain: DomainSpec, orbit: Orbit) -> Iterator[Finding]:
    cameras = [camera for camera in rig.cameras if camera.weight > 0]
    least = _least_share(orbit, domain)
    cropped = [camera for camera in cameras if share_in_view(camera, domain) < least]
    smallest, largest = _framings(orbit)
    framings = {camera.name: framing(camera) for camera in cameras}
    near = [camera for camera in cameras if framings[camera.name] < NEAR * smallest and camera not in cropped]
    far = [camera for camera in cameras if framings[camera.name] > FAR * largest]
    low, high = orbit.elevation
    elevations = {camera.name: camera_direction(camera)[1] for camera in cameras}
    above = [camera for camera in cameras if elevations[camera.name] > high + BEYOND]
    below = [camera for camera in cameras if elevations[camera.name] < low - BEYOND]
    inside = [camera for camera in cameras if rig.jitter and _may_enter(camera, rig.jitter, domain)]

    def drawn(some: Sequence[Camera]) -> float:
        return sum(camera.weight for camera in some) / sum(camera.weight for camera in cameras)

    for code, found in (("cropped", cropped), ("near", near), ("far", far)):
        if found:
            text = f"{_names(found)} {_verb(found, 'sees', 'see')} {SEES[code]}."
            yield Finding(code, "warning", text, drawn(found))
    for code, found, where in (("above", above, "higher"), ("below", below, "lower")):
        if found:
            looks = f"{_names(found)} {_verb(found, 'looks', 'look')} from {where} than the model knows"
            yield Finding(code, "warning", f"{looks} (elevation {low:.0f} to {high:.0f}).", drawn(found))
    if inside:
        text = f"Jitter may turn {_names(inside)} into the domain: move back, or take less jitter."
        yield Finding("inside", "warning", text, drawn(inside))
    yield from _weight_findings(rig, cameras)


def _weight_findings(rig: CameraRig, cameras: Sequence[Camera]) -> Iterator[Finding]:
    total = sum(camera.weight for camera in cameras)
    starved = [camera for camera in cameras if camera.weight < STARVED * total / len(cameras)]
    if starved:
        draws = total / max(camera.weight for camera in starved)
        text = f"{_names(starved)} {_verb(starved, 'is', 'are')} hardly drawn: once in {draws:.0f} steps, by weight."
        yield Finding("starved", "warning", text)
    off = [camera for camera in rig.cameras if camera.weight == 0]
    if off:
        text = f"{_names(off)} {_verb(off, 'has', 'have')} the weight 0 and {_verb(off, 'is', 'are')} never drawn."
        yield Finding("off", "note", text)


def _orbit_findings(rig: OrbitRig, domain: DomainSpec, orbit: Orbit) -> Iterator[Finding]:
    """A region's; the model's own orbit has none."""
    smallest, largest = _framings(orbit)
    low, high = _framings(rig)
    turns, tilts = np.linspace(*rig.azimuth, TURNS), np.linspace(*rig.elevation, TILTS)
    if min(_nearest_share(rig, domain, *view) for view in product(turns, tilts)) < _least_share(orbit, domain):
        yield Finding("cropped", "warning", f"The region's nearest views see {SEES['cropped']}.", REGION_SHARE)
    elif low < NEAR * smallest:
        yield Finding("near", "warning", f"The region's nearest views see {SEES['near']}.")
    if high > FAR * largest:
        yield Finding("far", "warning", f"The region's farthest views see {SEES['far']}.")
    if rig.elevation[1] > orbit.elevation[1] + BEYOND or rig.elevation[0] < orbit.elevation[0] - BEYOND:
        text = "The region's elevations, {:.0f} to {:.0f}, go beyond what the model knows ({:.0f} to {:.0f})."
        yield Finding("elevation", "warning", text.format(*rig.elevation, *orbit.elevation))


def _cropped_picture(width: int, height: int) -> Finding:
    side = min(width, height)
    where = "left and right" if width > height else "top and bottom"
    text = (
        f"The render is {width} x {height}; the model sees its centred square, {side} x {side}: "
        f"{(max(width, height) - side) / 2:.0f} pixels at the {where} are cropped."
    )
    return Finding("cropped_picture", "note", text)


def share_in_view(camera: Camera, domain: DomainSpec) -> float:
    """Share of the ball that fills the domain's box that is in a camera's picture."""
    local = (_ball(domain) - np.array(camera.pose)[:3, 3]) @ np.array(camera.pose)[:3, :3]
    x, y, z = local.T
    if camera.projection == "perspective":
        scale = np.where(z < 0, -z, np.inf)
        x, y = x / scale, y / scale
    left, right, bottom, top = camera.window
    return float(((z < 0) & (x > left) & (x < right) & (y > bottom) & (y < top)).mean())


def framing(camera: Camera) -> float:
    """Half the picture's width where the domain's centre is, in domain units."""
    left, right, _bottom, _top = camera.window
    distance = 1.0 if camera.projection == "orthographic" else math.dist((0, 0, 0), [row[3] for row in camera.pose[:3]])
    return distance * (right - left) / 2


def _framings(orbit: Orbit | OrbitRig) -> Range:
    low, high = (
        distance * math.tan(math.radians(angle) / 2)
        for distance, angle in zip(orbit.distance, orbit.field_of_view, strict=True)
    )
    return low, high


def _least_share(orbit: Orbit, domain: DomainSpec) -> float:
    """Share of the domain in a picture below which it counts as cropped: less than the model's own orbit shows."""
    return min(1.0 - CROP_TOLERANCE, _nearest_share(orbit, domain, 0.0, 0.0)) - CROP_TOLERANCE


def _nearest_share(orbit: Orbit | OrbitRig, domain: DomainSpec, azimuth: float, elevation: float) -> float:
    """Share of the domain in the picture of an orbit's nearest, narrowest view from a direction in degrees."""
    half = math.tan(math.radians(orbit.field_of_view[0]) / 2)
    away, right = unit_vectors(np.array([azimuth, azimuth + 90.0]), np.array([elevation, 0.0]))
    columns = np.stack([right, np.cross(away, right), away, away * orbit.distance[0]], axis=1)
    pose = as_rows(np.vstack([columns, [0.0, 0.0, 0.0, 1.0]]))
    return share_in_view(Camera("nearest", pose, (-half, half, -half, half)), domain)


def _ball(domain: DomainSpec) -> np.ndarray:
    axis = np.linspace(-1.0, 1.0, PROBES)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    return points[np.linalg.norm(points, axis=1) <= 1] * np.array(domain.half_extents)


def _may_enter(camera: Camera, jitter: float, domain: DomainSpec) -> bool:
    """Return whether jitter may rotate a perspective camera into the box."""
    if camera.projection != "perspective":
        return False
    alone = directions_of(CameraRig(cameras=(dataclasses.replace(camera, weight=1.0),), jitter=jitter))
    distance = math.dist((0, 0, 0), [row[3] for row in camera.pose[:3]])
    return bool((np.abs(alone.vectors * distance) < np.array(domain.half_extents)).all(axis=1).any())


def _names(cameras: Sequence[Camera]) -> str:
    shown = [repr(camera.name) for camera in cameras[:NAMED]]
    if len(cameras) > NAMED:
        return f"{', '.join(shown)} and {len(cameras) - NAMED} more cameras"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else f"The camera {shown[0]}"


def _verb(cameras: Sequence[Camera], one: str, several: str) -> str:
    return one if len(cameras) == 1 else several
