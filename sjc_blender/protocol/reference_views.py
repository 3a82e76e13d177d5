# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of pictures with their cameras, used instead of a model.

``reference_views.json`` in it::

    {"version": 1, "views": [{"image": "front.png", "camera": {"name": "front", "pose": [...], "window": [...]}}]}

A ``domain``, as in a job, may say where in the world the box is. A camera is `sjc_blender.protocol.spec.Camera`, in
domain units, as in the ``cameras`` of a job's ``job.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import codec
from .errors import SjcError
from .json_text import BadJson, read_json
from .model_families import REFERENCE_VIEWS
from .outside_file import UnusableFile, stays_inside
from .spec import Camera, CameraRig, DomainSpec

LARGEST = 8_000_000
"""Bytes of the list; a view takes about a thousand."""


@dataclass(frozen=True)
class ReferenceView:
    """A square picture, named relative to the folder, and its camera."""

    image: str
    camera: Camera


@dataclass(frozen=True)
class ReferenceViews:
    """All views of a folder, and the domain that they show."""

    views: tuple[ReferenceView, ...]
    domain: DomainSpec = field(default_factory=DomainSpec)
    version: int = 1

    @property
    def rig(self) -> CameraRig:
        """The cameras of the pictures."""
        return CameraRig(tuple(view.camera for view in self.views))


def read_reference_views(folder: Path) -> ReferenceViews:
    """Read the list of views; the pictures are not looked at.

    Raises
    ------
    SjcError
        ``bad_reference_views`` if it cannot be read, is of the wrong form or empty, or names a picture outside.
    """
    file = folder / REFERENCE_VIEWS
    try:
        data = read_json(file, LARGEST)
    except UnusableFile as error:
        raise _bad(file, str(error)) from error
    except BadJson as error:
        raise _bad(file, f"cannot be read: {error}") from error
    views, faults = codec.decode(ReferenceViews, data)
    if views is None:
        raise _bad(file, "is wrong: " + "; ".join(map(str, faults)))
    if not views.views:
        raise _bad(file, "names no view")
    for view in views.views:
        if not stays_inside(folder, view.image):
            raise _bad(file, f"names the picture {view.image!r}, which lies outside the folder")
    return views


def _bad(file: Path, trouble: str) -> SjcError:
    return SjcError(
        "bad_reference_views", f"{file} {trouble}.", "The form is described in the documentation of models (docs)."
    )
