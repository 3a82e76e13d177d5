# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera paths of videos, one camera per frame."""

from __future__ import annotations

import math
from pathlib import Path

from ...protocol import codec
from ...protocol.errors import Fault, InvalidSpec, SjcError
from ...protocol.json_text import BadJson, read_json
from ...protocol.model_profile import load_profile
from ...protocol.outside_file import UnusableFile
from ...protocol.profile_content import Orbit
from ...protocol.spec import Camera, CameraRig, JobSpec, OrbitRig
from ...protocol.validation import camera_faults
from .viewpoints import orbit_camera

PATHS = ("spiral", "orbit")

LARGEST = 8_000_000
"""Bytes of a file of cameras."""

SPIRAL_FRAMES = 200
SPIRAL_SKIPPED = 60
SPIRAL_ROUNDS = 3
SPIRAL_NARROWEST = 1 / 3
ORBIT_FRAMES = 120
ORBIT_ELEVATION = 15.0


def job_orbit(spec: JobSpec) -> OrbitRig | Orbit:
    """Return the orbit of a job, or its model's if the job has cameras."""
    return spec.cameras if isinstance(spec.cameras, OrbitRig) else load_profile(spec.model.source).orbit


def named_path(name: str, orbit: OrbitRig | Orbit) -> list[Camera]:
    """A path around the domain, with the orbit's mean distance and field of view.

    ``spiral`` is that of the paper's videos (https://github.com/pals-ttic/sjc): three turns that come down and
    out from above, 200 frames of which the 60 from straight above are left out. ``orbit`` is one level turn of
    120 frames. Both begin, or would, at the front.

    Parameters
    ----------
    name : str
        One of `PATHS`.
    """
    distance, field_of_view = sum(orbit.distance) / 2, sum(orbit.field_of_view) / 2
    if name == "orbit":
        turn = range(ORBIT_FRAMES)
        return [orbit_camera(360.0 * k / ORBIT_FRAMES, ORBIT_ELEVATION, distance, field_of_view) for k in turn]
    cameras = []
    for frame in range(SPIRAL_SKIPPED, SPIRAL_FRAMES):
        share = (frame + 1) / SPIRAL_FRAMES
        height = distance * (1.0 - share)
        radius = distance * max(math.sin(share * math.pi / 2), SPIRAL_NARROWEST)
        elevation = math.degrees(math.atan2(height, radius))
        azimuth = 360.0 * SPIRAL_ROUNDS * share % 360.0
        cameras.append(orbit_camera(azimuth, elevation, math.hypot(height, radius), field_of_view))
    return cameras


def read_cameras(path: Path) -> list[Camera]:
    """Cameras from a JSON file: a list of them, or an object with such a list as ``cameras`` (as in ``job.json``).

    Raises
    ------
    SjcError
        ``unknown_path`` if there is no such file, ``bad_camera_file`` if it is not JSON.
    InvalidSpec
        With every fault of the cameras.
    """
    try:
        data = read_json(path, LARGEST)
    except UnusableFile as error:
        known = ", ".join(PATHS)
        raise SjcError(
            "unknown_path",
            f"{str(path)!r} is neither a path ({known}) nor a file that can be read: it {error}.",
            "Name one of them.",
        ) from error
    except BadJson as error:
        raise SjcError("bad_camera_file", f"{path} is not valid JSON: {error}.", "Write it anew.") from error
    listed = data.get("cameras") if isinstance(data, dict) else data
    rig, faults = codec.decode(CameraRig, {"cameras": listed})
    if rig is None:
        raise InvalidSpec(faults)
    faults = [fault for index, camera in enumerate(rig.cameras) for fault in camera_faults(camera, f"cameras[{index}]")]
    if not rig.cameras:
        faults = [Fault("cameras", [], "at least one camera")]
    if faults:
        raise InvalidSpec(faults)
    return list(rig.cameras)
