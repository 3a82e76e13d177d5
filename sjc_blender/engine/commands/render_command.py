# SPDX-License-Identifier: GPL-3.0-or-later
"""``render``: one view of a finished job."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from ...protocol.errors import SjcError
from ...protocol.job_folder import JobFolder
from ...protocol.spec import Camera, CameraRig, Device, JobSpec
from .arguments import finite
from .file_command import file_command

if TYPE_CHECKING:
    from ..reporter import Report


def add_render_command(commands: Any) -> None:
    """Add ``render`` to the engine's subcommands."""
    parser = commands.add_parser(
        "render",
        help="render a view of a finished job",
        epilog="example: python -m sjc_blender.engine render chair --azimuth 30 --size 1024 --out chair_view",
    )
    parser.add_argument("folder", type=Path, metavar="JOB_DIR")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for the pictures")
    parser.add_argument(
        "--camera", metavar="NAME|FILE", help="the name of a camera of the job, or a JSON file with a camera"
    )
    parser.add_argument("--azimuth", type=finite, default=30.0, help="degrees; 0 is the front, 90 the +X side")
    parser.add_argument("--elevation", type=finite, default=20.0, help="degrees above the horizon")
    parser.add_argument("--distance", type=finite, help="domain units (default: the job's)")
    parser.add_argument("--field-of-view", type=finite, help="degrees (default: the job's)")
    parser.add_argument("--channels", default="rgb,opacity,depth,normal", metavar="NAMES", help="default: %(default)s")
    add_picture_options(parser, size=512)
    parser.set_defaults(command=file_command(_render))


def add_picture_options(parser: argparse.ArgumentParser, size: int) -> None:
    """Add the options that all commands with pictures share."""
    parser.add_argument("--size", type=int, default=size, help=f"pixels a side (default {size})")
    parser.add_argument(
        "--decoder",
        choices=("grid", "vae"),
        default="grid",
        help="grid: colours of the result; vae: decoded by the model from the checkpoint (slower, with a background)",
    )
    parser.add_argument("--device", choices=get_args(Device), default="auto", help="device for the model")


def check_size(size: int) -> None:
    """Raise ``invalid_image_size`` for a picture of no or of too many pixels."""
    if not 1 <= size <= 4096:
        raise SjcError("invalid_image_size", f"A picture of {size} pixels cannot be made.", "Choose 1 to 4096.")


def _render(arguments: argparse.Namespace, _report: Report) -> None:
    from ..pictures.view_files import CHANNELS, render_channels, write_channels

    check_size(arguments.size)
    channels = tuple(arguments.channels.split(","))
    if not set(channels) <= set(CHANNELS):
        raise SjcError("bad_usage", f"--channels {arguments.channels}: known are {', '.join(CHANNELS)}.")
    folder = JobFolder(arguments.folder)
    spec = folder.read_spec()
    camera = _camera(arguments, spec)
    found = render_channels(
        folder, camera, arguments.size, channels, decoder=arguments.decoder, device=arguments.device
    )
    written = write_channels(arguments.out, camera, found, radius=math.hypot(*spec.domain.half_extents))
    print("\n".join(map(str, written)))


def _camera(arguments: argparse.Namespace, spec: JobSpec) -> Camera:
    from ..cameras.camera_paths import job_orbit, read_cameras
    from ..cameras.viewpoints import orbit_camera

    if arguments.camera is None:
        orbit = job_orbit(spec)
        distance = sum(orbit.distance) / 2 if arguments.distance is None else arguments.distance
        field_of_view = sum(orbit.field_of_view) / 2 if arguments.field_of_view is None else arguments.field_of_view
        if not (distance > 0 and 0 < field_of_view < 180):
            raise SjcError(
                "bad_usage", "--distance must be above 0, and --field-of-view between 0 and 180 degrees.", "Change it."
            )
        return orbit_camera(arguments.azimuth, arguments.elevation, distance, field_of_view)
    own = spec.cameras.cameras if isinstance(spec.cameras, CameraRig) else ()
    named = [camera for camera in own if camera.name == arguments.camera]
    return (named or read_cameras(Path(arguments.camera)))[0]
