# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of one job: its spec, its events and its results.

::

    job.json                 the spec
    events.jsonl             every event, one JSON object a line
    log.txt                  whatever the engine and its libraries print
    engine.lock, .lease      held by the engine that works here
    settings.json            the panel's settings, if the job was started from the panel
    proxy.npz                the coarse shape that the density keeps to, if the job has one
    guide.npz                the triangles whose shape steers the model, if the job has any
    picture.npz              the picture that the model sees beside the prompt, if there is one
    origin.safetensors       the checkpoint of the job whose field this one starts from, if any
    region.npz               where that field may change, if only in a region
    previews/000050.png      previews during the optimisation
    previews/live.npz        the field as it is now, coarse; gone when the job is done
    checkpoint.safetensors   the newest complete state
    result/                  field.npz, mesh.npz, mesh.ply, mesh.glb, turntable.png, turntable.mp4, metrics.json

It may come from anyone, so its files are opened by `sjc_blender.protocol.plain_files` alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from . import atomic_write, codec, events, lease, plain_files
from .errors import SjcError
from .json_text import from_bytes
from .outside_file import is_there
from .slug import slug
from .spec import JobSpec
from .validation import spec_from_json, validated

FIELD_VERSION = 1
"""Format of ``field.npz``, ``mesh.npz`` and ``live.npz``."""

OCCUPANCY_VERSION = 1
"""Format of ``proxy.npz`` and ``region.npz``."""

RESULT_FILES = {
    "field": "field.npz",
    "mesh": "mesh.npz",
    "mesh_ply": "mesh.ply",
    "mesh_glb": "mesh.glb",
    "turntable": "turntable.png",
    "turntable_video": "turntable.mp4",
    "metrics": "metrics.json",
}
"""Files in ``result/``, by the names that `events.Result` has for them. The last is written last."""

OUTPUT_FILES = {"volume": "field", "mesh": "mesh"}
"""What is imported for each output of a job, by its name in `RESULT_FILES`."""

LARGEST_SPEC = 8_000_000
"""Bytes of ``job.json``; a camera takes about a thousand."""

LARGEST_SETTINGS = 1_000_000

_LIBRARY_TEMPORARY = re.compile(r"\.tmp[A-Za-z0-9]{6}")
"""Temporary files of safetensors, which it leaves behind when the disk is full or the process is killed."""

_PREVIEW = re.compile(r"[0-9]{6,9}\.png")
_FILMS = ("spiral.mp4", "orbit.mp4", "cameras.mp4")


class JobFolder:
    """Paths and files of one job.

    Parameters
    ----------
    path : Path
        The folder; it need not exist yet, see `create`.
    """

    def __init__(self, path: Path) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise SjcError("not_a_job", f"{repr(path)[:80]} is no path of a folder.")
        self.path = Path(path)
        self.spec_path = self.path / "job.json"
        self.events_path = self.path / "events.jsonl"
        self.log_path = self.path / "log.txt"
        self.lease_path = self.path / "engine.lease"
        self.lock_path = lease.lock_of(self.lease_path)
        self.settings_path = self.path / "settings.json"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.proxy = self.path / "proxy.npz"
        self.guide = self.path / "guide.npz"
        self.picture = self.path / "picture.npz"
        self.origin = self.path / "origin.safetensors"
        self.region = self.path / "region.npz"
        self.previews = self.path / "previews"
        self.live_field = self.previews / "live.npz"
        self.result = self.path / "result"
        self.results = {name: self.result / file for name, file in RESULT_FILES.items()}
        self.field, self.mesh = self.results["field"], self.results["mesh"]
        self.turntable, self.metrics = self.results["turntable"], self.results["metrics"]

    @classmethod
    def create(cls, path: Path, spec: JobSpec) -> JobFolder:
        """Make the folder and write the spec.

        Raises
        ------
        InvalidSpec
            If the spec has faults; nothing is written then.
        SjcError
            ``folder_not_writable``, ``disk_full``, ``not_a_plain_file``, or ``folder_in_use`` if a job with another
            spec lies there already (it is left as it is).
        """
        validated(spec)
        folder = cls(path)
        if folder.has(folder.spec_path) and folder.read_spec() != spec:
            raise SjcError(
                "folder_in_use",
                f"{folder.path} holds another job already.",
                "Choose an empty folder, or resume that job as it is.",
            )
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic_write.file_error(error, folder.path) from error
        folder.require_plain()
        folder.make_folders()
        folder.write_text(folder.spec_path, json.dumps(codec.encode(spec), indent=2, ensure_ascii=False) + "\n")
        return folder

    def read_spec(self) -> JobSpec:
        """Read and validate ``job.json``; nothing that it names is looked at.

        Raises
        ------
        InvalidSpec
            With every fault of the spec.
        SjcError
            ``no_job`` if the folder holds none, ``bad_job_file`` if it is not JSON, ``file_too_large``,
            ``not_a_plain_file`` if anything of the job is a link or the like.
        """
        self.require_plain()
        try:
            content = self.read(self.spec_path, LARGEST_SPEC)
        except OSError as error:
            raise SjcError(
                "no_job",
                f"{self.path} holds no job: {self.spec_path.name} cannot be read.",
                "Choose the folder that a job was started in.",
            ) from error
        try:
            data = from_bytes(content)
        except ValueError as error:
            raise SjcError(
                "bad_job_file",
                f"{self.spec_path} is not valid JSON: {error}.",
                "Put back a copy of the file, or make the job again.",
            ) from error
        return spec_from_json(data, look_at_model=False)

    # Which files there are.

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files beside the spec that determine the result; a job has some of them or none."""
        return self.proxy, self.guide, self.picture, self.origin, self.region

    @property
    def to_continue(self) -> tuple[Path, ...]:
        """The files that another job needs to continue from this one's checkpoint."""
        return self.checkpoint, self.settings_path, *self.inputs

    def is_done(self, outputs: Iterable[str]) -> bool:
        """Whether the job has ended with its result: ``metrics.json``, which is written last, and all of `outputs`.

        Parameters
        ----------
        outputs : iterable of str
            Names in `OUTPUT_FILES`: those that the job's spec asks for.
        """
        return all(self.has(self.results[name]) for name in ("metrics", *(OUTPUT_FILES[output] for output in outputs)))

    def begin_results(self) -> None:
        """Delete the file that marks the results as complete, before they are written again; SjcError if that fails."""
        try:
            self.metrics.unlink(missing_ok=True)
        except OSError as error:
            raise atomic_write.file_error(error, self.metrics) from error

    def own_files(self) -> list[Path]:
        """Return the files present that jobs create in their folders, by name; the spec comes last.

        This includes temporary files of a process that was killed.
        """
        found = []
        for folder in (self.result, self.previews, self.path):
            for name in sorted(plain_files.plain_names(self.path, folder)):
                if self._is_own(folder / (atomic_write.written_for(name) or name)):
                    found.append(folder / name)
        return sorted(found, key=lambda path: path == self.spec_path)

    def sweep(self) -> None:
        """Delete temporary files of engines that were killed; only the holder of the folder's lease may do so."""
        for path in self.own_files():
            if atomic_write.written_for(path.name) or _LIBRARY_TEMPORARY.fullmatch(path.name):
                with contextlib.suppress(OSError):
                    path.unlink()

    def delete(self) -> list[str]:
        """Delete the files of the job, and the folders that are empty then.

        Returns
        -------
        list of str
            What is left, relative to the folder: files that jobs do not create.

        Raises
        ------
        SjcError
            ``engine_busy``, ``no_job``, ``folder_not_writable``. Another try deletes the rest.
        """
        if plain_files.kind_of(self.path) != "a folder" or not plain_files.kind_of(self.spec_path):
            raise SjcError("no_job", f"{self.path} is not the folder of a job: nothing was deleted.")
        if self.busy:
            raise engine_busy(self)
        try:
            for path in self.own_files():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise atomic_write.file_error(error, self.path) from error
        for folder in (self.result, self.previews, self.path):
            with contextlib.suppress(OSError):  # a link, or something of the user's in it
                folder.rmdir()
        return sorted(self._left(self.path)) if is_there(self.path) else []

    def newest_preview(self) -> Path | None:
        """Return the newest picture in ``previews/``; None if there is none."""
        names = [name for name in plain_files.plain_names(self.path, self.previews) if _PREVIEW.fullmatch(name)]
        return self.previews / max(names, key=lambda name: (len(name), name)) if names else None

    def preview(self, step: int) -> Path:
        """Return the path of the preview of a step."""
        return self.previews / f"{step:06d}.png"

    # Opening.

    def require_plain(self) -> None:
        """Refuse a folder in which anything but a plain file has the name of one of the job's files.

        Raises
        ------
        SjcError
            ``not_a_plain_file``, naming it.
        """
        at_top = (self.spec_path, self.events_path, self.log_path, self.lock_path, self.lease_path, self.settings_path)
        for path in (*at_top, self.checkpoint, *self.inputs, self.live_field, *self.results.values()):
            plain_files.require_plain(self.path, path)

    def make_folders(self) -> None:
        """Create missing folders inside it: archives and version control leave out empty ones.

        Raises
        ------
        SjcError
            ``folder_not_writable``, ``disk_full``, ``not_a_plain_file``.
        """
        for path in (self.live_field, self.field):
            self.to_write(path)

    def has(self, path: Path) -> bool:
        """Return whether one of its files exists, as a plain file."""
        return plain_files.is_plain(self.path, path)

    def read(self, path: Path, limit: int) -> bytes:
        """Read one of its files; errors as of `plain_files.read_plain`."""
        return plain_files.read_plain(self.path, path, limit)

    def open(self, path: Path) -> BinaryIO:
        """Open one of its files for reading; errors as of `plain_files.open_plain`."""
        return plain_files.open_plain(self.path, path)

    def append(self, path: Path) -> BinaryIO:
        """Open one of its files for adding to its end.

        Raises
        ------
        SjcError
            ``not_a_plain_file``, ``disk_full``, ``folder_not_writable``.
        """
        try:
            return plain_files.append_plain(self.path, path)
        except OSError as error:
            raise atomic_write.file_error(error, path) from error

    def to_write(self, path: Path) -> Path:
        """Return the path of one of its files for `atomic_write.atomic_path`; its folder is made if it is missing.

        Raises
        ------
        SjcError
            ``not_a_plain_file``, ``disk_full``, ``folder_not_writable``.
        """
        try:
            return plain_files.path_to_write(self.path, path)
        except OSError as error:
            raise atomic_write.file_error(error, path) from error

    def write_text(self, path: Path, text: str) -> None:
        """Write one of its files as UTF-8, whole or not at all; errors as of `to_write`."""
        atomic_write.write_text(self.to_write(path), text)

    def relative(self, path: Path) -> str:
        """Path inside the folder as events tell it: relative, with forward slashes."""
        return path.relative_to(self.path).as_posix()

    def told(self, relative: str) -> Path | None:
        """Return the plain file that an event names; None if it is not there, or not in the folder."""
        path = self.path / relative
        return path if self.has(path) else None

    # Events.

    def append_event(self, event: events.Event) -> None:
        """Add one event to ``events.jsonl``; errors as of `append`."""
        try:
            with self.append(self.events_path) as file:
                file.write(events.to_line(event).encode("utf-8") + b"\n")
        except OSError as error:
            raise atomic_write.file_error(error, self.events_path) from error

    # Locking.

    @property
    def busy(self) -> bool:
        """Whether an engine of any session works in the folder."""
        return lease.is_held(self.lease_path)

    def claim(self, patience: float = 0.0, waiting: Callable[[lease.Holder | None], None] | None = None) -> lease.Lease:
        """Acquire the folder's lease, which keeps other engines out; parameters as of `Lease.acquire`.

        Raises
        ------
        SjcError
            ``engine_busy`` if one is in it; errors as of `to_write`.
        """
        try:
            claimed = lease.Lease.acquire(self.lease_path, patience, waiting)
        except OSError as error:
            raise atomic_write.file_error(error, self.lease_path) from error
        if claimed is None:
            raise engine_busy(self)
        return claimed

    def _is_own(self, path: Path) -> bool:
        if path.parent == self.previews:
            return path == self.live_field or bool(_PREVIEW.fullmatch(path.name))
        if path.parent == self.result:
            return path in self.results.values() or path.name in _FILMS or self.is_volume(path.name)
        top = (self.spec_path, self.events_path, self.log_path, self.lock_path, self.lease_path, self.settings_path)
        return path in (*top, self.checkpoint, *self.inputs) or bool(_LIBRARY_TEMPORARY.fullmatch(path.name))

    def is_volume(self, name: str) -> bool:
        """Whether a file was written for a Volume of an unsaved .blend; see `volume_stem`."""
        if not name.endswith(".vdb"):
            return False
        try:
            stem = volume_stem(self.read_spec())
        except SjcError:
            return False
        return bool(re.fullmatch(re.escape(stem) + r"(-([0-9]+|[0-9a-f]{12}))?\.vdb", name))

    def _left(self, folder: Path) -> Iterator[str]:
        for path in folder.iterdir():
            inside = path in (self.result, self.previews) and plain_files.kind_of(path) == "a folder"
            yield from self._left(path) if inside else [self.relative(path)]


def wanted_outputs(spec: JobSpec) -> tuple[str, ...]:
    """Return what a job is to make: ``"volume"``, ``"mesh"`` or both."""
    return tuple(name for name in OUTPUT_FILES if getattr(spec.outputs, name))


def volume_stem(spec: JobSpec) -> str:
    """Return the prefix of the names of a job's .vdb files."""
    return f"{slug(spec.subject)}-seed{spec.seed}"


def engine_busy(folder: JobFolder) -> SjcError:
    """Return the error for a folder in which another engine works; it names the holder."""
    holder = lease.holder_of(folder.lease_path)
    whose = f" ({holder})" if holder is not None else ""
    return SjcError(
        "engine_busy",
        f"An engine{whose} is still working in {folder.path}, or finishing its step.",
        "Wait until it has ended, then try again. A result that has just been imported may still get its turntable.",
    )
