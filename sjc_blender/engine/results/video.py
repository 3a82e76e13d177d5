# SPDX-License-Identifier: GPL-3.0-or-later
"""H.264 videos by ffmpeg."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import torch

from ...protocol.atomic_write import atomic_path, require_room
from ...protocol.errors import SjcError
from ..image_files.srgb import to_bytes

LONGEST_SECONDS = 300
"""For ffmpeg to end after the last frame."""


def write_video(path: Path, frames: Iterable[torch.Tensor], frames_per_second: int) -> None:
    """Write an MP4 that browsers and players show everywhere (H.264, yuv420p).

    Parameters
    ----------
    frames : iterable of Tensor [3, H, W]
        sRGB in [0, 1], at least one; height and width even. They are taken one by one.

    Raises
    ------
    SjcError
        ``video_failed`` if there is no ffmpeg or it cannot do it; ``disk_full`` or
        ``folder_not_writable``. The video that was there stays, whatever `frames` raises too.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = first.shape[1:]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(frames_per_second), "-i", "-"]
    # A file that begins with its index plays while it loads.
    target = ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    with atomic_path(path) as temporary, tempfile.TemporaryFile() as said:
        try:
            # A list of arguments and no shell; the only outside word in it is the path.
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *source, *target, str(temporary)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        except (RuntimeError, OSError) as error:
            raise _failed(path, f"cannot be started: {error}".rstrip(".")) from error
        try:
            trouble = _feed(process, itertools.chain([first], frames), said)
        finally:
            process.kill()
            process.wait()
        require_room(temporary.parent)  # ffmpeg's own words for a full disk are none to go by
        if trouble:
            raise _failed(path, trouble)


def _feed(process: subprocess.Popen[bytes], frames: Iterable[torch.Tensor], said: IO[bytes]) -> str:
    """Give ffmpeg all frames and wait for its end; what went wrong, or nothing."""
    assert process.stdin is not None, "it was started with a pipe"
    for frame in frames:
        pixels = to_bytes(frame.movedim(0, -1)).tobytes()
        try:
            process.stdin.write(pixels)
        except OSError:
            break  # it has ended, and has said why
    try:
        process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return f"took more than {LONGEST_SECONDS} seconds"
    if process.returncode == 0:
        return ""
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return f"failed: {lines[-1]}" if lines else f"ended with the code {process.returncode}"


def _failed(path: Path, trouble: str) -> SjcError:
    return SjcError(
        "video_failed",
        f"{path.name} was not written, because ffmpeg {trouble}.",
        "Everything else is there. Install ffmpeg, or name it in the environment variable IMAGEIO_FFMPEG_EXE.",
    )
