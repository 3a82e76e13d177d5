# SPDX-License-Identifier: GPL-3.0-or-later
"""``video``: a finished job along a camera path."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...protocol import events
from ...protocol.errors import SjcError
from ...protocol.spec import Camera, CameraRig, JobSpec
from .file_command import file_command
from .job_choice import add_job_choice, chosen_job
from .render_command import add_picture_options, check_size

if TYPE_CHECKING:
    from torch import Tensor

    from ..reporter import Report


def add_video_command(commands: Any) -> None:
    """Add ``video`` to the engine's subcommands."""
    parser = commands.add_parser(
        "video",
        help="film a finished job along a camera path",
        epilog="example: python -m sjc_blender.engine video chair --path spiral --depth",
    )
    add_job_choice(parser)
    parser.add_argument(
        "--path",
        default="spiral",
        help="spiral (the paper's), orbit, cameras (those of the job), or a JSON file with a camera for each frame",
    )
    parser.add_argument("--depth", action="store_true", help="show the depth beside the colours")
    parser.add_argument("--fps", type=int, default=24, help="frames per second (default 24)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: result/PATH.mp4 in the job's folder")
    add_picture_options(parser, size=1024)
    parser.set_defaults(command=file_command(_film))


def _film(arguments: argparse.Namespace, report: Report) -> None:
    from ..pictures.film import film
    from ..results.video import write_video

    check_size(arguments.size)
    if arguments.size % 2:
        raise SjcError("invalid_image_size", f"A video of {arguments.size} pixels cannot be made.", "Make it even.")
    if not 1 <= arguments.fps <= 240:
        raise SjcError("bad_usage", f"--fps {arguments.fps}: allowed are 1 to 240.")
    folder = chosen_job(arguments)
    spec = folder.read_spec()
    cameras = _cameras(arguments.path, spec)
    path = arguments.out or folder.to_write(folder.result / f"{Path(arguments.path).stem}.mp4")
    pictures = film(
        folder,
        spec,
        cameras,
        arguments.size,
        decoder=arguments.decoder,
        depth=arguments.depth,
        device=arguments.device,
    )
    write_video(path, _told(pictures, len(cameras), report), arguments.fps)
    print(path)


def _cameras(path: str, spec: JobSpec) -> Sequence[Camera]:
    from ..cameras.camera_paths import PATHS, job_orbit, named_path, read_cameras

    if path in PATHS:
        return named_path(path, job_orbit(spec))
    if path != "cameras":
        return read_cameras(Path(path))
    if not isinstance(spec.cameras, CameraRig):
        raise SjcError("unknown_path", "The job has no cameras of its own; it looked from an orbit.", "Name a file.")
    return spec.cameras.cameras


def _told(pictures: Iterator[Tensor], total: int, report: Report) -> Iterator[Tensor]:
    started = time.perf_counter()
    for index, picture in enumerate(pictures, start=1):
        yield picture
        rate = index / (time.perf_counter() - started)
        report(events.Progress(index, total, rate, (total - index) / rate))
