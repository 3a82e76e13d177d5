# SPDX-License-Identifier: GPL-3.0-or-later
"""Download of a model from the hub into the local cache: only what its family needs, verified and resumable.

Files come by `transfer`, because huggingface_hub discards partial files when a download ends early, and stores
files where the server's headers say. `snapshot` lays them out as that library does, so that whatever else reads
the cache (diffusers, other programs) finds the model there.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...protocol.amounts import gigabytes
from ...protocol.atomic_write import file_error
from ...protocol.errors import SjcError, first_line
from ...protocol.hub_cache import INDEX, hub_cache
from ...protocol.known_models import known_model
from ...protocol.lease import Lease
from ...protocol.model_events import Transfer
from ...protocol.model_families import FAMILIES, family_of, json_object
from ..score_models.control import CLASS, CONFIGURATION
from . import transfer
from .cache import free_bytes, repository_folder
from .listing import checked_commit, listed_names, remote_file
from .snapshot import Snapshot
from .transfer import Meter, RemoteFile, Stopped
from .wanted_files import CONTROL, PARTS, wanted_files

SPARE_BYTES = 256_000_000
"""Bytes that a download leaves free on the disk."""

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
CHUNK = 1 << 20
"""Bytes between two checks for a cancel; huggingface_hub's own chunks are ten times as large."""


def download_model(hub_id: str, report: Callable[[Transfer], None], stopped: Callable[[], bool]) -> bool:
    """Download a model, or what is missing or damaged of it, into the cache that the environment names.

    Parameters
    ----------
    report : callable
        Takes a `Transfer`, some times a second.
    stopped : callable
        Polled; True stops the download.

    Returns
    -------
    bool
        False if it was stopped; what has come stays, and the next call goes on from there.

    Raises
    ------
    SjcError
        ``offline``, ``bad_hub_id``, ``hub_unreachable``, ``unknown_hub_model``, ``gated_model``,
        ``unsupported_pipeline``, ``not_a_pipeline``, ``missing_component``, ``no_safetensors``, ``bad_listing``,
        ``not_enough_disk``, ``download_corrupt``, ``download_running``; as in `atomic_write.file_error` if the cache
        cannot be written.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import disable_progress_bars

    if constants.is_offline_mode():
        raise SjcError(
            "offline",
            f"The model {hub_id} cannot be downloaded: the environment variable HF_HUB_OFFLINE forbids the network.",
            "Unset it, and try again.",
        )
    disable_progress_bars()
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    repository = repository_folder(hub_id)
    with _explained(hub_id, constants.ENDPOINT), _only_one(repository):
        try:
            _download(hub_id, repository, report, stopped)
        except Stopped:
            return False
    return True


def _download(hub_id: str, repository: Path, report: Callable[[Transfer], None], stopped: Callable[[], bool]) -> None:
    from huggingface_hub.file_download import are_symlinks_supported

    commit, files = _plan(hub_id)
    snapshot = Snapshot(repository, commit, links=are_symlinks_supported(hub_cache()))
    meter = Meter(sum(file.size for file in files), report, stopped)
    missing = [file for file in files if not snapshot.has(file, meter)]
    _check_space(hub_id, missing, snapshot)
    for file in missing:
        partial = snapshot.partial(file)
        partial.parent.mkdir(parents=True, exist_ok=True)
        _fetch(hub_id, commit, file, partial, meter)
        snapshot.take(file, partial)
    meter.look()
    snapshot.publish()


def _fetch(hub_id: str, commit: str, file: RemoteFile, partial: Path, meter: Meter) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    transfer.fetch(file, hf_hub_url(hub_id, file.name, revision=commit), build_hf_headers(), partial, meter)


def _plan(hub_id: str) -> tuple[str, list[RemoteFile]]:
    """Return the newest commit and its wanted files."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    api = HfApi()
    commit = checked_commit(hub_id, api.model_info(hub_id).sha)
    entries = api.list_repo_tree(hub_id, recursive=True, revision=commit)
    listed = listed_names(hub_id, (entry for entry in entries if isinstance(entry, RepoFile)))
    wanted = wanted_files(listed, _family(hub_id, commit, listed), hub_id)
    return commit, [remote_file(hub_id, listed[name]) for name in wanted]


def _family(hub_id: str, commit: str, listed: Mapping[str, Any]) -> str:
    """Name of the family: known before, or by the model's index or configuration, which is fetched for that."""
    known = known_model(hub_id)
    if known is not None:
        return known.family
    if INDEX not in listed and CONFIGURATION in listed:
        with _fetched(hub_id, commit, listed[CONFIGURATION]) as place:
            if json_object(place / CONFIGURATION).get("_class_name") == CLASS:
                return CONTROL
    if INDEX not in listed:
        raise SjcError(
            "not_a_pipeline",
            f"{hub_id} is not a diffusers pipeline: it has no {INDEX}.",
            "Choose a model in diffusers format.",
        )
    with _fetched(hub_id, commit, listed[INDEX]) as place:
        family = family_of(place)
    if family is None or family.name not in PARTS:
        titles = ", ".join(each.title for each in FAMILIES if each.name in PARTS)
        raise SjcError(
            "unsupported_pipeline", f"{hub_id} is of an unsupported kind. Supported kinds: {titles}.", "Choose another."
        )
    return family.name


@contextmanager
def _fetched(hub_id: str, commit: str, entry: Any) -> Iterator[Path]:
    """A temporary folder with one small file of the model."""
    file = remote_file(hub_id, entry)
    with tempfile.TemporaryDirectory() as place:
        _fetch(hub_id, commit, file, Path(place) / file.name, Meter(file.size, lambda _transfer: None, lambda: False))
        yield Path(place)


def _check_space(hub_id: str, missing: list[RemoteFile], snapshot: Snapshot) -> None:
    needed = sum(file.size for file in missing)
    for file in missing:
        partial = snapshot.partial(file)
        needed -= min(partial.stat().st_size, file.size) if partial.is_file() else 0
    free = free_bytes(snapshot.folder)
    if needed and needed + SPARE_BYTES > free:
        raise _not_enough_disk(f"{hub_id} needs {gigabytes(needed)}, and some to spare; {gigabytes(free)} are free")


def _not_enough_disk(why: str) -> SjcError:
    return SjcError(
        "not_enough_disk",
        f"There is not enough space for the model on the disk of {hub_cache()}: {why}.",
        "Free some space, delete a model that you do not need, or choose another folder for models.",
    )


@contextmanager
def _only_one(repository: Path) -> Iterator[None]:
    """Keep two processes from writing the same partial files."""
    path = hub_cache() / ".locks" / repository.name / "sjc-download.lease"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lease = Lease.acquire(path)
    except OSError as error:
        raise file_error(error, path) from error
    if lease is None:
        raise SjcError(
            "download_running", "This model is being downloaded by another program.", "Wait for it to end there."
        )
    try:
        yield
    finally:
        lease.release()


@contextmanager
def _explained(hub_id: str, endpoint: str) -> Iterator[None]:
    """Convert the exceptions of the hub, the network and the disk into SjcError."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise SjcError(
            "gated_model",
            f"The owners of {hub_id} let only those download it who have accepted its licence and are logged in.",
            f"Accept the licence at {endpoint}/{hub_id}, then log in with `hf auth login` in a terminal (or set "
            "HF_TOKEN), and start the download again. Your login stays with Hugging Face's own programs.",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise SjcError(
            "unknown_hub_model",
            f"{endpoint} has no model {hub_id}, or it is private and you are not logged in.",
            "Check the id; for a private model log in with `hf auth login`.",
        ) from error
    except (errors.HfHubHTTPError, httpx2.HTTPError, errors.LocalEntryNotFoundError) as error:
        raise _network_error(hub_id, endpoint, error) from error
    except OSError as error:
        if error.errno is None:  # raised by huggingface_hub itself
            raise _network_error(hub_id, endpoint, error) from error
        if error.errno in FULL:
            raise _not_enough_disk("it is full now, and what has come is kept") from error
        raise file_error(error, hub_cache()) from error


def _network_error(hub_id: str, endpoint: str, error: Exception) -> SjcError:
    return SjcError(
        "hub_unreachable",
        f"The download of {hub_id} from {endpoint} broke off: {first_line(error)}.",
        "Check the connection and start it again; it continues where it stopped.",
    )
