# SPDX-License-Identifier: GPL-3.0-or-later
"""3D viewports in the colours of results, for whoever wishes: in Solid, Blender's first shading, a mesh has one.

What is changed is put back when the wish ends, where nobody has changed it since.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..window_events import areas

_wished = False
_forms = False
_before: dict[tuple[int, str], tuple[str, str]] = {}
"""By a viewport's shading and the setting: what it was, and what it was set to."""


def wished() -> bool:
    """Whether colours are to be seen."""
    return _wished


def wish(colours: bool) -> None:
    """Let the viewports' Solid shading show the colours of vertices, or what it showed before."""
    global _wished
    _wished = colours
    _apply()


def forget() -> None:
    """Let another file's viewports be as they are."""
    global _wished
    _wished = False
    _before.clear()


def an_object_forms(forms: bool) -> None:
    """While a live volume is there, and colours are wished for, Solid viewports show it as Material Preview does."""
    global _forms
    if forms != _forms:
        _forms = forms
        _apply()


def _apply() -> None:
    for shading in _shadings():
        _set(
            shading, "type", "MATERIAL", wanted=_wished and _forms and shading.type == "SOLID", keep=_wished and _forms
        )
        _set(shading, "color_type", "VERTEX", wanted=_wished and shading.color_type != "VERTEX", keep=_wished)


def _set(shading: bpy.types.View3DShading, name: str, value: str, *, wanted: bool, keep: bool) -> None:
    key = shading.as_pointer(), name
    if wanted:
        _before[key] = getattr(shading, name), value
        setattr(shading, name, value)
    elif not keep and key in _before:
        before, ours = _before.pop(key)
        if getattr(shading, name) == ours:
            setattr(shading, name, before)


def _shadings() -> Iterator[bpy.types.View3DShading]:
    for area in areas("VIEW_3D"):
        space = area.spaces.active
        if isinstance(space, bpy.types.SpaceView3D):
            yield space.shading
