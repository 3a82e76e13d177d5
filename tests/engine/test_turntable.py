"""The turn begins at the front, goes the right way round, and frames the object."""

from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch

from sjc_blender.engine.image_files.srgb import to_linear
from sjc_blender.engine.radiance.radiance_grid import RadianceGrid
from sjc_blender.engine.results.turntable import Turntable, render_turntable
from sjc_blender.engine.results.video import write_video
from sjc_blender.protocol.errors import SjcError
from tests.engine.analytic_objects import ball, half_extents, voxel_centres
from tests.small_disk import files_of, fill, small_disk

RED, GREEN, BLUE, WHITE = ([0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.9, 0.9, 0.9])
SHAPE = (16, 16, 16)


@pytest.fixture(scope="module")
def turntable() -> Turntable:
    """Of a small ball off the centre: red in front (-Y), green at +X, blue behind, white at -X."""
    points = voxel_centres(SHAPE) - torch.tensor([0.3, -0.2, 0.1])
    along_y = points[..., 1].abs() > points[..., 0].abs()
    front_or_back = torch.where(points[..., 1:2] < 0, torch.tensor(RED), torch.tensor(BLUE))
    sides = torch.where(points[..., :1] > 0, torch.tensor(GREEN), torch.tensor(WHITE))
    srgb = torch.where(along_y[..., None], front_or_back, sides)
    density = ball(SHAPE, 0.5, (0.3, -0.2, 0.1))
    return render_turntable(RadianceGrid(density, to_linear(srgb), half_extents(SHAPE), torch.zeros(3)))


def test_the_sheet_shows_front_left_back_and_right_in_turn(turntable: Turntable) -> None:
    size = turntable.frames.shape[-1]
    assert turntable.sheet.shape == (3, 2 * size, 8 * size)
    for column, colour in ((0, RED), (2, GREEN), (4, BLUE), (6, WHITE)):
        middle = turntable.sheet[:, size // 2, column * size + size // 2]
        np.testing.assert_allclose(middle, colour, atol=0.05)
    np.testing.assert_allclose(turntable.frames[12, :, size // 2, size // 2], GREEN, atol=0.05)


def test_the_object_is_in_the_middle_of_every_frame_and_fills_it_over_grey(turntable: Turntable) -> None:
    shown = (turntable.frames - 0.5).abs().amax(dim=1) > 0.1
    size = shown.shape[-1]
    for frame in shown:
        rows, columns = frame.any(dim=1).nonzero(), frame.any(dim=0).nonzero()
        assert abs(float(columns.float().mean()) - size / 2) < 0.05 * size
        for low, high in ((int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))):
            assert low > 0 and high < size - 1
            assert high - low > 0.7 * size
    np.testing.assert_allclose(turntable.frames[:, :, 0, 0], 0.5, atol=1e-5)


def test_fog_tells_a_cloud_from_a_solid(turntable: Turntable) -> None:
    cloud = RadianceGrid(ball(SHAPE, 0.5) / 60.0, torch.ones(*SHAPE, 3), half_extents(SHAPE), torch.zeros(3))
    assert turntable.fog < 0.25
    assert render_turntable(cloud).fog > 0.9


def test_the_video_has_every_frame_in_its_colours(turntable: Turntable, tmp_path: Path) -> None:
    path = tmp_path / "t.mp4"
    write_video(path, turntable.frames, 24)
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta["codec"] == "h264" and meta["pix_fmt"].startswith("yuv420p") and meta["fps"] == 24
    frames = [np.frombuffer(frame, np.uint8).reshape(*meta["size"][::-1], 3) for frame in reader]
    assert len(frames) == len(turntable.frames)
    expected = turntable.frames[12].movedim(0, -1).numpy() * 255
    assert np.abs(frames[12] - expected).mean() < 4.0


def test_a_missing_ffmpeg_is_told_and_leaves_nothing_behind(
    turntable: Turntable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-ffmpeg"))
    with pytest.raises(SjcError) as told:
        write_video(tmp_path / "t.mp4", turntable.frames[:2], 24)
    assert told.value.code == "video_failed"
    assert "IMAGEIO_FFMPEG_EXE" in told.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("leave", [0, 4096, 40000])
def test_a_full_disk_is_named_and_keeps_the_older_video(turntable: Turntable, tmp_path: Path, leave: int) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        (disk / "t.mp4").write_bytes(b"older")
        fill(disk, leave)
        with pytest.raises(SjcError) as told:
            write_video(disk / "t.mp4", turntable.frames, 24)
        assert told.value.code == "disk_full"
        assert files_of(disk) == {"t.mp4": b"older"}
