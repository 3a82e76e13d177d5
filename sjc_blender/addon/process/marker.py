# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that marks a complete environment."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ...protocol import codec
from ...protocol.atomic_write import write_text
from ...protocol.json_text import BadJson, read_json
from ...protocol.outside_file import UnusableFile

LARGEST = 100_000
"""Bytes of a marker."""


@dataclass(frozen=True)
class Marker:
    """The description of an environment that was complete and working.

    Attributes
    ----------
    requirements : str
        Hash of the list of packages that it was made of, see `requirements_hash`.
    python, torch : str
        Their versions.
    size : int
        Bytes on disk.
    """

    requirements: str
    python: str
    torch: str
    size: int

    def write(self, path: Path) -> None:
        """Write the marker; SjcError as in `atomic_write.write_text`."""
        write_text(path, json.dumps(codec.encode(self), indent=2) + "\n")


def read_marker(path: Path) -> Marker | None:
    """Return the marker at `path`; None if it is missing or unreadable."""
    try:
        data = read_json(path, LARGEST)
    except (UnusableFile, BadJson):
        return None
    return codec.decode(Marker, data)[0]


def requirements_hash(*paths: str | Path) -> str:
    """Return the hash of lists of packages, without comments and line ends."""
    lines = (line.strip() for path in paths for line in Path(path).read_text(encoding="utf-8").splitlines())
    asked = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(asked.encode()).hexdigest()
