# SPDX-License-Identifier: GPL-3.0-or-later
"""One commit of a model in the Hugging Face cache, laid out as huggingface_hub does it.

Large and small files lie in ``blobs`` under their hashes; the snapshot has links to them. Where links are not possible
(most of Windows), or the hub tells no hash, the files themselves lie in the snapshot.
See https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ...protocol.atomic_write import write_text
from .cache import PARTIAL
from .transfer import Meter, RemoteFile


class Snapshot:
    """Files of one commit.

    Parameters
    ----------
    repository : Path
        The model's folder in the cache.
    links : bool
        Whether links are possible there.
    """

    def __init__(self, repository: Path, commit: str, *, links: bool) -> None:
        self.folder = repository / "snapshots" / commit
        self._repository = repository
        self._commit = commit
        self._links = links

    def partial(self, file: RemoteFile) -> Path:
        """Return the path of a partial download."""
        unique = file.sha256 or file.git_oid or hashlib.sha256(file.name.encode()).hexdigest()
        return self._repository / "blobs" / (unique + PARTIAL)

    def has(self, file: RemoteFile, meter: Meter) -> bool:
        """Return whether a file is present and undamaged; a damaged one is deleted, a missing link is created."""
        blob, shown = self._blob(file), self.folder / file.name
        for path in filter(None, (blob, shown)):
            if not path.is_file():
                continue
            meter.file = file.name
            if file.matches(path, meter.look):
                if path is blob:
                    self._show(blob, shown)
                meter.skip(file.size)
                return True
            path.unlink()
        return False

    def take(self, file: RemoteFile, partial: Path) -> None:
        """Move a complete file to its place."""
        blob, shown = self._blob(file), self.folder / file.name
        if blob is None or not self._links:
            shown.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(shown)
            return
        partial.replace(blob)
        self._show(blob, shown)

    def publish(self) -> None:
        """Make this commit the model's newest, once it is complete."""
        (self._repository / "refs").mkdir(parents=True, exist_ok=True)
        write_text(self._repository / "refs" / "main", self._commit)

    def _blob(self, file: RemoteFile) -> Path | None:
        digest = file.sha256 or file.git_oid
        return self._repository / "blobs" / digest if digest else None

    def _show(self, blob: Path, shown: Path) -> None:
        if shown.is_file() and (not self._links or shown.samefile(blob)):
            return
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.unlink(missing_ok=True)
        if self._links:
            shown.symlink_to(os.path.relpath(blob, shown.parent))
        else:
            blob.replace(shown)
