# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of a model's files from a hub or a mirror; every name and hash is checked here."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

from ...protocol.device_names import is_device
from ...protocol.errors import SjcError
from ...protocol.hub_cache import COMMIT
from ...protocol.shown import shown
from .transfer import RemoteFile

MOST_FILES = 20_000
LARGEST_TEXT = 100_000_000
"""Bytes of a file that git keeps itself: settings and vocabularies."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_OID = re.compile(r"[0-9a-f]{40}")
# What no name may have on one of the systems: https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]|[. ]$|^ |^$|^\.{1,2}$')


def checked_commit(hub_id: str, commit: object) -> str:
    """Return the name of a commit; SjcError ``bad_listing`` if it is invalid."""
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise _bad(hub_id, "the commit", commit)
    return commit


def listed_names(hub_id: str, entries: Iterable[Any]) -> dict[str, Any]:
    """Return the entries of a repository by path; SjcError ``bad_listing`` if there are too many."""
    files = {}
    for entry in itertools.islice(entries, MOST_FILES + 1):
        if not isinstance(entry.path, str):
            raise _bad(hub_id, "the name of a file", entry.path)
        files[entry.path] = entry
    if len(files) > MOST_FILES:
        raise _bad(hub_id, "the number of files", f"more than {MOST_FILES}")
    return files


def remote_file(hub_id: str, entry: Any) -> RemoteFile:
    """Return one file of a listing.

    Raises
    ------
    SjcError
        ``bad_listing`` if its name leads elsewhere or is not possible on every system, or its hash or size is none.
    """
    name, size = entry.path, entry.size
    if not is_safe_name(name):
        raise _bad(hub_id, "the name of a file", name)
    large = entry.lfs is not None
    digest = entry.lfs.sha256 if large else entry.blob_id or ""
    # Not every mirror tells git's hashes.
    if not isinstance(digest, str) or not ((_SHA256 if large else _GIT_OID).fullmatch(digest) or not (large or digest)):
        raise _bad(hub_id, f"the hash of {name}", digest)
    if not isinstance(size, int) or size < 0 or (not large and size > LARGEST_TEXT):
        raise _bad(hub_id, f"the size of {name}", size)
    return RemoteFile(name, size, digest if large else "", "" if large else digest)


def is_safe_name(name: object) -> bool:
    """Whether a path of a repository stays in its folder, and can be a file's on Linux, macOS and Windows alike."""
    if not isinstance(name, str) or len(name) > 1000:
        return False
    parts = name.split("/")
    return not any(len(part) > 200 or _FORBIDDEN.search(part) or is_device(part) for part in parts)


def _bad(hub_id: str, what: str, found: object) -> SjcError:
    return SjcError(
        "bad_listing",
        f"The server's list of the files of {hub_id} is not one of a model: {what} is "
        f"{shown(repr(found), 100)}. Nothing of it was downloaded.",
        "If the environment variable HF_ENDPOINT names a mirror, unset it and try again; the mirror may be broken, or "
        "hostile.",
    )
