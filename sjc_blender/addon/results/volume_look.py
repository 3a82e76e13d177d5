# SPDX-License-Identifier: GPL-3.0-or-later
"""The look of a result's Volume: glowing in its own colours, or scattering the scene's light."""

from __future__ import annotations

import bpy

from ...protocol.errors import SjcError
from ..kept_values import kept_text
from .look_groups import LOOKS
from .materials import LOOK_PROPERTY, look_material, show_material


def look_of(obj: bpy.types.Object) -> str:
    """``"RADIANCE"`` or ``"SCATTERING"``; empty where the material is another."""
    return kept_text(obj.active_material, LOOK_PROPERTY)


def set_look(obj: bpy.types.Object, look: str) -> None:
    """Set the look of a result's Volume.

    The material that it had is kept in the file with all that was changed in it, and comes back with its look.

    Parameters
    ----------
    obj : Object, its name, or its job
    look : str
        ``"RADIANCE"``, which glows in the colours that were optimised, or ``"SCATTERING"``, a cloud that lamps light.

    Raises
    ------
    SjcError
        ``not_a_volume``, or ``unknown_look`` with those that there are.
    """
    if obj.type != "VOLUME":
        raise SjcError("not_a_volume", f"{obj.name!r} is no Volume.", "Choose the Volume of a result.")
    look = look.strip().upper() if isinstance(look, str) else look
    if look not in LOOKS:
        raise SjcError("unknown_look", f"There is no look {look!r}.", f"There are {', '.join(LOOKS)}.")
    if look_of(obj) == look:
        return
    if look_of(obj):
        # A property that points to it keeps a material in the file as well as its use does.
        obj[_property(look_of(obj))] = obj.active_material
    material = obj.get(_property(look))
    if not isinstance(material, bpy.types.Material):
        material = look_material(obj.name, look)
    show_material(obj, material)


def _property(look: str) -> str:
    return f"sjc_material_{look.lower()}"
