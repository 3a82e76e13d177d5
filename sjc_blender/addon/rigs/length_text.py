# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths as texts in the scene's units."""

from __future__ import annotations

import bpy

SYMBOLS = {
    "KILOMETERS": "km",
    "METERS": "m",
    "CENTIMETERS": "cm",
    "MILLIMETERS": "mm",
    "MICROMETERS": "um",
    "MILES": "mi",
    "FEET": "ft",
    "INCHES": "in",
    "THOU": "thou",
}
"""Fixed length units of a scene; with any other (adaptive) Blender chooses by the size."""


def length_text(length: float, scene: bpy.types.Scene) -> str:
    """Return a length in the scene's units.

    Parameters
    ----------
    length : float
        Blender units.

    Returns
    -------
    str
        Such as ``2 m``, ``200 cm``, ``6.562 ft``; a bare number where the scene has no units.
    """
    units = scene.unit_settings
    if units.system == "NONE":
        return f"{length:.4g}"
    meters = length * units.scale_length
    symbol = SYMBOLS.get(units.length_unit)
    if symbol is not None:
        return f"{meters / bpy.utils.units.to_value(units.system, 'LENGTH', '1' + symbol):.4g} {symbol}"
    return bpy.utils.units.to_string(units.system, "LENGTH", meters, precision=4, split_unit=units.use_separate).strip()
