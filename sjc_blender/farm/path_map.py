# SPDX-License-Identifier: GPL-3.0-or-later
"""Translation of the paths of a shared folder, which is mounted under different names on different machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..protocol.errors import SjcError


@dataclass(frozen=True)
class PathMap:
    r"""Pairs of prefixes: a path with the first prefix of a pair has the second one here.

    Attributes
    ----------
    pairs : tuple of (str, str)
        Such as ``("S:\\jobs", "/mnt/jobs")``. The longest beginning that fits is taken; Windows' names may be of
        any letter case, with slashes of either kind.
    """

    pairs: tuple[tuple[str, str], ...] = ()

    def here(self, path: str) -> Path:
        """Return what `path`, as another machine names it, is called here."""
        parts = _parts(path)
        fitting = [(start, end) for start, end in self.pairs if _begins(parts, _parts(start))]
        if not fitting:
            return Path(path)
        start, end = max(fitting, key=lambda pair: len(_parts(pair[0])))
        return Path(end, *parts[len(_parts(start)) :])


def path_map(entries: Sequence[str]) -> PathMap:
    """Read ``THERE=HERE`` entries; SjcError ``bad_usage``."""
    pairs = []
    for entry in entries:
        there, equals, here = entry.partition("=")
        if not equals or not _parts(there) or not here:  # '.' names no folder either
            raise SjcError(
                "bad_usage",
                f"{entry!r} is not of the form THERE=HERE.",
                r"For instance: --map S:\jobs=/mnt/jobs",
            )
        pairs.append((there, here))
    return PathMap(tuple(pairs))


def _parts(path: str) -> tuple[str, ...]:
    windows = PureWindowsPath(path)
    return windows.parts if windows.drive else PurePosixPath(path.replace("\\", "/")).parts


def _begins(parts: tuple[str, ...], start: tuple[str, ...]) -> bool:
    if PureWindowsPath(start[0]).drive:  # Windows' names are of any letter case
        parts, start = (tuple(part.lower() for part in path) for path in (parts, start))
    return parts[: len(start)] == start
