"""The folder of one job: what was asked, what happened, what came out.

::

    job.json                 the spec
    events.jsonl             every event, one JSON object a line
    log.txt                  whatever the engine and its libraries print
    engine.lock              held by the engine that works here
    settings.json            what the panel was set to, where the job came from there
    proxy.npz                the coarse shape that the density keeps to, if the job has one
    origin.safetensors       the checkpoint of the job whose field this one starts from, if it does
    region.npz               where that field may change, if not everywhere
    previews/000050.png      pictures of the way
    previews/live.npz        the field as it is now, coarse; gone when the job is done
    checkpoint.safetensors   the newest complete state
    result/                  field.npz, mesh.ply, mesh.glb, turntable.png, turntable.mp4, metrics.json
"""

from __future__ import annotations

import json
from pathlib import Path

from . import atomic_write, codec, events, file_lock
from .errors import SjcError
from .spec import JobSpec
from .validation import spec_from_json, validated


class JobFolder:
    """Paths and files of one job.

    Parameters
    ----------
    path : Path
        The folder; it need not exist yet, see `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.spec_path = self.path / "job.json"
        self.events_path = self.path / "events.jsonl"
        self.log_path = self.path / "log.txt"
        self.lock_path = self.path / "engine.lock"
        self.settings_path = self.path / "settings.json"
        self.previews = self.path / "previews"
        self.live_field = self.previews / "live.npz"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.proxy = self.path / "proxy.npz"
        self.origin = self.path / "origin.safetensors"
        self.region = self.path / "region.npz"
        self.result = self.path / "result"

    @classmethod
    def create(cls, path: Path, spec: JobSpec) -> JobFolder:
        """Make the folder and write the spec.

        Raises
        ------
        InvalidSpec
            If the spec has faults; nothing is written then.
        SjcError
            ``folder_not_writable``, ``disk_full``, or ``folder_in_use`` if a job with another
            spec lies there already (it is left as it is).
        """
        validated(spec)
        folder = cls(path)
        if folder.spec_path.exists() and folder.read_spec() != spec:
            raise SjcError(
                "folder_in_use",
                f"{folder.path} holds another job already.",
                "Choose an empty folder, or resume that job as it is.",
            )
        try:
            folder.previews.mkdir(parents=True, exist_ok=True)
            folder.result.mkdir(exist_ok=True)
        except OSError as error:
            raise atomic_write.file_error(error, folder.path) from error
        atomic_write.write_text(folder.spec_path, json.dumps(codec.encode(spec), indent=2, ensure_ascii=False) + "\n")
        return folder

    def read_spec(self) -> JobSpec:
        """Read and validate ``job.json``.

        Raises
        ------
        InvalidSpec
            With every fault of the spec.
        SjcError
            ``no_job`` if the folder holds none, ``bad_job_file`` if it is not JSON.
        """
        try:
            text = self.spec_path.read_text(encoding="utf-8")
        except OSError as error:
            raise SjcError(
                "no_job",
                f"{self.path} holds no job: {self.spec_path.name} cannot be read.",
                "Choose the folder that a job was started in.",
            ) from error
        try:
            data = json.loads(text)
        except ValueError as error:
            raise SjcError("bad_job_file", f"{self.spec_path} is not valid JSON: {error}.") from error
        return spec_from_json(data)

    @property
    def busy(self) -> bool:
        """Whether an engine works in the folder, of this session or of any other."""
        return file_lock.is_held(self.lock_path)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Files beside the spec that determine the result, for jobs that have them."""
        return self.proxy, self.origin, self.region

    def append_event(self, event: events.Event) -> None:
        """Add one event to ``events.jsonl``."""
        try:
            with self.events_path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(events.to_line(event) + "\n")
        except OSError as error:
            raise atomic_write.file_error(error, self.events_path) from error

    def read_events(self) -> list[events.Event]:
        """Every complete event told so far; lines that are none are passed over."""
        if not self.events_path.exists():
            return []
        lines = self.events_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return [event for event in map(events.from_line, lines) if event is not None]

    def relative(self, path: Path) -> str:
        """Path inside the folder as events tell it: relative, with forward slashes."""
        return path.relative_to(self.path).as_posix()


def engine_busy(folder: JobFolder) -> SjcError:
    """Say that another engine works in `folder`."""
    return SjcError(
        "engine_busy",
        f"An engine is still working in {folder.path}, or finishing its step.",
        "Wait until it has ended, then resume the job.",
    )
