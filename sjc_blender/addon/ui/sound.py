# SPDX-License-Identifier: GPL-3.0-or-later
"""An optional sound when a job ends."""

from __future__ import annotations

import contextlib
from typing import Any

import bpy

from ... import __package__ as base_package

PITCH = 880.0
SECONDS = 0.25
VOLUME = 0.3

_playing: list[Any] = []
"""The device and its playback, which must stay referenced."""


def ring() -> None:
    """Play the sound if it is enabled, outside background mode, and if Blender has audio."""
    addon = bpy.context.preferences.addons.get(base_package)
    if bpy.app.background or addon is None or addon.preferences is None or not addon.preferences.play_sound:
        return
    with contextlib.suppress(Exception):  # aud raises errors of its own, and may not be built in
        import aud

        tone = aud.Sound.sine(PITCH).limit(0.0, SECONDS).fadeout(SECONDS / 2, SECONDS / 2).volume(VOLUME)
        device = aud.Device()
        _playing[:] = [device, device.play(tone)]
