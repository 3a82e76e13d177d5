# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the panel's settings that are saved in a job's folder. Knows no bpy."""

from __future__ import annotations

from typing import Any

from ...protocol.errors import SjcError
from ...protocol.job_folder import LARGEST_SETTINGS, JobFolder
from ...protocol.json_text import BadJson, from_bytes


def kept_settings(folder: JobFolder) -> dict[str, Any] | None:
    """Return the settings by name; None if there are none, or they cannot be read."""
    try:
        data = from_bytes(folder.read(folder.settings_path, LARGEST_SETTINGS))
    except (OSError, BadJson, SjcError):
        return None
    settings = data.get("settings") if isinstance(data, dict) else None
    return settings if isinstance(settings, dict) else None
