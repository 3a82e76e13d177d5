# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties that animation or drivers may move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy


def custom_property(obj: bpy.types.Object, name: str, default: Any) -> Any:
    """Read a custom property of an evaluated object.

    A script that sets one tells Blender nothing, so that the evaluated object may have the value of before; but what
    animation and drivers make of it, only that one has.
    """
    original = obj.original
    assert original is not None  # of an evaluated object there is one
    animation = original.animation_data
    return (obj if animation is not None and _moves(animation, f'["{name}"]') else original).get(name, default)


def action_curves(animation: bpy.types.AnimData) -> Iterator[bpy.types.FCurve]:
    """Return the curves of the action that a data-block uses."""
    if animation.action is None:
        return
    layers: Any = animation.action.layers
    for layer in layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot) if animation.action_slot is not None else None
            yield from bag.fcurves if bag is not None else ()


def _moves(animation: bpy.types.AnimData, path: str) -> bool:
    return bool(animation.nla_tracks) or any(
        curve.data_path == path for curve in (*animation.drivers, *action_curves(animation))
    )
