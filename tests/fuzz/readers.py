"""Every reader of what comes from outside, and an example of what it reads rightly.

Each takes bytes as they would lie in a file, stand on a line, or come from a hub. It may return anything, or raise
`SjcError` (or one of the `ALLOWED`, which a caller in the same room turns into one); everything else is a fault.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from sjc_blender.addon.batch.batch_file import read_batch_file
from sjc_blender.addon.batch.text_rows import rows_of_text
from sjc_blender.addon.environment.installer_settings import from_pip_list, from_uv_files
from sjc_blender.addon.jobs.job_index import JobIndex
from sjc_blender.addon.jobs.job_records import read_record
from sjc_blender.addon.jobs.kept_settings import kept_settings
from sjc_blender.addon.process.marker import read_marker
from sjc_blender.addon.process.own_folders import LIST, OwnFolders
from sjc_blender.addon.results.blend_mentions import digests_in
from sjc_blender.addon.results.picture_size import picture_size
from sjc_blender.addon.results.result_files import read_field, read_mesh
from sjc_blender.engine import checkpoint
from sjc_blender.engine.cameras.camera_paths import read_cameras
from sjc_blender.engine.fitting.transforms_file import read_transforms
from sjc_blender.engine.image_files.picture_file import open_picture
from sjc_blender.engine.model_store.listing import checked_commit, listed_names, remote_file
from sjc_blender.engine.pictures.finished_job import read_grid
from sjc_blender.engine.radiance.guide_file import read_guide
from sjc_blender.engine.radiance.occupancy_file import read_occupancy
from sjc_blender.engine.radiance.picture_input import read_picture
from sjc_blender.farm.path_map import path_map
from sjc_blender.farm.travelling_folder import unpack_job, unpack_result
from sjc_blender.protocol import codec, events, farm_lines, lease, presets
from sjc_blender.protocol.checkpoint_content import checkpoint_content
from sjc_blender.protocol.errors import SjcError
from sjc_blender.protocol.hub_cache import VARIABLE, cached_snapshot
from sjc_blender.protocol.job_folder import JobFolder
from sjc_blender.protocol.overrides import parse_overrides
from sjc_blender.protocol.presets import new_job
from tests.fuzz.model_readers import CAMERA, POSE, model_readers
from tests.fuzz.reader import Reader, as_json, at, scratch_folder

SPEC = presets.new_job("a red chair", preset="draft", seed=7)


def _npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def _field() -> bytes:
    return _npz(
        version=np.int64(1),
        density=np.ones((3, 3, 3), np.float32),
        rgb=np.ones((3, 3, 3, 3), np.float16),
        half_extents=np.ones(3),
        voxel_size=np.float64(0.6),
        matrix_world=np.eye(4),
    )


def _mesh() -> bytes:
    return _npz(
        version=np.int64(1),
        vertices=np.zeros((4, 3), np.float32),
        faces=np.array([[0, 1, 2, 3]], np.int32),
        normals=np.zeros((4, 3), np.float32),
        colours=np.zeros((4, 3), np.float32),
        threshold=np.float64(0.5),
    )


FRAME = {"file_path": "images/r_0", "transform_matrix": POSE}
TRANSFORMS = {"camera_angle_x": 0.7, "frames": [FRAME] * 3}
EVENTS = (
    events.Phase("optimising"),
    events.Progress(3, 10, 1.0, 7.0, 2.5, {"emptiness": 0.1}),
    events.Result({"field": "result/field.npz"}, {"fog": 0.1}),
    events.Failed("disk_full", "The disk is full.", "Free some."),
)
BLEND = b"BLENDER" + bytes(100) + b"a-0123456789ab.vdb" + bytes(20) + b"ENDB" + bytes(20)
TABLE = b'name;prompt;seed;import\nhero;"a red chair";3,0;mesh\nduck;"a\nduck";TRUE;\n'


def _checkpoint() -> bytes:
    path = scratch_folder() / "checkpoint.safetensors"
    checkpoint.save(path, SPEC, 3, {"field.density": torch.zeros(2, 2)})
    return path.read_bytes()


def _transforms(root: Path) -> object:
    picture = root / "images" / "r_0.png"
    if not picture.exists():
        picture.parent.mkdir()
        picture.write_bytes(_png())
    return read_transforms(root / "transforms.json")


def _folder_reader(read: Callable[[JobFolder], object], *parts: str) -> Callable[[bytes], object]:
    root = scratch_folder()
    folder = JobFolder.create(root / "job", SPEC)
    path = folder.path.joinpath(*parts)

    def reader(content: bytes) -> object:
        path.write_bytes(content)
        return read(folder)

    return reader


def _overrides(content: bytes) -> object:
    changes = content.decode("utf-8", "replace").split("\n")
    return new_job("a red chair", preset="draft", **parse_overrides(changes))


def _hub(content: bytes) -> object:
    text = content.decode("utf-8", "surrogateescape")
    checked_commit("acme/model", text)
    return cached_snapshot(text)


class _Entry:
    """A file in a hub's listing."""

    def __init__(self, values: dict[str, object]) -> None:
        self.path = values.get("path")
        self.rfilename = self.path
        self.size = values.get("size")
        self.blob_id = values.get("blob_id")
        lfs = values.get("lfs")
        self.lfs = SimpleNamespace(**{"sha256": None, "size": None, **lfs}) if isinstance(lfs, dict) else None


def _listing(content: bytes) -> object:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    entries = [_Entry(value) for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    return [remote_file("acme/model", entry) for entry in listed_names("acme/model", entries).values()]


def _cached(root: Path) -> object:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(root)
    try:
        return cached_snapshot("acme/model")
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def _farm(content: bytes) -> object:
    """What another machine sends: names of files with their contents, in each of the two directions."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    files = {name: str(value).encode("utf-8", "replace") for name, value in values.items()} if _is_dict(values) else {}
    with tempfile.TemporaryDirectory(prefix="sjc-fuzz-") as root:
        for unpack in (unpack_job, unpack_result):
            with contextlib.suppress(SjcError):
                unpack(files, JobFolder(Path(root) / "job"))
        outside = [path for path in Path(root).iterdir() if path.name != "job"]
        assert not outside, f"{outside} was written beside the job"
    return None


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


def _mentions(root: Path) -> object:
    try:
        return digests_in(root / "a.blend")
    except (OSError, ValueError, EOFError, zlib.error):
        return None


def readers() -> list[Reader]:
    """Every reader, each with folders of its own below the system's temporary one."""
    spec = as_json(codec.encode(SPEC))
    held = _checkpoint()
    return [
        Reader("an event on a line", events.from_bytes, tuple(events.to_line(event).encode() for event in EVENTS)),
        Reader(
            "a command on a line", lambda b: events.command_in(b.decode("utf-8", "replace")), (events.CANCEL.encode(),)
        ),
        Reader("job.json", _folder_reader(JobFolder.read_spec, "job.json"), (spec,)),
        Reader("history of job.json", _folder_reader(lambda f: read_record(f.path), "job.json"), (spec,)),
        Reader(
            "history of events.jsonl",
            _folder_reader(lambda f: read_record(f.path), "events.jsonl"),
            (b"\n".join(events.to_line(event).encode() for event in EVENTS),),
        ),
        Reader(
            "settings.json",
            _folder_reader(kept_settings, "settings.json"),
            (as_json({"version": 1, "settings": {"prompt": "a", "seed": 3}}),),
        ),
        Reader(
            "engine.lease",
            _folder_reader(lambda f: lease.holder_of(f.lease_path), "engine.lease"),
            (as_json({"host": "a", "system": "b", "process": 1, "started": 1.0, "token": "t", "beat": "0"}),),
        ),
        Reader("field.npz in the add-on", _folder_reader(read_field, "result", "field.npz"), (_field(),)),
        Reader("field.npz in the engine", _folder_reader(read_grid, "result", "field.npz"), (_field(),)),
        Reader("mesh.npz", _folder_reader(read_mesh, "result", "mesh.npz"), (_mesh(),)),
        Reader(
            "proxy.npz",
            _folder_reader(lambda f: read_occupancy(f.proxy, "0" * 64), "proxy.npz"),
            (_npz(version=np.int64(1), occupancy=np.ones((3, 3, 3), np.uint8)),),
        ),
        Reader(
            "picture.npz",
            _folder_reader(lambda f: read_picture(f.picture, "0" * 64), "picture.npz"),
            (_npz(version=np.int64(1), pixels=np.ones((3, 3, 3), np.uint8)),),
        ),
        Reader(
            "guide.npz",
            _folder_reader(lambda f: read_guide(f.guide, "0" * 64), "guide.npz"),
            (
                _npz(
                    version=np.int64(1),
                    vertices=np.ones((3, 3), np.float32),
                    triangles=np.array([[0, 1, 2]], np.int32),
                ),
            ),
        ),
        Reader(
            "checkpoint.safetensors",
            _folder_reader(lambda f: checkpoint.load(f.checkpoint, SPEC), "checkpoint.safetensors"),
            (held,),
        ),
        Reader(
            "a checkpoint's digest",
            _folder_reader(lambda f: checkpoint_content(f.checkpoint), "checkpoint.safetensors"),
            (held,),
        ),
        Reader(
            "index of jobs",
            at("index.json")(lambda root: JobIndex(root / "index.json").entries()),
            (as_json({"version": 1, "jobs": [["/a", True]]}),),
        ),
        Reader(
            "marker of an engine",
            at("marker.json")(lambda root: read_marker(root / "marker.json")),
            (as_json({"requirements": "a", "python": "3.11", "torch": "2.13.0", "size": 3}),),
        ),
        Reader(
            "list of an engine's folders",
            at(LIST)(lambda root: (OwnFolders(root).names, OwnFolders(root).present)),
            (as_json({"about": "a", "folders": ["env", "tools"]}),),
        ),
        Reader(
            "uv.toml",
            at("uv.toml")(lambda root: from_uv_files({"UV_CONFIG_FILE": str(root / "uv.toml")}).variables()),
            (
                b'index-url = "https://a/b"\nfind-links = ["a", "b"]\n[[index]]\nurl = "https://c"\ndefault = true\n',
                b'[pip]\nextra-index-url = ["https://a"]\n',
            ),
        ),
        Reader(
            "pip's list of its settings",
            lambda b: from_pip_list(b.decode("utf-8", "replace")).pip_options(),
            (b"global.index-url='https://a/b'\ninstall.find-links='a b'\n",),
        ),
        Reader("a cached model's commit", at("models--acme--model", "refs", "main")(_cached), (b"0123456789" * 4,)),
        Reader(
            "a farm's files",
            _farm,
            (as_json({"job.json": "{}", "proxy.npz": "a"}), as_json({"result/field.npz": "a", "../../x": "b"})),
        ),
        Reader(
            "a farm's names of folders",
            lambda b: path_map(b.decode("utf-8", "replace").split("\n")).here("S:\\jobs\\a/b"),
            (b"S:\\jobs=/mnt/jobs\n/mnt/a=/b", b".=/b"),
        ),
        *model_readers(held),
        Reader(
            "transforms.json",
            at("transforms.json")(_transforms),
            (
                as_json(TRANSFORMS),
                as_json(
                    TRANSFORMS
                    | {
                        "fl_x": 50,
                        "fl_y": 50,
                        "cx": 32,
                        "cy": 32,
                        "w": 64,
                        "h": 64,
                        "camera_model": "OPENCV",
                        "k1": 0.1,
                    }
                ),
            ),
        ),
        Reader(
            "a farm's line",
            lambda b: (farm_lines.from_line(t := b.decode("utf-8", "replace")), farm_lines.command_in(t)),
            (
                farm_lines.to_line(Path("/a"), EVENTS[0]).encode(),
                farm_lines.Command(farm_lines.RUN, Path("/a")).line.encode(),
            ),
        ),
        Reader("a .blend's mentions", at("a.blend")(_mentions), (BLEND, gzip.compress(BLEND))),
        Reader("a picture's size", lambda b: picture_size(io.BytesIO(b)), (_png(),)),
        Reader("a camera path", at("path.json")(lambda root: read_cameras(root / "path.json")), (as_json([CAMERA]),)),
        Reader("a picture", at("picture.png")(lambda root: open_picture(root / "picture.png")), (_png(),)),
        Reader(
            "a batch's table",
            lambda b: rows_of_text(b.decode("utf-8", "replace"), "a.csv"),
            (TABLE, b"sep=;\n" + TABLE),
        ),
        Reader(
            "a batch's JSON",
            lambda b: rows_of_text(b.decode("utf-8", "replace"), "a.json"),
            (as_json([{"prompt": "a", "seed": 1}]), b'{"prompt": "a"}\n{"prompt": "b", "optimisation": {"steps": 3}}'),
        ),
        Reader(
            "a batch's file",
            at("batch.csv")(lambda root: read_batch_file(root / "batch.csv")),
            (TABLE, TABLE.decode().encode("utf-16")),
        ),
        Reader("settings as text", _overrides, (b"optimisation.steps=200\nseed=3", b"field.resolution=32")),
        Reader("a hub's id or commit", _hub, (b"0123456789" * 4, b"acme/model")),
        Reader(
            "a hub's listing",
            _listing,
            (
                as_json([{"path": "unet/config.json", "size": 3, "blob_id": "a" * 40}]),
                as_json(
                    [
                        {
                            "path": "unet/a.safetensors",
                            "size": 3,
                            "blob_id": "a" * 40,
                            "lfs": {"sha256": "b" * 64, "size": 3},
                        }
                    ]
                ),
            ),
        ),
    ]
