# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras, domain and proxies of a scene for jobs, evaluated once however many jobs share them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import bpy

from ...protocol.spec import Camera, CameraRig, DomainSpec, OrbitRig
from ..rigs.evaluated_scene import evaluated
from ..rigs.guide import GuideMesh, guide_mesh
from ..rigs.proxy import FilledGrid, filled_grid, named_shape
from ..rigs.rig import preview_camera
from ..rigs.rig_choice import RigChoice
from ..rigs.scene_rig import job_viewpoints
from .job_request import Shape
from .seen_picture import Picture, SeenPicture, seen_picture


@dataclass(frozen=True)
class Surroundings:
    """Viewpoints and domain of a job; `cameras` is None for the model's own orbit."""

    domain: DomainSpec
    cameras: CameraRig | OrbitRig | None
    preview: Camera | None


class SceneView:
    """A scene as jobs see it; valid as long as nothing in the scene changes."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        self._surroundings: dict[tuple[Any, ...], Surroundings] = {}
        for look in (self.filled, self.guide, self.picture):
            setattr(self, look.__name__, functools.cache(look))

    def surroundings(
        self,
        rig: str | bpy.types.Collection | RigChoice | None,
        domain: bpy.types.Object | str | None,
        jitter: Any,
    ) -> Surroundings:
        """Return domain and viewpoints; arguments and errors as of `sjc_blender.addon.api.generate`."""
        key = rig, domain, repr(jitter)
        if key not in self._surroundings:
            with evaluated(self.scene) as view:
                turn = 0.0 if jitter is None else jitter
                box, cameras = job_viewpoints("ORBIT" if rig is None else rig, domain, view, turn)
                self._surroundings[key] = Surroundings(box, cameras, preview_camera(box, view))
        return self._surroundings[key]

    def filled(self, proxy: Shape, domain: DomainSpec, resolution: int) -> FilledGrid:
        """Return the voxels of a domain that a proxy fills; errors of `filled_grid`."""
        with evaluated(self.scene) as view:
            return filled_grid(named_shape(proxy, "proxy"), domain, resolution, view)

    def guide(self, guide: Shape, domain: DomainSpec) -> GuideMesh:
        """Return the triangles of a guide in a domain; errors of `guide_mesh`."""
        with evaluated(self.scene) as view:
            return guide_mesh(named_shape(guide, "guide"), domain, view)

    def picture(self, picture: Picture) -> SeenPicture:
        """Return the pixels of a picture; errors of `seen_picture`."""
        return seen_picture(picture)
