# SPDX-License-Identifier: GPL-3.0-or-later
"""An option to show the colours of results in 3D viewports with Solid shading.

What is changed is put back when the wish ends, where nobody has changed it since.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..window_events import areas

_wished = False
_forms = False
_before: dict[tuple[int, str], tuple[str, str]] = {}
"""Old and new values by a viewport's shading and setting."""


def wished() -> bool:
    """Whether colours are shown."""
    return _wished


def wish(colours: bool) -> None:
    """Show vertex colours in the viewports' Solid shading, or restore it."""
    global _wished
    _wished = colours
    _apply()


def forget() -> None:
    """Forget the viewports of a file that was closed."""
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
