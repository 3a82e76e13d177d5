# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that Windows reserves for devices, with or without an extension.

See https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
"""

from __future__ import annotations

import re

_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\..*)?", re.IGNORECASE)


def is_device(name: str) -> bool:
    """Return whether the name of a file, without folders, is reserved."""
    return _DEVICES.fullmatch(name) is not None
