# SPDX-License-Identifier: GPL-3.0-or-later
"""Angles of Blender's properties in degrees, as they were typed. Knows no bpy."""

import math

PLACES = 4
"""Decimals that single precision keeps of up to 180 degrees."""


def in_degrees(angle: float) -> float:
    """Return an angle property in degrees.

    Parameters
    ----------
    angle : float
        Radians in single precision, in which a right angle is 90.0000025 degrees: more than the 90 that are allowed.
    """
    return round(math.degrees(angle), PLACES)
