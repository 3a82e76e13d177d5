# SPDX-License-Identifier: GPL-3.0-or-later
"""The asset catalogue of results: a line in the user's own file beside the .blend.

The file is the user's: a line is added to its end if ours is not there, and nothing else is ever changed.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from ...protocol.plain_files import kind_of, read_plain

FILE = "blender_assets.cats.txt"
CATALOGUE = "5a1c3b0e-93d4-4c52-8f0b-1d7e6f2a9c40"
"""Its id, one for all files, so that libraries of several files have it once; its name may be changed in Blender."""

LINE = f"{CATALOGUE}:SJC:SJC"
LARGEST = 4_000_000
VERSION = "VERSION 1"
HEADER = (
    "# This is an Asset Catalog Definition file for Blender.\n#\n"
    "# Empty lines and lines starting with `#` will be ignored.\n"
    "# The first non-ignored line should be the version indicator.\n"
    '# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"\n\n'
    f"{VERSION}\n\n"
)


def add_catalogue(blend: str) -> None:
    """Add the catalogue to the asset library that a .blend belongs to.

    Parameters
    ----------
    blend : str
        Path of the .blend.

    Raises
    ------
    SjcError
        ``catalogue_not_added`` if the existing file cannot be extended; ``folder_not_writable``,
        ``disk_full``. It keeps what it had.
    """
    path = _library_of(Path(blend)) / FILE
    content = _content(path)
    text = content.decode("utf-8-sig", "replace")
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("#")]
    if any(line.lower().startswith(f"{CATALOGUE}:") for line in told):
        return
    if told and told[0] != VERSION:
        raise _refusal(path, f"it begins with {told[0][:40]!r} and not with {VERSION!r}")
    ending = b"\r\n" if b"\r\n" in content else b"\n"
    if not told:
        content += HEADER.encode()
    elif not content.endswith(b"\n"):
        content += ending
    with atomic_path(path) as temporary:
        temporary.write_bytes(content + LINE.encode() + ending)


def has_results(objects: bpy.types.bpy_prop_collection) -> bool:
    """Return whether one of the objects is a local asset in the catalogue."""
    return any(
        obj.asset_data is not None and obj.library is None and obj.asset_data.catalog_id == CATALOGUE for obj in objects
    )


def _library_of(blend: Path) -> Path:
    """Return the folder of a .blend's catalogues: that of its asset library, else its own."""
    for library in bpy.context.preferences.filepaths.asset_libraries:
        root = Path(bpy.path.abspath(library.path)) if library.path else None
        if root is not None and root in blend.parents:
            return root
    return blend.parent


def _content(path: Path) -> bytes:
    kind = kind_of(path)
    if not kind:
        return b""
    if kind != "a file":
        raise _refusal(path, f"it is {kind}")
    try:
        return read_plain(path.parent, path, LARGEST)
    except (OSError, SjcError) as error:
        raise _refusal(path, str(error)) from error


def _refusal(path: Path, why: str) -> SjcError:
    return SjcError(
        "catalogue_not_added",
        f"The catalogue SJC could not be added to {path}: {why}. The file was not changed.",
        f"Add the line {LINE} to it yourself, or find the asset under Unassigned.",
    )
