"""H.264 videos by ffmpeg."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import torch

from ...protocol.atomic_write import atomic_path
from ...protocol.errors import SjcError
from .srgb import to_bytes

LONGEST_SECONDS = 300


def write_video(path: Path, frames: torch.Tensor, frames_per_second: int) -> None:
    """Write an MP4 that browsers and players show everywhere (H.264, yuv420p).

    Parameters
    ----------
    path : Path
    frames : Tensor [F, 3, H, W]
        sRGB in [0, 1]; height and width even.
    frames_per_second : int

    Raises
    ------
    SjcError
        ``video_failed`` if there is no ffmpeg or it cannot do it; ``disk_full`` or
        ``folder_not_writable``. The video that was there stays.
    """
    height, width = frames.shape[2:]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(frames_per_second), "-i", "-"]
    # A file that begins with its index plays while it loads.
    target = ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    pixels = to_bytes(frames.movedim(1, -1)).tobytes()
    with atomic_path(path) as temporary:
        try:
            # A list of arguments and no shell; the only outside word in it is the path.
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *source, *target, str(temporary)]
            subprocess.run(command, input=pixels, capture_output=True, check=True, timeout=LONGEST_SECONDS)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise SjcError(
                "video_failed",
                f"{path.name} was not written, because ffmpeg {_trouble(error)}.",
                "Everything else is there. Install ffmpeg, or name it in the environment variable IMAGEIO_FFMPEG_EXE.",
            ) from error


def _trouble(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        return f"failed: {said[-1]}" if said else f"ended with the code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"took more than {LONGEST_SECONDS} seconds"
    return f"cannot be started: {error}".rstrip(".")
