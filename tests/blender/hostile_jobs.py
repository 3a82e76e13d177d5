"""A download of somebody else: job folders beside a .blend, most of them hostile, and a folder of the user's."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path

from sjc_blender.protocol import events, presets
from sjc_blender.protocol.job_folder import JobFolder

MODEL = "mallory/nice-chairs"
GOOD = ("a red chair", "a blue duck")

NAMED = {
    "linked-log": "log.txt is a link",
    "linked-results": "result is a link",
    "linked-checkpoint": "checkpoint.safetensors is a link",
    "pipe": "events.jsonl is a pipe",
    "folder-for-a-file": "job.json is a folder",
    "endless": "job.json has more than",
    "nested": "job.json cannot be read",
    "not-text": "job.json cannot be read",
    "wrong-values": "job.json cannot be read",
}
"""Folders that the history has to name, and what it says of them."""

HARMLESS = ("huge-picture", "hostile-texts", "hostile-events")
"""Hostile ones that are shown as jobs: what is wrong with them is not shown."""


def lay_download(place: Path) -> Path:
    """Make them below `place`, with two good ones; return the folder for the .blend."""
    download = place / "download"
    jobs = download / "sjc_jobs"
    jobs.mkdir(parents=True)
    home = place / "home"
    (home / "sub").mkdir(parents=True)
    for name in (".bashrc", "sub/field.npz", "sub/mesh.npz", "sub/metrics.json"):
        (home / name).write_text("alias ll='ls -l'\n")
    for prompt in GOOD:
        _interrupted(jobs / prompt.replace(" ", "-"), prompt)
    for name in NAMED:
        _interrupted(jobs / name, "a green mug")
    for name in HARMLESS:
        _interrupted(jobs / name, f"the {name}")
    _spoil(jobs, home)
    return download


def fingerprint(place: Path) -> dict[str, str]:
    """What lies in a folder: kinds, sizes, times and contents."""
    found = {}
    for path in sorted(place.rglob("*")):
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(place))] = f"{about.st_mode:o} {about.st_size} {about.st_mtime_ns} {content}"
    return found


def _interrupted(path: Path, prompt: str) -> JobFolder:
    folder = JobFolder.create(path, presets.new_job(prompt, preset="draft", model=MODEL))
    folder.append_event(events.Progress(60, 150))
    folder.append_event(events.CheckpointSaved("checkpoint.safetensors", 60))
    folder.checkpoint.write_bytes(b"state")
    return folder


def _spoil(jobs: Path, home: Path) -> None:
    (jobs / "linked-log" / "log.txt").symlink_to(home / ".bashrc")
    (jobs / "linked-results" / "result").rmdir()
    (jobs / "linked-results" / "result").symlink_to(home / "sub")
    for name, target in (("linked-checkpoint", home / ".bashrc"),):
        (jobs / name / "checkpoint.safetensors").unlink()
        (jobs / name / "checkpoint.safetensors").symlink_to(target)
    (jobs / "pipe" / "events.jsonl").unlink()
    os.mkfifo(jobs / "pipe" / "events.jsonl")
    (jobs / "folder-for-a-file" / "job.json").unlink()
    (jobs / "folder-for-a-file" / "job.json").mkdir()
    with (jobs / "endless" / "job.json").open("wb") as file:
        file.truncate(1 << 40)  # no room on the disk is taken
    (jobs / "nested" / "job.json").write_bytes(b"[" * 200_000)
    (jobs / "not-text" / "job.json").write_bytes(b"\xff\xfe\x00\xd8" * 99)
    spec = json.loads((jobs / "wrong-values" / "job.json").read_bytes())
    spec["seed"] = float("inf")
    (jobs / "wrong-values" / "job.json").write_text(json.dumps(spec))
    (jobs / "huge-picture" / "previews" / "000050.png").write_bytes(_black_picture(30_000))
    texts = jobs / "hostile-texts" / "job.json"
    spec = json.loads(texts.read_bytes())
    spec["prompt"] = "{prompt:>30000000} \x1b[31m \u202e \u2028 %s " + "a" * 50_000
    spec["preset"] = "\n\n\n{0.__class__}"
    texts.write_text(json.dumps(spec))
    with (jobs / "hostile-events" / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "progress", "step": 1e999, "total": []}\n{"event": {}}\n' + b"\xff" * 5000 + b"\n")
        file.write(b'{"event": "checkpoint", "path": "../../../home/.bashrc", "step": 60}\n')


def _black_picture(side: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    packer = zlib.compressobj(9)
    row = bytes(side // 8 + 1)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = side.to_bytes(4, "big") * 2 + bytes((1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
